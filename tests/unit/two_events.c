// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The events of two_events.h.  What sleeps, or may be stopped on its way, runs
 * as a task of its own; after each event all that can run has run.
 */
#include "two_events.h"

struct two_device two_device;

const char *const event_name[EVENTS] = {
	"inflate acknowledged", "deflate acknowledged", "ops acknowledged", "refused",
	"host dies", "isolate 0", "isolate 1", "migrate 0 (async)", "migrate 1 (async)",
	"migrate 0 (sync)", "migrate 1 (sync)", "put back 0", "put back 1", "0 goes on",
	"1 goes on", "deflate", "inflate", "time", "remove",
};

/* After two_start(). */
void events_start(void)
{
	two_device = (struct two_device){ .target = 2 };
}

static void remover(void *arg)
{
	rig_remove();
	two_device.removed = true;
}

static bool queue_waits(enum hostcomm_vq vq)
{
	return host.ready && !host.broken && host.answered[vq] < host.nr[vq];
}

bool event_possible(enum event e)
{
	int i = (e - ISOLATE_0) % 2;

	switch (e) {
	case ANSWER_INFLATE:
	case ANSWER_DEFLATE:
	case ANSWER_OPS:
		return queue_waits(e - ANSWER_INFLATE);
	case REFUSE:
		return queue_waits(HOSTCOMM_VQ_OPS);
	case ISOLATE_0 ... ISOLATE_1:
		return two[i].at == TWO_REST && two[i].page->owner == VM_BALLOON;
	case ASYNC_0 ... PUTBACK_1:
		return two[i].at == TWO_ISOLATED;
	case GO_ON_0 ... GO_ON_1:
		return two[i].held;
	case DEFLATE:
		return two_device.target && !two_device.removing;
	case INFLATE:
		return !two_device.target && !two_device.removing;
	case REMOVE:
		return !two_device.removing;
	default:
		return true;
	}
}

static void answer(enum hostcomm_vq vq, bool refuse)
{
	if (refuse) {
		host.refuse = 1;
		host.refuse_op = host.ring[vq][host.answered[vq]].rq->op;
		host.refuse_err = -EBADSLT;
	}
	fake_host_answer(vq, 1);
}

void event_happen(enum event e)
{
	int i = (e - ISOLATE_0) % 2;

	switch (e) {
	case ANSWER_INFLATE:
	case ANSWER_DEFLATE:
	case ANSWER_OPS:
		answer(e - ANSWER_INFLATE, false);
		break;
	case REFUSE:
		answer(HOSTCOMM_VQ_OPS, true);
		break;
	case DIE:
		host.broken = true;
		break;
	case ISOLATE_0 ... ISOLATE_1:
		sim_spawn("isolation", two_isolate, &two[i]);
		break;
	case ASYNC_0 ... SYNC_1:
		two[i].mode = e < SYNC_0 ? MIGRATE_ASYNC : MIGRATE_SYNC;
		sim_spawn("migration", two_migrate, &two[i]);
		break;
	case PUTBACK_0 ... PUTBACK_1:
		sim_spawn("putback", two_putback, &two[i]);
		break;
	case GO_ON_0 ... GO_ON_1:
		two[i].held = false;
		break;
	case DEFLATE:
	case INFLATE:
		two_device.target = e == INFLATE ? 2 : 0;
		rig_target(two_device.target);
		break;
	case TIME:
		/* Longer than moves linger and blocks stay unpublished. */
		sim_advance(HZ / 10);
		break;
	case REMOVE:
		two_device.removing = true;
		sim_spawn("removal", remover, NULL);
		break;
	default:
		break;
	}
	sim_settle();
	if (rig)
		rig_check();
}
