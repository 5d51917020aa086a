/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy, see policy.h.
 *
 * A step goes through four stages: what each guest's figures mean (observe,
 * judge), what it wants (ask), what the host wants back (take_back), and what
 * of the wishes there is room for (grant).  Only the last one gives orders.
 */
#include "policy.h"

#define PRESSURE_CALM 1000       /* parts in a million: a probe that causes more took too much */
#define PRESSURE_DISTRESS 100000 /* of a guest; and of the host, that it is critical */
#define PRESSURE_OVER 20000      /* of the host: it is so no longer */
#define REFAULT_SHARE 500        /* of the working set, in a minute */
#define REFAULT_FEW 512          /* KiB a minute: not worth a thought in a small guest */
#define REFAULT_STORM 10         /* so many minutes' worth of them in one sample: distress */
#define PROBE_SHARE 100          /* of the slack, in a probe */
#define IDLE_PRICE 4             /* a page without use costs a guest as much as four it needs */
#define STATE_MS 2000            /* a host is not better again any sooner */
#define PENDING_MS 3000          /* memory given so lately may not be in use yet */
#define MINUTE_MS 60000
#define PEAK_FADES_MS 3600000 /* half of the largest cache is forgotten in about that time */

static uint64_t min64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* a - b, not below 0. */
static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t distance(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

uint64_t policy_max(const PolicyGuest *g)
{
    return g->limits.max ? min64(g->limits.max, g->all) : g->all;
}

uint64_t policy_min(const PolicyGuest *g)
{
    return min64(g->limits.min ? g->limits.min : g->all / 8, policy_max(g));
}

uint64_t policy_reserve(const PolicyGuest *g)
{
    /* A guest that cannot help itself has to hold out until the next sample, and its order. */
    uint64_t usual = g->autodeflate ? 32 * POLICY_MIB + g->all / 32 : 96 * POLICY_MIB + g->all / 16;

    return g->limits.reserve ? g->limits.reserve : usual;
}

const char *policy_limits_fault(const PolicyLimits *l, uint64_t all)
{
    if (l->weight < 1 || l->weight > 1000) {
        return "the weight is not from 1 to 1000";
    }
    if (l->max && l->min > l->max) {
        return "the minimum is above the maximum";
    }
    if (all && l->min > all) {
        return "the minimum is above the memory of the domain";
    }
    return NULL;
}

const char *policy_config_fault(const PolicyConfig *c)
{
    if (c->critical_percent < 1 || c->tight_percent > 50) {
        return "the shares of free memory are not from 1 to 50 percent";
    }
    if (c->critical_percent >= c->tight_percent) {
        return "the host would be critical before it is tight";
    }
    return NULL;
}

/* What is learned counts from this size on. */
static void start_from(PolicyGuest *g, uint64_t size, int64_t now)
{
    g->known = true;
    g->target = size;
    g->was = size;
    g->arrived = true;
    g->progress = now;
    g->calm = size;
    g->mark = size;
    g->mark_time = now;
}

void policy_rebooted(PolicyGuest *g)
{
    *g = (PolicyGuest){
        .limits = g->limits,
        .all = g->all,
        .autodeflate = g->autodeflate,
        .held = g->held,
        .foreign = g->foreign,
        .rebooted = true,
    };
}

void policy_release(PolicyGuest *g)
{
    g->held = false;
    g->foreign = false;
    g->silent = false;
    g->retry_gap = 0;
    g->known = false;
}

void policy_order_failed(PolicyGuest *g)
{
    g->known = false;
}

/* Puts another target in the place of one that must not stand, where its size is ours to set. */
static void order_at_once(PolicyGuest *g, uint64_t size)
{
    if (g->limits.managed && !g->held && !g->foreign) {
        g->order = g->target = min64(size, policy_max(g));
        g->arrived = distance(g->size, g->target) <= POLICY_TOLERANCE;
    }
}

/* Follows the size: whether it goes where it was ordered to, or somebody else has ordered. */
static void observe_size(PolicyGuest *g, int64_t now)
{
    bool near, away;

    if (!g->known) {
        start_from(g, g->size, now);
    }
    if (g->rebooted) {
        /* The emulator still has the target of the guest's last life. */
        g->rebooted = false;
        order_at_once(g, policy_max(g));
    }
    if (g->paused) {
        g->progress = now;
    }
    near = distance(g->size, g->target) <= POLICY_TOLERANCE;
    away = distance(g->size, g->target) > distance(g->was, g->target) + POLICY_TOLERANCE;
    if (near && !g->arrived) {
        g->arrived = true;
        g->retry_gap = 0;
    } else if (away || (g->arrived && !near)) {
        bool dry = g->sample.usable <= max64(2 * policy_reserve(g), g->all / 8);

        if (g->autodeflate && g->size > g->target && dry) {
            /* The guest has helped itself, and must not be taken back to its old target. */
            start_from(g, g->size, now);
            order_at_once(g, g->size);
            g->keep_until = now + POLICY_CALM_MS;
            g->pause_end = max64(g->pause_end, g->keep_until);
        } else {
            g->foreign = true;
            start_from(g, g->size, now);
        }
    } else if (distance(g->size, g->target) < distance(g->was, g->target)) {
        g->progress = now;
    } else if (!g->arrived && g->last.id && now - g->progress >= POLICY_FOLLOW_MS) {
        g->silent = true;
        g->retry_gap =
            g->retry_gap ? min64(2 * g->retry_gap, POLICY_PAUSE_MAX_MS) : POLICY_RETRY_MS;
        g->retry = now + g->retry_gap;
        start_from(g, g->size, now);
        /* The old target must not come true some day, when nobody thinks of it. */
        order_at_once(g, g->size);
    }
    g->was = g->size;
    if (g->silent && now >= g->retry) {
        g->silent = false;
    }
}

static bool went_back(const PolicySample *s, const PolicySample *last)
{
    return s->swap_in < last->swap_in || s->refault < last->refault || s->stall < last->stall ||
           s->has_refault != last->has_refault || s->time <= last->time;
}

/* Pressure and refaults since the sample before. */
static void judge_rates(PolicyGuest *g)
{
    const PolicySample *s = &g->sample, *last = &g->last;
    uint64_t allowed = max64((g->base + g->cache) / REFAULT_SHARE, REFAULT_FEW), pressure = 0;
    int64_t passed = s->time - last->time;

    g->missed = 0;
    if (!last->id || went_back(s, last)) {
        g->recent = 0;
        return;
    }
    g->missed = s->refault - last->refault + s->swap_in - last->swap_in;
    g->recent = g->missed + (passed < MINUTE_MS ? g->recent * (MINUTE_MS - passed) / MINUTE_MS : 0);
    if (s->has_stall && last->has_stall) {
        pressure = (s->stall - last->stall) * 1000 / passed;
    }
    g->breach = pressure > PRESSURE_CALM || g->recent > allowed;
    g->distress = pressure > PRESSURE_DISTRESS || g->missed > REFAULT_STORM * allowed;
}

static void judge_cache(PolicyGuest *g)
{
    const PolicySample *s = &g->sample;
    int64_t passed = g->last.id ? s->time - g->last.time : 0;

    g->peak -= min64(g->peak, g->peak * (uint64_t)(passed > 0 ? passed : 0) / PEAK_FADES_MS);
    g->peak = max64(g->peak, g->cache);
    if (!g->learned) {
        /* Half of it, or what the guest itself thinks active, until a probe has shown more. */
        g->hot = s->active_file ? min64(s->active_file, g->cache) : g->cache / 2;
    }
    if (!s->has_refault) {
        /* Reads of what was dropped go unseen: no probe may go that far. */
        g->hot = max64(g->hot, g->peak / 2);
    }
}

/* Reads the sample, if there is a new one. */
static void judge(PolicyGuest *g)
{
    const PolicySample *s = &g->sample;

    g->fresh = s->id && s->id != g->last.id && s->size;
    g->breach = g->distress = false;
    if (!g->fresh) {
        return;
    }
    g->base = less(s->size, s->usable);
    g->cache = less(s->usable, s->free);
    judge_cache(g);
    judge_rates(g);
    if (s->usable < policy_reserve(g) / 2 && !g->swap_floor) {
        g->distress = true;
    }
    g->demand = max64(policy_min(g), min64(policy_max(g), g->base + g->hot + policy_reserve(g)));
    g->last = *s;
}

/* The demand, were this much of the cache hot. */
static uint64_t demand_with(const PolicyGuest *g, uint64_t hot)
{
    return max64(policy_min(g), min64(policy_max(g), g->base + hot + policy_reserve(g)));
}

static void set_hot(PolicyGuest *g, uint64_t hot)
{
    g->hot = hot;
    g->learned = true;
    g->demand = demand_with(g, hot);
}

/* A breach: all since the last calm point comes back, and it is left alone for longer. */
static void ask_back(PolicyGuest *g, int64_t now)
{
    if (now >= g->pause_end) {
        g->pause = g->pause ? min64(2 * g->pause, POLICY_PAUSE_MAX_MS) : POLICY_PAUSE_MIN_MS;
    }
    g->pause_end = max64(g->pause_end, now + g->pause);
    if (g->calm > g->want) {
        g->want = g->calm;
        g->reason = POLICY_BREACH;
        set_hot(g, less(g->calm, g->base + policy_reserve(g)));
    }
}

static void mark_calm(PolicyGuest *g, int64_t now)
{
    if (now - g->mark_time < POLICY_CALM_MS) {
        return;
    }
    g->calm = g->mark;
    g->mark = g->target;
    g->mark_time = now;
    /* As long again as the pause was without a breach: it is forgotten step by step. */
    if (g->pause && now - g->pause_end >= g->pause) {
        g->pause = g->pause > POLICY_PAUSE_MIN_MS ? g->pause / 2 : 0;
        g->pause_end = now;
    }
}

static void probe(PolicyGuest *g, int64_t now)
{
    uint64_t floor = max64(policy_min(g), g->base + policy_reserve(g)), step;

    if (now < g->pause_end) {
        g->reason = POLICY_PAUSED;
        return;
    }
    if (now - g->probed < POLICY_PROBE_MS) {
        return;
    }
    if (!g->sample.has_refault) {
        floor = max64(floor, g->demand);
    }
    step = less(g->want, floor) / PROBE_SHARE;
    if (step < POLICY_MOVE_MIN) {
        return;
    }
    g->want -= step;
    g->probed = now;
    g->reason = POLICY_PROBE;
    if (g->want < g->demand) {
        set_hot(g, less(g->want, g->base + policy_reserve(g)));
    }
}

/* Return: why its size is not ours to set now; POLICY_REST where it is. */
static PolicyReason hands_off(const PolicyGuest *g, int64_t now)
{
    if (!g->limits.managed) {
        return POLICY_UNMANAGED;
    }
    if (g->held) {
        return POLICY_HELD;
    }
    if (g->foreign) {
        return POLICY_FOREIGN;
    }
    if (g->silent) {
        return POLICY_NOT_FOLLOWED;
    }
    if (!g->known || !g->last.id || now - g->sample.time > POLICY_STALE_MS) {
        return POLICY_NO_FIGURES;
    }
    return POLICY_REST;
}

static bool ours(const PolicyGuest *g, int64_t now)
{
    return hands_off(g, now) == POLICY_REST;
}

/* What the guest itself wants, and a probe where there is nothing else. */
static void ask(PolicyGuest *g, PolicyHostState state, int64_t now)
{
    g->reason = g->arrived ? POLICY_REST : POLICY_MOVING;
    if (!g->fresh) {
        return;
    }
    if (g->distress) {
        uint64_t lack = max64(max64(less(g->demand, g->size), g->missed),
                              less(policy_reserve(g), g->sample.usable));

        ask_back(g, now);
        g->want = max64(g->want, g->size + 2 * max64(lack, g->base / 64));
        g->reason = POLICY_DISTRESS;
    } else if (g->breach) {
        ask_back(g, now);
    } else {
        mark_calm(g, now);
    }
    /* A little above its size the demand may waver within the reserve. */
    if (less(g->swap_floor ? g->swap_floor : g->demand, g->want) > policy_reserve(g) / 4) {
        g->want = g->demand;
        g->reason = POLICY_NEED;
    }
    if (g->want < policy_min(g) || g->want > policy_max(g)) {
        g->want = max64(policy_min(g), min64(policy_max(g), g->want));
        if (g->want < g->target) {
            g->reason = POLICY_LIMITS;
        }
    }
    if (g->reason == POLICY_REST && now < g->keep_until) {
        g->reason = POLICY_PAUSED;
    } else if (g->reason == POLICY_REST && state == POLICY_PLENTY) {
        probe(g, now);
    }
}

/* Whether something may be taken. Demand does not depend on size: an older sample will do. */
static bool gives(const PolicyGuest *g, int64_t now)
{
    return g->arrived && now - g->sample.time <= POLICY_RECENT_MS && now >= g->keep_until &&
           g->want <= g->target && g->reason != POLICY_LIMITS;
}

/* As much as it pays for: pages it has a use for at their price, others at theirs. */
static uint64_t entitled(const PolicyGuest *g, uint64_t lowest, double level)
{
    double paid = level * g->limits.weight, has = paid;

    if (paid > g->demand) {
        has = g->demand + (paid - g->demand) / IDLE_PRICE;
    }
    return has >= g->want ? g->want : max64(min64(lowest, g->want), (uint64_t)has);
}

/* How far down a guest may be taken, by what the host is in. */
static uint64_t lowest_of(const PolicyGuest *g, PolicyReason how)
{
    switch (how) {
    case POLICY_SLACK:
        return max64(g->demand, demand_with(g, max64(g->cache, g->hot)));
    case POLICY_SWAP:
        return max64(policy_min(g),
                     g->swap_floor ? g->swap_floor : less(g->demand, g->limits.swap));
    default:
        return g->demand;
    }
}

/*
 * Takes amount from the guests that have slack, those that pay least for it
 * first.  Return: what was found.
 */
static uint64_t take(PolicyGuest *const *guests, size_t count, uint64_t amount, PolicyReason how,
                     int64_t now)
{
    double low = 0, high = 0;
    uint64_t found = 0;

    for (size_t i = 0; i < count; i++) {
        high =
            high > IDLE_PRICE * (double)guests[i]->all ? high : IDLE_PRICE * (double)guests[i]->all;
    }
    for (int round = 0; round < 60; round++) {
        double level = (low + high) / 2;

        found = 0;
        for (size_t i = 0; i < count; i++) {
            if (ours(guests[i], now) && gives(guests[i], now)) {
                found += guests[i]->want - entitled(guests[i], lowest_of(guests[i], how), level);
            }
        }
        if (found >= amount) {
            low = level;
        } else {
            high = level;
        }
    }
    found = 0;
    for (size_t i = 0; i < count; i++) {
        PolicyGuest *g = guests[i];
        uint64_t size;

        if (!ours(g, now) || !gives(g, now)) {
            continue;
        }
        size = entitled(g, lowest_of(g, how), low);
        if (g->want - size >= POLICY_MOVE_MIN) {
            found += g->want - size;
            g->want = size;
            g->reason = how;
            if (how == POLICY_SWAP && !g->swap_floor) {
                g->swap_floor = lowest_of(g, how);
            }
        }
    }
    return found;
}

static uint64_t share(uint64_t total, uint64_t percent)
{
    return total / 100 * percent;
}

/* Out of a state only when there is a third more than what leads into it. */
static uint64_t leaving(uint64_t level)
{
    return level + level / 3;
}

static void judge_host(Policy *p, const PolicyHost *host, uint64_t available, int64_t now)
{
    uint64_t tight = share(host->total, p->config.tight_percent);
    uint64_t critical = share(host->total, p->config.critical_percent);
    PolicyHostState state = POLICY_PLENTY;
    bool was_critical = p->state == POLICY_CRITICAL, was_tight = p->state >= POLICY_TIGHT;

    if (available < (was_tight ? leaving(tight) : tight)) {
        state = POLICY_TIGHT;
    }
    /* Stalls with memory left come from some limit that no guest can mend. */
    if (available < (was_critical ? leaving(critical) : critical) ||
        (available < leaving(tight) &&
         host->pressure > (was_critical ? PRESSURE_OVER : PRESSURE_DISTRESS))) {
        state = POLICY_CRITICAL;
    }
    if (state > p->state || (state < p->state && now - p->since >= STATE_MS)) {
        p->state = state;
        p->since = now;
    }
}

static void take_back(Policy *p, const PolicyHost *host, uint64_t available, uint64_t lacking,
                      PolicyGuest *const *guests, size_t count, int64_t now)
{
    uint64_t wanted = less(leaving(share(host->total, p->config.tight_percent)), available);

    if (p->state == POLICY_PLENTY) {
        wanted = 0;
    }
    wanted = max64(wanted, lacking);
    if (p->state != POLICY_CRITICAL) {
        if (wanted) {
            take(guests, count, wanted, POLICY_DONOR, now);
        }
        return;
    }
    /* All unused memory in one step; then cold cache; then what swap can take. */
    if (take(guests, count, UINT64_MAX, POLICY_SLACK, now) >= wanted ||
        now - p->since < POLICY_PROBE_MS) {
        return;
    }
    if (take(guests, count, wanted, POLICY_COLD, now) >= wanted || now - p->since < STATE_MS) {
        return;
    }
    take(guests, count, wanted, POLICY_SWAP, now);
}

/* How much more it wants. */
static uint64_t asked(const PolicyGuest *g, int64_t now)
{
    return ours(g, now) ? less(g->want, g->target) : 0;
}

/* The level up to which wishes, by weight, fit into the room. */
static double room_level(PolicyGuest *const *guests, size_t count, uint64_t room, int64_t now)
{
    double low = 0, high = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t all = asked(guests[i], now);

        high = high > all ? high : all;
    }
    for (int round = 0; round < 60; round++) {
        double level = (low + high) / 2, sum = 0;

        for (size_t i = 0; i < count; i++) {
            double most = level * guests[i]->limits.weight, all = asked(guests[i], now);

            sum += all < most ? all : most;
        }
        if (sum <= room) {
            low = level;
        } else {
            high = level;
        }
    }
    return low;
}

