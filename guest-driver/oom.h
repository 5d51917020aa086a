/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Deflating when the guest runs out of memory (VIRTIO_BALLOON_F_DEFLATE_ON_OOM);
 * see oom.c.
 */
#ifndef BALLONET_OOM_H
#define BALLONET_OOM_H

#include <linux/notifier.h>

#include "hostcomm.h"

/* Guest pages given back at a time. */
#define OOM_BATCH	2048

/**
 * struct balloon_oom - the emergency exit
 * @nb: called before the kernel kills somebody, by one task at a time
 * @rq: kept for it alone
 * @released: guest pages given back so far
 * @share: guest pages given the last time; 0 before the first
 * @last: when that was, in jiffies
 */
struct balloon_oom {
	struct notifier_block nb;
	struct hostcomm_request rq;
	u64 released;
	u32 share;
	unsigned long last;
};

struct virtio_balloon;

int oom_init(struct virtio_balloon *vb);
void oom_exit(struct virtio_balloon *vb);
int oom_start(struct virtio_balloon *vb);
void oom_stop(struct virtio_balloon *vb);

#endif
