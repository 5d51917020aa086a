// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Setting a device up and taking it down, its configuration space and its
 * queues.  The virtio core is in rig_virtio.c, the driver's parts that are not
 * under test are in rig_stubs.c, the
 * checks of I3 in rig_check.c.
 */
#include "rig.h"

struct virtio_device rig_vdev;
struct virtio_balloon *rig;
unsigned int rig_tellings;

static union {
	struct virtio_balloon_config c;
	u8 bytes[64];
} config;

/* Without, there is no opsq, and the configuration space ends before: it reads as ones. */
static bool has_ops_config(void)
{
	return rig_offered >> VIRTIO_BALLOON_F_PAGE_OPS & 1;
}

/* The transport. */
bool virtio_has_feature(const struct virtio_device *vdev, unsigned int bit)
{
	return vdev->features >> bit & 1;
}

int virtio_find_vqs(struct virtio_device *vdev, unsigned int n, struct virtqueue *vqs[],
		    vq_callback_t *callbacks[], const char *const names[], void *desc)
{
	unsigned int vq;

	(void)desc;
	if (host.no_queues)
		return -ENOENT;
	fake_host_start(vdev);
	for (unsigned int i = 0; i < n; i++) {
		/* s390x' transport mixes up the interrupts of those after a gap. */
		sim_check(names[i], "a gap among the queues, at %u", i);
		vq = strcmp(names[i], "ops") ? i : HOSTCOMM_VQ_OPS;
		if (vq == HOSTCOMM_VQ_OPS && !has_ops_config())
			return -ENOENT;
		sim_check(vq < HOSTCOMM_VQ_OPS || (vq == HOSTCOMM_VQ_OPS && i == n - 1),
			  "a queue called %s", names[i]);
		host.vq[vq].name = names[i];
		host.vq[vq].callback = callbacks[i];
		vqs[i] = &host.vq[vq];
	}
	return 0;
}

static void del_vqs(struct virtio_device *vdev)
{
	(void)vdev;
	sim_check(!host.ready, "queues deleted while the device runs");
	for (int vq = 0; vq < HOSTCOMM_NR_VQS; vq++) {
		sim_check(!host.nr[vq], "queue %d deleted with %u requests in it", vq, host.nr[vq]);
		host.vq[vq].callback = NULL;
	}
}

static void get_config(struct virtio_device *vdev, unsigned int at, void *buf, unsigned int len)
{
	sim_config_read(vdev, at, buf, len);
}

void sim_config_read(struct virtio_device *vdev, size_t at, void *buf, size_t len)
{
	(void)vdev;
	sim_point();
	if (at < VIRTIO_BALLOON_OPS_CONFIG_OFFSET || has_ops_config())
		memcpy(buf, config.bytes + at, len);
	else
		memset(buf, 0xff, len);
}

/* Of all that main.c and resize.c do, one field is written, and as a whole. */
void sim_config_write(struct virtio_device *vdev, size_t at, const void *buf, size_t len)
{
	(void)vdev;
	sim_check(at == offsetof(struct virtio_balloon_config, actual) && len == 4,
		  "%zu bytes of configuration written at %zu", len, at);
	sim_point();
	memcpy(config.bytes + at, buf, len);
	rig_tellings++;
}

static const struct virtio_config_ops config_ops = {
	.get = get_config,
	.del_vqs = del_vqs,
	.get_status = rig_get_status,
	.get_features = rig_get_features,
};

void rig_start(uint64_t seed, unsigned int odds, unsigned long frames, u64 features)
{
	sim_start(seed, odds);
	sim_work_start(3);
	vm_start(frames);
	memset(&host, 0, sizeof(host));
	host.room = FAKE_HOST_RING;
	host.at_once = true;
	memset(&config, 0, sizeof(config));
	((struct virtio_balloon_ops_config *)
	 (config.bytes + VIRTIO_BALLOON_OPS_CONFIG_OFFSET))->ops_max = 4096;
	((struct virtio_balloon_ops_config *)
	 (config.bytes + VIRTIO_BALLOON_OPS_CONFIG_OFFSET))->ops_block_size = RIG_BLOCK * PAGE_SIZE;
	rig_vdev = (struct virtio_device){ .config = &config_ops };
	rig_virtio_start(features);
	rig_oom = NULL;
	rig_tellings = rig_poison_told = 0;
	rig_probe();
}

/* The end of a test: everything is given back, or the test fails. */
void rig_stop(void)
{
	if (rig) {
		sim_settle();
		rig_remove();
	}
	rig_virtio_stop();
	sim_check(sim_work_idle(), "work goes on after the device is gone");
	vm_end();
	sim_end();
}

/* cmocka's setup and teardown: a device with 8192 frames, told step by step. */
int rig_open(void **state)
{
	(void)state;
	rig_start(sim_seed(1), 0, 8192, 0);
	return 0;
}

/* The same with page ops. */
int rig_open_ops(void **state)
{
	(void)state;
	rig_start(sim_seed(1), 0, 8192, 1ULL << VIRTIO_BALLOON_F_PAGE_OPS);
	return 0;
}

int rig_close(void **state)
{
	(void)state;
	rig_stop();
	return 0;
}

void rig_target(unsigned long pages)
{
	rig_target_units(pages * BALLOON_UNITS_PER_PAGE);
}

void rig_target_units(unsigned long units)
{
	config.c.num_pages = units;
	rig_config_changed();
}

/* What the host reads as the balloon's size, in guest pages. */
unsigned long rig_given(void)
{
	assert_int_equal(config.c.actual % BALLOON_UNITS_PER_PAGE, 0);
	return config.c.actual / BALLOON_UNITS_PER_PAGE;
}

/* To a size with a host that answers at once. */
void rig_inflate(unsigned long pages)
{
	host.at_once = true;
	rig_target(pages);
	sim_settle();
	assert_int_equal(pages_size(&rig->pages), pages);
	assert_int_equal(rig_given(), pages);
	rig_check_quiet();
}

/* Unpublished blocks become movable once nothing came for a while. */
void rig_publish_blocks(void)
{
	sim_advance(2 * HZ);
	sim_check(list_empty(&rig->pages.arrived), "blocks are still unpublished after 2 s");
}

/* How the host is told of moves first. */
enum hostcomm_op rig_move_op(void)
{
	return rig->hostcomm.ops->swap ? HOSTCOMM_SWAP : HOSTCOMM_INFLATE;
}

/* Old pages that wait in batches for the host. */
unsigned long rig_moves_held(void)
{
	unsigned long n = 0;

	for (int i = 0; i < MIGRATE_BATCHES; i++)
		n += rig->migrate.batch[i].nr;
	return n;
}

/* A balloon of single pages, then a host that answers when told. */
void rig_settled(unsigned long pages)
{
	rig_inflate(pages);
	rig_break_blocks();
	host.at_once = false;
}

/* Moves pages, of as few blocks as can be, in clusters as compaction does. */
struct vm_result rig_move_oldest(unsigned int n, enum migrate_mode mode)
{
	struct page *pages[512];
	struct vm_result r;
	LIST_HEAD(isolated);

	assert_true(n <= ARRAY_SIZE(pages));
	for (unsigned int i = 0; i < n; i++)
		pages[i] = rig_listed(i);
	for (unsigned int i = 0; i < n; i++)
		assert_true(vm_isolate(pages[i], mode, &isolated));
	r = vm_migrate(&isolated, mode);
	vm_putback(&isolated);
	return r;
}
