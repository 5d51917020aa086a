/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buffers between the driver and us: taken from a ring, answered, put back,
 * forgotten.  The only file that reaches a virtqueue, so that one rule holds
 * for all of them:
 *
 * A used ring, a status, an index that says when to notify, an interrupt
 * message can lie on any register of the machine.  A write to it may reset,
 * stop or unplug this very device before it returns.  So a buffer and its queue
 * have left all state of the device before they come here to be answered, and
 * where a function returns false nothing that was read before it is true any
 * more: the caller returns at once and leaves the device's state alone.
 *
 * The device's memory outlives that: what is unplugged is freed by the RCU
 * thread, which needs the BQL.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_RING_H
#define BALLONET_RING_H

#include "hw/virtio/virtio.h"

struct Ballonet;

/*
 * The rings changed hands: the device, or one of its queues, was reset, the
 * driver or the VM stopped, the device goes.
 */
void balloon_ring_revoke(struct Ballonet *s);

/*
 * Takes the next buffer of @vq (VIRTIO 2.7.14, 2.8.22), in an allocation of
 * @size bytes that begins with a VirtQueueElement; the rest is not initialised.
 * Return: NULL where there is none, or where taking it took the ring away.
 */
void *balloon_ring_pop(struct Ballonet *s, VirtQueue *vq, size_t size);

/*
 * Answers @buffer, in which @written bytes were written, and frees it.  The
 * driver hears of it by balloon_ring_notify().
 * Return: whether the device's state is still what it was.
 */
bool balloon_ring_push(struct Ballonet *s, VirtQueue *vq, void *buffer, unsigned written);

/* Interrupts; whether we want to be notified of buffers.  Return: as above. */
bool balloon_ring_notify(struct Ballonet *s, VirtQueue *vq);
bool balloon_ring_notify_config(struct Ballonet *s);
bool balloon_ring_want_kicks(struct Ballonet *s, VirtQueue *vq, bool want);

/* Sets DEVICE_NEEDS_RESET and says @why in the log.  Return: as above. */
bool balloon_ring_error(struct Ballonet *s, const char *why);

/*
 * Deletes the queues of a device that goes: at once, or when the core's last
 * call on the stack has returned, as that still uses them.
 */
void balloon_ring_delete_queues(struct Ballonet *s);

/* Frees @buffer as if it had never been taken; for all that are out, in any order. */
void balloon_ring_rewind(VirtQueue *vq, void *buffer);

/* Frees @buffer without an answer: the driver has forgotten it. */
void balloon_ring_forget(VirtQueue *vq, void *buffer);

/*
 * The same, of a ring that was reset since @buffer was taken: its device-writable
 * part counts as written to.
 */
void balloon_ring_forget_written(VirtQueue *vq, void *buffer);

/* Pieces of guest memory that are mapped for @buffer; each takes some 50 ns to unmap. */
unsigned balloon_ring_segments(const void *buffer);

#endif
