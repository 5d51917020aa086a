/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A virtqueue as the virtio core offers it, for the parts of the driver that use
 * one directly (statistics, hinting, reporting, PFN queues): the test is the
 * device.  Remembers every buffer it was ever given, in order, and fails the test
 * when a buffer that the device holds is changed.
 */
#ifndef BALLONET_FAKE_QUEUE_H
#define BALLONET_FAKE_QUEUE_H

#include <linux/mm.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#define FAKE_QUEUE_BUFFERS	4096
#define FAKE_QUEUE_PARTS	32
#define FAKE_QUEUE_BYTES	256

/**
 * struct fake_buffer - what was added once
 * @token: the driver's name for it
 * @out: the device reads it; else it may write to it
 * @n: parts
 * @sg: the parts
 * @bytes: of all parts
 * @data: what a buffer of the driver's own memory held when it was added
 * @status: what the device writes to, beside
 * @kicked: the device was told of it
 */
struct fake_buffer {
	void *token;
	bool out;
	unsigned int n;
	struct scatterlist sg[FAKE_QUEUE_PARTS];
	unsigned int bytes;
	u8 data[FAKE_QUEUE_BYTES];
	const void *status;
	bool kicked;
};

/**
 * struct fake_queue - a queue
 * @vq: what the driver knows of it
 * @size: buffers it takes
 * @broken: it does not work any more
 * @at_once: answer in the kick
 * @used_len: what the device claims to have written
 * @all: every buffer, oldest first
 * @nr: how many there were
 * @answered: how many of those the device gave back
 * @read: how many of those the driver took
 */
struct fake_queue {
	struct virtqueue vq;
	unsigned int size;
	bool broken;
	bool at_once;
	unsigned int used_len;
	struct fake_buffer all[FAKE_QUEUE_BUFFERS];
	unsigned int nr, answered, read;
};

/* The device that the queues belong to, and its configuration space. */
extern struct virtio_device fake_vdev;
extern union fake_config {
	__le32 field[16];
	u8 bytes[64];
} fake_config;
/* Writes of the driver to it. */
extern unsigned int fake_config_writes;

void fake_machine_start(unsigned int workers, unsigned long frames);
int fake_machine_end(void);
void fake_device_start(u64 features, void *priv);
void fake_queue_start(struct fake_queue *q, const char *name, unsigned int size,
		      vq_callback_t *callback);
unsigned int fake_queue_answer(struct fake_queue *q, unsigned int max);
void fake_other_byte_order(void (*restart)(u64 features), void (*look)(bool swapped));

/* Buffers the device has. */
static inline unsigned int fake_queue_out(const struct fake_queue *q)
{
	return q->nr - q->answered;
}

#endif
