// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Work items: what is queued waits for a worker task, what is delayed waits
 * for the clock.  As in the kernel, different items run beside each other and
 * one item never beside itself; it may be queued again while it runs.
 */
#include <stdlib.h>

#include <linux/jiffies.h>
#include <linux/workqueue.h>

static struct workqueue_struct unbound = { .name = "the system's work queue" };
struct workqueue_struct *system_unbound_wq = &unbound;

static struct list_head pending = LIST_HEAD_INIT(pending);
static struct list_head timers = LIST_HEAD_INIT(timers);
#define WORKERS	8

/* What each worker is at: an item may have freed itself. */
static struct work_struct *running[WORKERS];

static struct work_struct **run_of(struct work_struct *w)
{
	for (int i = 0; i < WORKERS; i++)
		if (running[i] == w)
			return &running[i];
	return NULL;
}

static struct work_struct *next_work(void)
{
	struct work_struct *w;

	list_for_each_entry(w, &pending, entry)
		if (!run_of(w))
			return w;
	return NULL;
}

static bool has_work(void *arg)
{
	(void)arg;
	return next_work();
}

static void worker(void *arg)
{
	struct work_struct **run = arg, *w;

	for (;;) {
		sim_block(has_work, NULL, SIM_FOREVER, "work");
		w = next_work();
		if (!w)
			continue;
		list_del_init(&w->entry);
		*run = w;
		w->fn(w);
		*run = NULL;
	}
}

void sim_work_start(unsigned int workers)
{
	INIT_LIST_HEAD(&pending);
	INIT_LIST_HEAD(&timers);
	memset(running, 0, sizeof(running));
	sim_check(workers <= WORKERS, "%u workers", workers);
	while (workers--)
		sim_spawn_daemon("worker", worker, &running[workers]);
}

/* Return: ticks to the next timer, SIM_FOREVER without one. */
unsigned long sim_work_next(void)
{
	unsigned long left = SIM_FOREVER;
	struct delayed_work *dw;

	list_for_each_entry(dw, &timers, timer)
		if (dw->expires - jiffies < left)
			left = dw->expires - jiffies;
	return left;
}

void sim_work_tick(void)
{
	struct delayed_work *dw, *next;

	list_for_each_entry_safe(dw, next, &timers, timer) {
		if (time_before(jiffies, dw->expires))
			continue;
		list_del_init(&dw->timer);
		list_add_tail(&dw->work.entry, &pending);
	}
}

bool sim_work_idle(void)
{
	for (int i = 0; i < WORKERS; i++)
		if (running[i])
			return false;
	return list_empty(&pending);
}

struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags, int max)
{
	struct workqueue_struct *wq = sim_alloc(sizeof(*wq));

	(void)flags;
	(void)max;
	if (wq)
		wq->name = name;
	return wq;
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	struct delayed_work *dw;
	struct work_struct *w;

	list_for_each_entry(dw, &timers, timer)
		sim_check(dw->work.wq != wq, "%s destroyed with a timer running", wq->name);
	list_for_each_entry(w, &pending, entry)
		sim_check(w->wq != wq, "%s destroyed with work pending", wq->name);
	free(wq);
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *w)
{
	sim_check(w->fn && wq->name, "work queued that was not initialised");
	sim_point();
	if (!list_empty(&w->entry))
		return false;
	w->wq = wq;
	list_add_tail(&w->entry, &pending);
	return true;
}

bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *dw, unsigned long delay)
{
	sim_check(dw->work.fn && wq->name, "work queued that was not initialised");
	sim_point();
	if (!list_empty(&dw->timer) || !list_empty(&dw->work.entry))
		return false;
	if (!delay)
		return queue_work(wq, &dw->work);
	dw->work.wq = wq;
	dw->expires = jiffies + delay;
	list_add_tail(&dw->timer, &timers);
	return true;
}

static bool unqueue(struct work_struct *w, struct delayed_work *dw)
{
	bool was = !list_empty(&w->entry) || (dw && !list_empty(&dw->timer));

	list_del_init(&w->entry);
	if (dw)
		list_del_init(&dw->timer);
	return was;
}

bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dw, unsigned long delay)
{
	bool was = unqueue(&dw->work, dw);

	queue_delayed_work(wq, dw, delay);
	return was;
}

static bool is_over(void *arg)
{
	return !run_of(arg);
}

static bool cancel(struct work_struct *w, struct delayed_work *dw)
{
	bool was;

	sim_might_sleep("cancelling work");
	for (;;) {
		was = unqueue(w, dw);
		if (!run_of(w))
			return was;
		/* What runs may queue itself again: then it goes round. */
		sim_block(is_over, w, SIM_FOREVER, "work to end");
	}
}

bool cancel_work_sync(struct work_struct *w)
{
	return cancel(w, NULL);
}

bool cancel_delayed_work_sync(struct delayed_work *dw)
{
	return cancel(&dw->work, dw);
}
