/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Watching how much memory the guest has available; see floor.c.
 */
#ifndef BALLONET_FLOOR_H
#define BALLONET_FLOOR_H

#include <linux/kernel.h>
#include <linux/list.h>

struct floor_timer;
struct virtio_balloon;

/**
 * struct balloon_floor - who looks
 * @timers: one for each processor; NULL if the device does not allow to give
 * @node: among those that hear of processors; started only
 */
struct balloon_floor {
	struct floor_timer __percpu *timers;
	struct hlist_node node;
};

int floor_register(void);
void floor_unregister(void);
int floor_init(struct virtio_balloon *vb);
void floor_exit(struct virtio_balloon *vb);
int floor_start(struct virtio_balloon *vb);
void floor_stop(struct virtio_balloon *vb);

#endif
