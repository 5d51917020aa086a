// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pure decisions of resize: how much, when, and when not (I4).  The floor
 * keeps a guest alive that is asked for more than it has; the back-off keeps
 * an unreachable target from costing anything.
 */
#include "resize_policy.h"

/**
 * resize_policy_next() - what to do now
 * @rp: the past
 * @view: the present
 *
 * Deflating is never held back.  An inflate stops at the floor.
 */
struct resize_step resize_policy_next(struct resize_policy *rp,
				      const struct resize_view *view)
{
	struct resize_step step = { .action = RESIZE_REST };
	u64 spare, start;

	if (view->size > view->target) {
		step.action = RESIZE_DEFLATE;
		step.pages = view->size - view->target;
		return step;
	}
	if (view->size + view->coming >= view->target)
		return step;

	step.action = RESIZE_WAIT;
	start = rp->retry_at_ms > rp->hold_until_ms ? rp->retry_at_ms :
						      rp->hold_until_ms;
	if (view->now_ms < start) {
		step.wait_ms = start - view->now_ms;
		return step;
	}
	if (view->available <= view->floor) {
		step.wait_ms = resize_policy_dry(rp, view->now_ms);
		return step;
	}

	spare = view->available - view->floor;
	step.action = RESIZE_INFLATE;
	step.pages = view->target - view->size - view->coming;
	if (step.pages > spare)
		step.pages = spare;
	return step;
}

/**
 * resize_policy_gave() - the guest gave pages
 * @rp: the past
 */
void resize_policy_gave(struct resize_policy *rp)
{
	rp->backoff_ms = 0;
}

/**
 * resize_policy_dry() - the guest had nothing to give
 * @rp: the past
 * @now_ms: the time
 *
 * Return: milliseconds to wait, doubled from one call to the next.
 */
u32 resize_policy_dry(struct resize_policy *rp, u64 now_ms)
{
	if (!rp->backoff_ms)
		rp->backoff_ms = RESIZE_BACKOFF_MIN_MS;
	else if (rp->backoff_ms < RESIZE_BACKOFF_MAX_MS / 2)
		rp->backoff_ms *= 2;
	else
		rp->backoff_ms = RESIZE_BACKOFF_MAX_MS;
	rp->retry_at_ms = now_ms + rp->backoff_ms;
	return rp->backoff_ms;
}

/**
 * resize_policy_oom() - the guest ran dry and was given pages back
 * @rp: the past
 * @now_ms: the time
 *
 * Taking them again at once would make it run dry again.
 */
void resize_policy_oom(struct resize_policy *rp, u64 now_ms)
{
	rp->hold_until_ms = now_ms + RESIZE_HOLD_OFF_MS;
}

/**
 * resize_policy_retarget() - the host asks for something else
 * @rp: the past
 *
 * A new target is tried at once, but an OOM hold-off stands.
 */
void resize_policy_retarget(struct resize_policy *rp)
{
	rp->backoff_ms = 0;
	rp->retry_at_ms = 0;
}
