/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Doubly linked rings of list_head; unlinking checks that the neighbours agree.
 */
#ifndef SHIM_LINUX_LIST_H
#define SHIM_LINUX_LIST_H

#include <linux/types.h>

/* Of a list that nobody here walks. */
struct hlist_node {
	struct hlist_node *next, **pprev;
};

#define LIST_HEAD_INIT(name) { &(name), &(name) }
#define LIST_HEAD(name)	struct list_head name = LIST_HEAD_INIT(name)

static inline void INIT_LIST_HEAD(struct list_head *h)
{
	h->next = h->prev = h;
}

static inline bool list_empty(const struct list_head *h)
{
	return h->next == h;
}

#define list_empty_careful(h) ({ sim_point(); list_empty(h); })

static inline void sim_link(struct list_head *e, struct list_head *before)
{
	struct list_head *after = before->next;

	sim_check(after->prev == before, "a list is torn where something is put in");
	e->prev = before;
	e->next = after;
	before->next = after->prev = e;
}

static inline void list_add(struct list_head *e, struct list_head *h)
{
	sim_link(e, h);
}

static inline void list_add_tail(struct list_head *e, struct list_head *h)
{
	sim_link(e, h->prev);
}

/* Leaves the entry pointing nowhere: unlinking it twice shows. */
static inline void list_del(struct list_head *e)
{
	sim_check(e->next && e->prev, "an entry is unlinked twice");
	sim_check(e->next->prev == e && e->prev->next == e,
		  "an entry is unlinked from a list it is not on");
	e->next->prev = e->prev;
	e->prev->next = e->next;
	e->next = e->prev = NULL;
}

static inline void list_del_init(struct list_head *e)
{
	list_del(e);
	INIT_LIST_HEAD(e);
}

static inline void list_move(struct list_head *entry, struct list_head *head)
{
	list_del(entry);
	list_add(entry, head);
}

static inline void list_move_tail(struct list_head *e, struct list_head *h)
{
	list_del(e);
	list_add_tail(e, h);
}

static inline void sim_splice(struct list_head *from, struct list_head *before)
{
	while (!list_empty(from)) {
		struct list_head *e = from->prev;

		list_del(e);
		sim_link(e, before);
	}
}

#define list_splice_tail_init(from, h)	sim_splice(from, (h)->prev)
#define list_splice_tail(from, h)	sim_splice(from, (h)->prev)
#define list_splice_init(from, h)	sim_splice(from, h)

#define list_entry(p, type, member)	container_of(p, type, member)
#define list_first_entry(h, type, member) list_entry((h)->next, type, member)
#define list_last_entry(h, type, member) list_entry((h)->prev, type, member)
#define list_first_entry_or_null(h, type, member) \
	(list_empty(h) ? NULL : list_first_entry(h, type, member))

#define sim_of(p, pos, member) list_entry(p, __typeof__(*(pos)), member)
#define list_for_each_entry(pos, h, member) \
	for (pos = sim_of((h)->next, pos, member); &pos->member != (h); \
	     pos = sim_of(pos->member.next, pos, member))
#define list_for_each_entry_safe(pos, n, h, member) \
	for (pos = sim_of((h)->next, pos, member); \
	     n = sim_of(pos->member.next, pos, member), &pos->member != (h); pos = n)
#define list_for_each_entry_safe_reverse(pos, n, h, member) \
	for (pos = sim_of((h)->prev, pos, member); \
	     n = sim_of(pos->member.prev, pos, member), &pos->member != (h); pos = n)

#endif
