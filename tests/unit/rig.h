/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A whole device under test: the driver's own probe and remove, on the machine
 * of shim/sim.h, the frames of vm_model.h and the host of fake_host.h.
 */
#ifndef BALLONET_RIG_H
#define BALLONET_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <linux/mm.h>
#include <linux/oom.h>
#include <linux/printk.h>
#include <linux/tracepoint.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "balloon.h"
#include "fake_host.h"
#include "sim.h"

extern struct virtio_device rig_vdev;
extern struct virtio_balloon *rig;
extern struct notifier_block *rig_oom;
/* How often the driver wrote its size. */
extern unsigned int rig_tellings;
/* How often it told what free pages hold. */
extern unsigned int rig_poison_told;
/* Somebody is at an exchange or evacuates a block, which device down must wait for. */
extern bool rig_exchanging;

/* Pages of the blocks that the rig's host likes. */
#define RIG_BLOCK	64

int rig_open(void **state);
int rig_open_ops(void **state);
int rig_close(void **state);
/* Pages of the balloon then, one by one among the guest's. */
#define RIG_SCATTERED	1024UL
int rig_open_scattered(void **state);
int rig_open_scattered_ops(void **state);
int rig_close_scattered(void **state);
/* A test on a device of its own: on the standard queues, with page ops, on either. */
#define with_rig(test) cmocka_unit_test_setup_teardown(test, rig_open, rig_close)
#define with_ops(test) { #test " (page ops)", test, rig_open_ops, rig_close, NULL }
#define scattered(test) \
	cmocka_unit_test_setup_teardown(test, rig_open_scattered, rig_close_scattered)
#define scattered_ops(test) \
	{ #test " (page ops)", test, rig_open_scattered_ops, rig_close_scattered, NULL }
#define both(test) with_rig(test), with_ops(test)

void rig_start(uint64_t seed, unsigned int odds, unsigned long frames, u64 features);
void rig_probe(void);
void rig_remove(void);
void rig_stop(void);

/* rig_virtio.c: the device offers, the driver would take; it refuses others aloud; */
extern u64 rig_offered, rig_wanted;
extern bool rig_strict;
/* nobody answers any more; how often it was reset */
extern bool rig_gone;
extern unsigned int rig_resets;
extern const struct virtio_driver *rig_driver;
void rig_driver_wants(struct virtio_device *vdev, u64 features);
int rig_try_probe(void);
void rig_virtio_start(u64 features);
void rig_virtio_stop(void);
void rig_sleep(void);
int rig_wake(bool reached);
void rig_needs_reset(void);
void rig_config_changed(void);
u8 rig_get_status(struct virtio_device *vdev);
u64 rig_get_features(struct virtio_device *vdev);

void rig_target(unsigned long pages);
void rig_target_units(unsigned long units);
unsigned long rig_given(void);
void rig_inflate(unsigned long pages);
void rig_publish_blocks(void);
void rig_break_blocks(void);
struct page *rig_block(void);
enum hostcomm_op rig_move_op(void);
struct page *rig_listed(unsigned long skip);
bool rig_is_listed(const struct page *page);
bool rig_block_is_known(const struct page *page);
unsigned long rig_moves_held(void);
void rig_settled(unsigned long pages);
void rig_fragment(void);
void rig_guest_stays(void);
void rig_guest_moves(void);
struct page *rig_mixed_block(void);
int rig_exchange(struct page *first);
int rig_evacuate(struct page *first);
struct vm_result rig_move_oldest(unsigned int n, enum migrate_mode mode);

void rig_check(void);
void rig_check_rest(void);
void rig_check_quiet(void);

#endif
