/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /sys/kernel/debug/virtio_balloon/DEVICE/state; see debugfs.c.
 */
#ifndef BALLONET_DEBUGFS_H
#define BALLONET_DEBUGFS_H

struct virtio_balloon;

void balloon_debugfs_init(void);
void balloon_debugfs_exit(void);
void balloon_debugfs_add(struct virtio_balloon *vb);
void balloon_debugfs_remove(struct virtio_balloon *vb);

#endif
