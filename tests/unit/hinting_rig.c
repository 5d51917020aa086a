// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The driver's hinting with a queue and a configuration of fake_queue.h, see
 * hinting_rig.h.
 */
#include "hinting_rig.h"

struct virtio_balloon hinting_rig;
struct fake_queue hints;
struct shrinker *hinting_shrinker;

int register_shrinker(struct shrinker *sh, const char *fmt, ...)
{
	(void)fmt;
	hinting_shrinker = sh;
	return 0;
}

void unregister_shrinker(struct shrinker *sh)
{
	assert_ptr_equal(sh, hinting_shrinker);
	hinting_shrinker = NULL;
}

void hinting_rig_start(u64 features)
{
	fake_device_start(features, &hinting_rig);
	fake_queue_start(&hints, "free_page_vq", 64, hinting_answered);
	hints.at_once = true;
	memset(&hinting_rig, 0, sizeof(hinting_rig));
	assert_int_equal(hinting_init(&hinting_rig.hinting, &fake_vdev), 0);
	assert_int_equal(hinting_start(&hinting_rig.hinting, &hints.vq), 0);
}

void hinting_rig_stop(void)
{
	hinting_quiesce(&hinting_rig.hinting);
	/* The device is reset: what it has it will not touch any more. */
	hinting_stop(&hinting_rig.hinting);
	hinting_exit(&hinting_rig.hinting);
	assert_null(hinting_shrinker);
}

int hinting_rig_open(void **state)
{
	(void)state;
	fake_machine_start(2, BLOCKS * BLOCK_PAGES);
	hinting_rig_start(1ULL << VIRTIO_F_VERSION_1);
	return 0;
}

int hinting_rig_close(void **state)
{
	(void)state;
	hinting_rig_stop();
	return fake_machine_end();
}

/* The device sets the command id. */
void say(u32 id)
{
	bool before = sim_current->in_irq;

	fake_config.field[2] = sim_swap(sim_big_endian, id, 4);
	sim_current->in_irq = true;
	hinting_changed(&hinting_rig.hinting);
	sim_current->in_irq = before;
	sim_settle();
}

/* The id in a buffer, which must be nothing else. */
u32 id_in(const struct fake_buffer *buf)
{
	u32 id;

	assert_true(buf->out);
	assert_int_equal(buf->n, 1);
	assert_int_equal(buf->bytes, sizeof(id));
	memcpy(&id, buf->data, sizeof(id));
	return id;
}

bool is_id(const struct fake_buffer *buf, u32 id)
{
	return buf->out && id_in(buf) == id;
}

unsigned int count_ids(u32 id)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < hints.nr; i++)
		n += is_id(&hints.all[i], id);
	return n;
}

unsigned int count_hints(unsigned int from)
{
	unsigned int n = 0;

	for (unsigned int i = from; i < hints.nr; i++)
		n += !hints.all[i].out;
	return n;
}
