/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Chunks of pages (see pages.h) from the guest's allocator and back to it.
 */
#ifndef BALLONET_SUPPLY_H
#define BALLONET_SUPPLY_H

#include <linux/list.h>
#include <linux/types.h>

struct hostcomm_request;
struct virtio_balloon;

void supply_alloc(struct hostcomm_request *rq, u64 max, unsigned int *largest);
void supply_charge(struct virtio_balloon *vb, struct list_head *chunks);
void supply_discharge(struct virtio_balloon *vb, struct list_head *chunks);
void supply_release(struct virtio_balloon *vb, struct list_head *chunks);
void supply_split(struct list_head *chunks, unsigned long pages,
		  struct list_head *head);
void supply_free(struct list_head *chunks);

#endif
