/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Chunks of pages (see chunk.h) from the guest's allocator and back to it.
 */
#ifndef BALLONET_ALLOC_H
#define BALLONET_ALLOC_H

#include <linux/list.h>
#include <linux/types.h>

struct page;
struct virtio_balloon;

unsigned long memory_floor(unsigned long ballooned);
unsigned long memory_usable(void);
struct page *chunk_alloc(u64 max, unsigned int *largest, int nid);
void chunks_account(struct virtio_balloon *vb, struct list_head *chunks);
void chunks_unaccount(struct virtio_balloon *vb, struct list_head *chunks);
void chunks_release(struct virtio_balloon *vb, struct list_head *chunks);
void chunks_split(struct list_head *chunks, unsigned long pages,
		  struct list_head *head);
void chunks_free(struct list_head *chunks);

#endif
