// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The pages of two_pages.h.  Knows what can be done to them, not when.
 */
#include "two_pages.h"

struct two_page two[2];
unsigned int two_stops;

/* Whose task runs, or NULL. */
static struct two_page *mine(void)
{
	for (int i = 0; i < 2; i++)
		if (two[i].at == TWO_BUSY && two[i].task == sim_current)
			return &two[i];
	return NULL;
}

static struct page *fresh_frame(void)
{
	struct two_page *p = mine();
	struct page *page = vm_alloc(VM_CORE);

	if (p)
		p->fresh = page;
	return page;
}

static bool let_go(void *arg)
{
	return !((struct two_page *)arg)->held;
}

static void stop_at(enum vm_point at, struct page *page)
{
	struct two_page *p = mine();

	if (!p || !(two_stops >> at & 1))
		return;
	p->held = true;
	sim_block(let_go, p, SIM_FOREVER, "its next step");
}

static void begin(struct two_page *p)
{
	p->task = sim_current;
	p->at = TWO_BUSY;
}

void two_isolate(void *page)
{
	struct two_page *p = page;

	begin(p);
	p->at = vm_isolate(p->page, MIGRATE_SYNC, &p->isolated) ? TWO_ISOLATED : TWO_REST;
}

void two_migrate(void *page)
{
	struct two_page *p = page;
	struct vm_result r;

	if (p->at != TWO_ISOLATED)
		return;
	begin(p);
	r = vm_migrate(&p->isolated, p->mode);
	sim_check(!r.freed_under_us, "a page in migration's hands was freed");
	if (r.moved)
		p->page = p->fresh;
	p->at = r.moved ? TWO_REST : TWO_ISOLATED;
}

void two_putback(void *page)
{
	struct two_page *p = page;

	if (p->at != TWO_ISOLATED)
		return;
	begin(p);
	vm_putback(&p->isolated);
	p->at = TWO_REST;
}

bool two_busy(void)
{
	return two[0].at != TWO_REST || two[1].at != TWO_REST;
}

/* Follows pages that an inflate brought: frames of the balloon nobody follows. */
void two_find(void)
{
	for (unsigned long f = 0; f < vm_nr_frames; f++) {
		struct page *page = &vm_frames[f];

		if (page->owner != VM_BALLOON || page->host == VM_HOST_LEAVING ||
		    page == two[0].page || page == two[1].page)
			continue;
		for (int i = 0; i < 2; i++) {
			if (two[i].at == TWO_REST &&
			    (!two[i].page || two[i].page->owner != VM_BALLOON)) {
				two[i].page = page;
				break;
			}
		}
	}
}

/**
 * two_start() - a device with two pages
 * @ops: it knows page ops
 * @kind: how they are
 */
void two_start(bool ops, enum two_kind kind)
{
	rig_start(1, 0, TWO_FRAMES, ops ? 1ULL << VIRTIO_BALLOON_F_PAGE_OPS : 0);
	if (kind == TWO_SINGLE)
		rig_inflate(1);
	host.at_once = false;
	rig_target(2);
	sim_settle();
	if (kind == TWO_SETTLED) {
		fake_host_answer_all();
		sim_advance(HZ / 10);
		rig_check_quiet();
		sim_check(list_empty(&rig->pages.arrived), "not published to begin with");
	}
	for (int i = 0; i < 2; i++) {
		two[i] = (struct two_page){};
		INIT_LIST_HEAD(&two[i].isolated);
	}
	two_find();
	sim_check(two[0].page && two[1].page,
		  "no two pages to begin with");
	two_stops = 0;
	vm_hook = stop_at;
	vm_new_frame = fresh_frame;
}
