// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pure decisions of resize: how much, when, and when not (I4).  The floor
 * keeps a guest alive that is asked for more than it has; the back-off keeps
 * an unreachable target from costing anything.  Where the guest may have pages
 * of the balloon, it is given some when it falls well below the floor, and keeps
 * them for a while, however small the target is.
 */
#include "resize_policy.h"

/**
 * resize_policy_low() - below which the guest is given pages
 * @floor: what must stay available
 *
 * Not the floor itself: a guest from which all was taken down to the floor does
 * not stay exactly there.
 */
u64 resize_policy_low(u64 floor)
{
	return floor - floor / 4;
}

/* A program that goes on allocating needs more the next time. */
static u64 resize_policy_share(const struct resize_policy *rp,
			       const struct resize_view *view)
{
	u64 most = RESIZE_SHARE_MAX * view->floor;

	if (!rp->share || view->now_ms >= rp->gave_at_ms + RESIZE_AGAIN_MS)
		return view->floor;
	return 2 * rp->share < most ? 2 * rp->share : most;
}

/* Return: pages that the guest needs of the balloon; 0 if none. */
static u64 resize_policy_need(struct resize_policy *rp,
			      const struct resize_view *view)
{
	u64 have = view->usable + view->leaving, pages;

	if (!view->gives)
		return 0;
	if (!rp->give_to && have < resize_policy_low(view->floor)) {
		rp->share = resize_policy_share(rp, view);
		rp->give_to = view->floor + rp->share;
	}
	if (have >= rp->give_to) {
		rp->give_to = 0;
		return 0;
	}
	rp->gave_at_ms = view->now_ms;
	resize_policy_oom(rp, view->now_ms);
	pages = rp->give_to - have;
	return pages < view->size ? pages : view->size;
}

/**
 * resize_policy_next() - what to do now
 * @rp: the past
 * @view: the present
 *
 * Deflating is never held back.  An inflate stops at the floor, and is not begun
 * while the guest is given pages, nor soon after.
 */
struct resize_step resize_policy_next(struct resize_policy *rp,
				      const struct resize_view *view)
{
	struct resize_step step = { .action = RESIZE_REST };
	u64 spare, start, need = resize_policy_need(rp, view);

	if (view->size > view->target) {
		step.action = RESIZE_DEFLATE;
		step.pages = view->size - view->target;
		return step;
	}
	if (need) {
		step.action = RESIZE_GIVE;
		step.pages = need;
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
