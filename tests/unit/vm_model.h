/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's side of movable pages, in user space: page frames with owners,
 * locks and reference counts (vm_model.c), and the part of memory compaction
 * that isolates pages, migrates them and puts them back (vm_compact.c).
 *
 * A model that cannot be misread: it knows for each frame who owns it and what
 * the host believes of it, and fails the test at the first step that breaks a
 * rule, not at the end.
 */
#ifndef BALLONET_VM_MODEL_H
#define BALLONET_VM_MODEL_H

#include <linux/list.h>
#include <linux/migrate.h>
#include <linux/types.h>

enum vm_owner {
	VM_FREE,
	VM_GUEST,	/* somebody in the guest uses it */
	VM_CORE,	/* migration's, not yet anybody's */
	VM_BALLOON,	/* the driver allocated it or was given it */
};

/* What the host may believe; fake_host.c keeps it. */
enum vm_host {
	VM_HOST_OUT,	/* the guest's to use */
	VM_HOST_ENTERING, /* an inflate was sent, its answer not yet read */
	VM_HOST_IN,	/* ballooned */
	VM_HOST_LEAVING, /* a deflate was sent, its answer not yet read */
};

/**
 * struct page - a frame
 * @lru: the owner's; poisoned while FREE, core's while isolated
 * @private: the same, but never core's
 * @index: the owner's
 * @mapping: how to move it, and in its low bits that it was ever made movable,
 *	which sticks until it is free
 * @count: references; of a block in one piece only the first frame has any
 * @locker: who holds the page lock
 * @isolated: PG_isolated
 * @offline: its content is not there
 * @movable_ops: pages of that kind can be moved (vm_core.c)
 */
struct page {
	struct list_head lru;
	unsigned long private;
	unsigned long index;
	const void *mapping;
	int count;
	struct sim_task *locker;
	bool isolated;
	bool offline;
	bool movable_ops;
	enum vm_owner owner;
	enum vm_host host;
};

#define VM_MAPPING_MOVABLE	2UL
#define VM_PFN_BASE	0x1000UL
#define VM_ZONES	2

/* What happens at a point of the model, for tests that must be just there. */
enum vm_point {
	VM_ISOLATE_GOT_REF,	/* a reference, not yet the lock */
	VM_ISOLATE_LOCKED,	/* the lock, not yet the driver's word */
	VM_ISOLATED,		/* isolated, unlocked */
	VM_MIGRATE_CALL,	/* both locked; the callback comes */
	VM_MIGRATE_RETURNED,	/* both locked; the callback has returned */
	VM_MIGRATE_UNLOCKED,	/* neither locked; the old one still linked by the core */
};

/* What one run of migration did. */
struct vm_result {
	unsigned int moved, failed, freed_under_us, calls, again, busy, nomem;
};

extern struct page *vm_frames;
extern unsigned long vm_nr_frames;
#define vm_zone	(sim_node.node_zones)
extern long vm_events[];
extern void (*vm_hook)(enum vm_point at, struct page *page);
/* Where migration takes new frames from; NULL: any free one. */
extern struct page *(*vm_new_frame)(void);
/* Gives what is in a frame of the guest's another place; NULL: it cannot move. */
extern struct page *(*vm_move_guest)(struct page *page);
/* Frames that nobody is given just now. */
struct vm_range {
	struct page *first;
	unsigned long n;
};
extern struct vm_range vm_no_alloc;
/* Called when an allocation that may reclaim finds little. */
extern void (*vm_reclaim)(void);

void vm_start(unsigned long frames);
void vm_end(void);

static inline unsigned long vm_index(const struct page *page)
{
	return page - vm_frames;
}

struct page *vm_alloc(enum vm_owner owner);
void vm_free_frame(struct page *page);
void vm_take_frame(struct page *page, enum vm_owner owner);
void vm_need_lock(struct page *page, const char *what);

/* vm_mops.c or vm_core.c: whose callbacks there are, and whether a driver is behind them. */
const struct movable_operations *vm_mops(const struct page *page);
bool vm_owned(const struct page *page);
/*
 * Whether the kernel's core keeps the pages: it isolates without asking, and
 * their offline mark stays until they are free.
 */
extern const bool vm_core_keeps;
/* What the core counts in, of the only node; and whether it changes a list just now. */
extern long vm_balloon_pages;
bool vm_core_busy(void);

unsigned long vm_count(enum vm_owner owner);
unsigned long vm_count_host(enum vm_host host);
unsigned long vm_free_frames(void);

bool vm_isolate(struct page *page, enum migrate_mode mode, struct list_head *isolated);
struct vm_result vm_migrate(struct list_head *isolated, enum migrate_mode mode);
void vm_putback(struct list_head *isolated);
struct vm_result vm_compact(struct page *first, unsigned long n, enum migrate_mode mode);
int vm_contig(struct page *first, unsigned long n, struct vm_result *result);

#endif
