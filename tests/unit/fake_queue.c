// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The queues of fake_queue.h, and a device that has nothing but them and a
 * configuration space.  Linked in place of rig.c's, which has the same names.
 */
#include "fake_queue.h"

struct virtio_device fake_vdev;
union fake_config fake_config;
unsigned int fake_config_writes;

static struct fake_queue *fake(struct virtqueue *vq)
{
	return container_of(vq, struct fake_queue, vq);
}

bool virtio_has_feature(const struct virtio_device *vdev, unsigned int bit)
{
	return vdev->features >> bit & 1;
}

void sim_config_read(struct virtio_device *vdev, size_t at, void *buf, size_t len)
{
	(void)vdev;
	sim_point();
	memcpy(buf, fake_config.bytes + at, len);
}

void sim_config_write(struct virtio_device *vdev, size_t at, const void *buf, size_t len)
{
	(void)vdev;
	sim_check(len == 4, "%zu bytes of configuration written at %zu", len, at);
	memcpy(fake_config.bytes + at, buf, len);
	fake_config_writes++;
	sim_point();
}

/* A machine that goes step by step. */
void fake_machine_start(unsigned int workers, unsigned long frames)
{
	sim_start(sim_seed(1), 0);
	sim_work_start(workers);
	vm_start(frames);
}

/* Return: 0, for a teardown of cmocka's. */
int fake_machine_end(void)
{
	vm_end();
	sim_end();
	return 0;
}

void fake_device_start(u64 features, void *priv)
{
	fake_vdev = (struct virtio_device){ .features = features, .priv = priv };
	memset(&fake_config, 0, sizeof(fake_config));
	fake_config_writes = 0;
}

void fake_queue_start(struct fake_queue *q, const char *name, unsigned int size,
		      vq_callback_t *callback)
{
	memset(q, 0, sizeof(*q));
	q->vq = (struct virtqueue){ .vdev = &fake_vdev, .name = name, .callback = callback };
	q->size = size;
}

static int add(struct virtqueue *vq, struct scatterlist *sg, unsigned int n, void *token,
	       gfp_t gfp, bool out)
{
	struct fake_queue *q = fake(vq);
	struct fake_buffer *buf = &q->all[q->nr];

	sim_gfp(gfp);
	sim_check(n && n <= FAKE_QUEUE_PARTS, "a buffer of %u parts", n);
	sim_check(q->nr < FAKE_QUEUE_BUFFERS, "%s: more buffers than a test takes", vq->name);
	if (q->nr - q->read >= q->size)
		return -ENOSPC;
	*buf = (struct fake_buffer){ .token = token, .out = out, .n = n };
	for (unsigned int i = 0; i < n; i++) {
		buf->sg[i] = sg[i];
		if (sg[i].buf && buf->bytes + sg[i].length <= FAKE_QUEUE_BYTES)
			memcpy(buf->data + buf->bytes, sg[i].buf, sg[i].length);
		buf->bytes += sg[i].length;
	}
	q->nr++;
	return 0;
}

int virtqueue_add_outbuf(struct virtqueue *vq, struct scatterlist *sg, unsigned int n,
			 void *token, gfp_t gfp)
{
	return add(vq, sg, n, token, gfp, true);
}

int virtqueue_add_inbuf(struct virtqueue *vq, struct scatterlist *sg, unsigned int n,
			void *token, gfp_t gfp)
{
	return add(vq, sg, n, token, gfp, false);
}

/* One part to read and one to write. */
int virtqueue_add_sgs(struct virtqueue *vq, struct scatterlist *sgs[], unsigned int out,
		      unsigned int in, void *token, gfp_t gfp)
{
	struct fake_queue *q = fake(vq);
	int err;

	sim_check(out == 1 && in == 1, "a buffer of %u parts to read and %u to write", out, in);
	err = add(vq, sgs[0], 1, token, gfp, true);
	if (!err)
		q->all[q->nr - 1].status = sgs[1]->buf;
	return err;
}

bool virtqueue_kick(struct virtqueue *vq)
{
	return virtqueue_kick_prepare(vq) && virtqueue_notify(vq);
}

bool virtqueue_kick_prepare(struct virtqueue *vq)
{
	struct fake_queue *q = fake(vq);

	return q->nr > q->answered;
}

/* The device may be at work before this returns: nobody must wait for a lock meanwhile. */
bool virtqueue_notify(struct virtqueue *vq)
{
	struct fake_queue *q = fake(vq);

	sim_check(!sim_current->nr_held, "the device is notified with %s held",
		  sim_current->held[0]);

	for (unsigned int i = q->answered; i < q->nr; i++)
		q->all[i].kicked = true;
	if (q->at_once)
		fake_queue_answer(q, q->nr - q->answered);
	return !q->broken;
}

void *virtqueue_get_buf(struct virtqueue *vq, unsigned int *len)
{
	struct fake_queue *q = fake(vq);

	sim_point();
	if (q->broken || q->read == q->answered)
		return NULL;
	*len = q->used_len;
	return q->all[q->read++].token;
}

void *virtqueue_detach_unused_buf(struct virtqueue *vq)
{
	struct fake_queue *q = fake(vq);

	if (q->read == q->nr)
		return NULL;
	q->answered += q->answered == q->read;
	return q->all[q->read++].token;
}

bool virtqueue_is_broken(struct virtqueue *vq)
{
	return fake(vq)->broken;
}

unsigned int virtqueue_get_vring_size(struct virtqueue *vq)
{
	return fake(vq)->size;
}

/* A buffer of the driver's own memory must hold what it held when it was added. */
static void check_unchanged(struct fake_queue *q, const struct fake_buffer *buf)
{
	unsigned int at = 0;

	for (unsigned int i = 0; i < buf->n; i++) {
		if (buf->sg[i].buf && at + buf->sg[i].length <= FAKE_QUEUE_BYTES)
			sim_check(!memcmp(buf->data + at, buf->sg[i].buf, buf->sg[i].length),
				  "%s: a buffer changed while the device had it", q->vq.name);
		at += buf->sg[i].length;
	}
}

/**
 * fake_queue_answer() - give buffers back, oldest first
 * @q: the queue
 * @max: how many at most; only those the device was told of
 *
 * Return: how many.
 */
unsigned int fake_queue_answer(struct fake_queue *q, unsigned int max)
{
	bool before = sim_current->in_irq;
	unsigned int n = 0;

	while (n < max && q->answered < q->nr && q->all[q->answered].kicked && !q->broken) {
		check_unchanged(q, &q->all[q->answered++]);
		n++;
	}
	if (n && q->vq.callback) {
		sim_current->in_irq = true;
		q->vq.callback(&q->vq);
		sim_current->in_irq = before;
	}
	return n;
}

/**
 * fake_other_byte_order() - on a CPU of the other byte order
 * @restart: ends the driver's part and starts it with a device of these features
 * @look: what must be seen then: little-endian from a modern device, so swapped
 *	here; the CPU's own from a legacy one
 */
void fake_other_byte_order(void (*restart)(u64 features), void (*look)(bool swapped))
{
	for (int modern = 0; modern < 2; modern++) {
		sim_big_endian = true;
		restart(modern ? 1ULL << VIRTIO_F_VERSION_1 : 0);
		look(modern);
	}
}
