/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the balloon should do next, given where it is and how the guest fares.
 * Pure: no clock, no lock, no memory of its own; tested in user space.
 * Units: guest pages and milliseconds.
 */
#ifndef BALLONET_RESIZE_POLICY_H
#define BALLONET_RESIZE_POLICY_H

#include <linux/types.h>

/* Back-off after an inflate that found nothing: doubles between these. */
#define RESIZE_BACKOFF_MIN_MS	200
#define RESIZE_BACKOFF_MAX_MS	32000
/* No inflate for so long after the guest ran dry and was given pages. */
#define RESIZE_HOLD_OFF_MS	10000
/* Below its floor again so soon, the guest is given twice as much, ... */
#define RESIZE_AGAIN_MS		1000
/* ... but no more than that many times its floor. */
#define RESIZE_SHARE_MAX	8

/**
 * struct resize_policy - what the past teaches
 * @backoff_ms: last back-off; 0 while inflating goes well
 * @retry_at_ms: no inflate before this time, for want of pages
 * @hold_until_ms: no inflate before this time, for the guest ran dry
 * @give_to: the guest is given pages until that many are available; 0 while it
 *	needs none
 * @share: what was given beyond the floor the last time
 * @gave_at_ms: when
 */
struct resize_policy {
	u32 backoff_ms;
	u64 retry_at_ms;
	u64 hold_until_ms;
	u64 give_to;
	u64 share;
	u64 gave_at_ms;
};

/**
 * struct resize_view - how things are
 * @now_ms: time, from any origin
 * @target: what the host asks for
 * @size: what the balloon has
 * @coming: what an inflate has in flight; too much does no harm, too little does
 * @available: what the guest could still use without swapping
 * @floor: what must stay available
 * @gives: below its floor the guest may have pages of the balloon
 * @usable: the same, page cache that can be reclaimed counted generously
 * @leaving: what a deflate has in flight
 */
struct resize_view {
	u64 now_ms;
	u64 target;
	u64 size;
	u64 coming;
	u64 available;
	u64 floor;
	bool gives;
	u64 usable;
	u64 leaving;
};

enum resize_action {
	RESIZE_REST,	/* at the target, or on the way: answers bring us back */
	RESIZE_INFLATE,	/* by up to .pages */
	RESIZE_DEFLATE,	/* by .pages */
	RESIZE_WAIT,	/* the guest can give nothing now: look again in .wait_ms */
	RESIZE_GIVE,	/* deflate by .pages for the guest's sake, whatever the target */
};

struct resize_step {
	enum resize_action action;
	u64 pages;
	u32 wait_ms;
};

struct resize_step resize_policy_next(struct resize_policy *rp,
				      const struct resize_view *view);
u64 resize_policy_low(u64 floor);
void resize_policy_gave(struct resize_policy *rp);
u32 resize_policy_dry(struct resize_policy *rp, u64 now_ms);
void resize_policy_oom(struct resize_policy *rp, u64 now_ms);
void resize_policy_retarget(struct resize_policy *rp);

#endif