static void give_order(PolicyGuest *g, int64_t now)
{
    if (distance(g->want, g->target) < POLICY_MOVE_MIN) {
        return;
    }
    if (g->want > g->target) {
        g->keep_until = now + POLICY_CALM_MS;
        g->calm = g->mark = g->want;
        g->mark_time = now;
        g->given = g->want - g->target + (now - g->given_time < PENDING_MS ? g->given : 0);
        g->given_time = now;
    } else {
        g->given = 0;
    }
    g->order = g->target = g->want;
    g->arrived = distance(g->size, g->target) <= POLICY_TOLERANCE;
    g->progress = now;
}

void policy_step(Policy *p, const PolicyHost *host, PolicyGuest *const *guests, size_t count,
                 int64_t now)
{
    uint64_t available = less(host->available, host->reserved), room, wishes = 0;
    uint64_t keep = share(host->total, p->config.critical_percent);
    double level;

    for (size_t i = 0; i < count; i++) {
        PolicyGuest *g = guests[i];

        g->order = 0;
        if (g->size && g->all) {
            observe_size(g, now);
        }
        judge(g);
        g->want = g->target;
        g->reason = hands_off(g, now);
        /* What was given a moment ago does not show in the host's figures yet. */
        if (now - g->given_time < PENDING_MS) {
            available = less(available, g->given);
        }
    }
    judge_host(p, host, available, now);
    for (size_t i = 0; i < count; i++) {
        if (p->state != POLICY_CRITICAL) {
            guests[i]->swap_floor = 0;
        }
        if (ours(guests[i], now)) {
            ask(guests[i], p->state, now);
            wishes += asked(guests[i], now);
        }
    }
    room = less(available, keep);
    take_back(p, host, available, less(wishes, room), guests, count, now);
    level = wishes > room ? room_level(guests, count, room, now) : 0;
    for (size_t i = 0; i < count; i++) {
        PolicyGuest *g = guests[i];
        uint64_t all;

        if (!ours(g, now)) {
            continue;
        }
        all = asked(g, now);
        if (all && wishes > room) {
            double most = level * g->limits.weight;

            if (most < all) {
                g->want = g->target + (uint64_t)most;
                g->reason = POLICY_NO_ROOM;
            }
        }
        give_order(g, now);
    }
}

