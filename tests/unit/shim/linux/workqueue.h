/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Work items and delayed ones; work.c runs them.
 */
#ifndef SHIM_LINUX_WORKQUEUE_H
#define SHIM_LINUX_WORKQUEUE_H

#include <stdlib.h>

#include <linux/list.h>
#include <linux/slab.h>
#include <linux/types.h>

struct workqueue_struct {
	const char *name;
};

struct work_struct {
	struct list_head entry;
	void (*fn)(struct work_struct *w);
	struct workqueue_struct *wq;
};

struct delayed_work {
	struct work_struct work;
	struct list_head timer;
	unsigned long expires;
};

/* For whoever has none of his own. */
extern struct workqueue_struct *system_unbound_wq;
#define system_freezable_wq	system_unbound_wq

#define WQ_UNBOUND	2
#define WQ_FREEZABLE	4
#define WQ_MEM_RECLAIM	8
#define WQ_HIGHPRI	16

static inline void INIT_WORK(struct work_struct *w, void (*fn)(struct work_struct *))
{
	*w = (struct work_struct){ .fn = fn };
	INIT_LIST_HEAD(&w->entry);
}

static inline void INIT_DELAYED_WORK(struct delayed_work *dw, void (*fn)(struct work_struct *))
{
	INIT_WORK(&dw->work, fn);
	INIT_LIST_HEAD(&dw->timer);
}

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags, int max);
void destroy_workqueue(struct workqueue_struct *wq);
bool queue_work(struct workqueue_struct *wq, struct work_struct *w);
bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *dw, unsigned long delay);
bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dw, unsigned long delay);
bool cancel_work_sync(struct work_struct *w);
bool cancel_delayed_work_sync(struct delayed_work *dw);

#endif
