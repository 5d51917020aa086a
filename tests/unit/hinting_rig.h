/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Free page hinting of the driver under test: the test is the device, sets the
 * command id and watches what comes on the queue.
 */
#ifndef BALLONET_HINTING_RIG_H
#define BALLONET_HINTING_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "balloon.h"
#include "fake_queue.h"

/* The guest has so many blocks, all of them free. */
#define BLOCKS		6
#define BLOCK_PAGES	(1UL << BALLOON_MAX_ORDER)
#define STOP		VIRTIO_BALLOON_CMD_ID_STOP
#define DONE		VIRTIO_BALLOON_CMD_ID_DONE
#define ID		0x80000007u

extern struct virtio_balloon hinting_rig;
/* free_page_vq; answers at once unless a test says otherwise. */
extern struct fake_queue hints;
/* What the driver registered. */
extern struct shrinker *hinting_shrinker;

int hinting_rig_open(void **state);
int hinting_rig_close(void **state);
void hinting_rig_start(u64 features);
void hinting_rig_stop(void);

void say(u32 id);
u32 id_in(const struct fake_buffer *buf);
bool is_id(const struct fake_buffer *buf, u32 id);
unsigned int count_ids(u32 id);
unsigned int count_hints(unsigned int from);

#endif