static const struct {
    const char *name, *text;
} reasons[POLICY_REASONS] = {
    [POLICY_REST] = { "rest", "its size suits it" },
    [POLICY_UNMANAGED] = { "unmanaged", "it is not to be managed" },
    [POLICY_HELD] = { "held", "it is held by ballonetctl" },
    [POLICY_FOREIGN] = { "hands-off", "somebody else has set its size; release it to manage it" },
    [POLICY_NO_FIGURES] = { "no-figures", "the guest sends no statistics, or none lately" },
    [POLICY_NOT_FOLLOWED] = { "no-answer", "the guest does not follow; it is tried again later" },
    [POLICY_MOVING] = { "moving", "it is on its way to its target" },
    [POLICY_PAUSED] = { "pause", "nothing is taken for a while" },
    [POLICY_PROBE] = { "probe", "a little is taken, to learn what it does not miss" },
    [POLICY_BREACH] = { "breach", "too much was taken: it has back what it had when calm" },
    [POLICY_NEED] = { "need", "its demand has grown" },
    [POLICY_DISTRESS] = { "distress", "it is short of memory: twice the shortfall at once" },
    [POLICY_NO_ROOM] = { "no-room", "it wants more than the host has at the moment" },
    [POLICY_DONOR] = { "donor", "the host is short, and it has more than it needs" },
    [POLICY_SLACK] = { "slack", "the host is critical: all unused memory is taken" },
    [POLICY_COLD] = { "cold-cache", "the host is critical: cold file cache is taken" },
    [POLICY_SWAP] = { "swap", "the host is critical: the guest is to use its swap" },
    [POLICY_LIMITS] = { "limits", "its limits ask for it" },
};

const char *policy_reason_name(PolicyReason reason)
{
    return reasons[reason].name;
}

const char *policy_reason_text(PolicyReason reason)
{
    return reasons[reason].text;
}

const char *policy_state_name(PolicyHostState state)
{
    static const char *const names[] = { "plenty", "tight", "critical" };

    return names[state];
}
