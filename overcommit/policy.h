/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The policy: from what host and guests say to a size for each guest, and why.
 *
 * Pure: no I/O, no clock, no libvirt, no allocation.  The caller owns every
 * structure, fills in what is marked "in" before each step and reads what is
 * marked "out" after it.
 *
 * Sizes are KiB, times milliseconds of a clock that does not jump.  The size
 * of a guest is its memory without what is in its balloon.
 */
#ifndef BALLONET_POLICY_H
#define BALLONET_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define POLICY_MIB 1024ull

#define POLICY_PROBE_MS 1000      /* between two probes of a guest */
#define POLICY_CALM_MS 10000      /* this long without a breach makes a size a calm one */
#define POLICY_PAUSE_MIN_MS 10000 /* after a first breach; doubles with each further one */
#define POLICY_PAUSE_MAX_MS 600000
#define POLICY_FOLLOW_MS 5000 /* a guest that does not move for so long does not follow */
#define POLICY_RETRY_MS 60000 /* until it is tried again; doubles up to the longest pause */
#define POLICY_STALE_MS 10000 /* statistics older than this say nothing any more */
#define POLICY_RECENT_MS 3000 /* nothing is taken by older ones */
#define POLICY_MOVE_MIN 256   /* KiB: smaller moves are not worth an order */
#define POLICY_TOLERANCE 1024 /* KiB: as near to its target a guest has arrived */

/* What the administrator says of a guest; see policy_limits_fault(). */
typedef struct PolicyLimits {
    bool managed;
    uint32_t weight;  /* 1 to 1000; its share where memory is short */
    uint64_t min;     /* never below */
    uint64_t max;     /* never above; 0: all it has */
    uint64_t reserve; /* beside its demand; 0: see policy_reserve() */
    uint64_t swap;    /* so far below its demand while the host is critical: it has swap */
} PolicyLimits;

typedef enum PolicyHostState {
    POLICY_PLENTY,
    POLICY_TIGHT,
    POLICY_CRITICAL,
} PolicyHostState;

/* What a guest said at one instant. Counters only grow, but for a reboot. */
typedef struct PolicySample {
    uint64_t id;      /* another one for each sample; 0: none yet */
    int64_t time;     /* of the caller's clock */
    uint64_t size;    /* at that instant */
    uint64_t usable;  /* MemAvailable: without swapping */
    uint64_t free;    /* of it, unused */
    uint64_t swap_in; /* counter */
    uint64_t refault; /* counter; major faults where the guest counts no refaults */
    bool has_refault; /* they are refaults */
    uint64_t stall;   /* counter, microseconds of memory pressure */
    bool has_stall;
    uint64_t active_file; /* 0: not said */
} PolicySample;

typedef enum PolicyReason {
    POLICY_REST,         /* nothing to do */
    POLICY_UNMANAGED,    /* the administrator's wish */
    POLICY_HELD,         /* by ballonetctl */
    POLICY_FOREIGN,      /* somebody else has set its size */
    POLICY_NO_FIGURES,   /* no statistics, or stale ones */
    POLICY_NOT_FOLLOWED, /* it does not follow */
    POLICY_MOVING,       /* on its way to its target */
    POLICY_PAUSED,       /* no probes for now */
    POLICY_PROBE,        /* takes a little, to learn what is cold */
    POLICY_BREACH,       /* took too much: gives it back */
    POLICY_NEED,         /* its demand is above its size */
    POLICY_DISTRESS,     /* twice its shortfall at once */
    POLICY_NO_ROOM,      /* wants more than the host has */
    POLICY_DONOR,        /* the host is short, and it has slack */
    POLICY_SLACK,        /* the host is critical: all unused memory */
    POLICY_COLD,         /* and then cold cache */
    POLICY_SWAP,         /* and then what its swap can take */
    POLICY_LIMITS,       /* its limits changed */
    POLICY_REASONS,
} PolicyReason;

typedef struct PolicyGuest {
    /* in */
    PolicyLimits limits;
    uint64_t all;     /* the size with an empty balloon */
    uint64_t size;    /* now; 0: not known yet */
    bool autodeflate; /* it may take memory back by itself when it runs dry */
    bool held;
    bool paused; /* does not run */
    PolicySample sample;

    /* out */
    uint64_t order; /* new target; 0: none */
    uint64_t target;
    uint64_t demand; /* 0: not known yet */
    uint64_t hot;    /* file cache within the demand */
    PolicyReason reason;

    /* own */
    bool known;   /* target is set */
    bool arrived; /* at its target */
    bool foreign;
    bool silent; /* does not follow */
    bool rebooted;
    uint64_t was;      /* the size last seen */
    int64_t progress;  /* when it last came nearer to its target */
    int64_t retry;     /* when one that does not follow is tried again */
    int64_t retry_gap; /* until the time after that */
    uint64_t base;     /* anonymous, kernel and shared memory at the sample */
    uint64_t cache;    /* file cache at the sample */
    uint64_t peak;     /* the largest cache seen lately */
    bool learned;      /* hot comes from a breach or a probe, not from a guess */
    PolicySample last; /* the sample before */
    uint64_t recent;   /* refaults and swap-ins, a minute's worth */
    uint64_t missed;   /* of them, since the sample before */
    bool breach;
    bool distress;
    bool fresh;         /* the sample is new in this step, and usable */
    uint64_t calm;      /* size of the last calm point */
    uint64_t mark;      /* becomes the next calm point */
    int64_t mark_time;  /* since when */
    int64_t probed;     /* time of the last probe */
    int64_t pause_end;  /* no probes before */
    int64_t pause;      /* the last pause's length; 0: none since it was calm for long */
    int64_t keep_until; /* grown: nothing is taken before */
    uint64_t given;     /* what it grew by */
    int64_t given_time; /* and when */
    uint64_t
        swap_floor; /* while it is to use its swap: its demand, which now seems less, less swap */
    uint64_t want;  /* scratch of one step */
} PolicyGuest;

typedef struct PolicyHost {
    uint64_t total;
    uint64_t available; /* MemAvailable, or what the cgroup leaves */
    uint64_t reserved;  /* of it, promised to domains that start */
    uint32_t pressure;  /* PSI some, parts in a million of the time since the last step */
} PolicyHost;

typedef struct PolicyConfig {
    uint32_t tight_percent;    /* of total available: below, the host is tight */
    uint32_t critical_percent; /* below, or at a tenth of the time stalled, critical */
} PolicyConfig;

typedef struct Policy {
    PolicyConfig config;
    PolicyHostState state; /* out */
    int64_t since;         /* when it came about */
} Policy;

/* Return: what is wrong with the limits, or NULL. all: 0 where it is not known. */
const char *policy_limits_fault(const PolicyLimits *limits, uint64_t all);
const char *policy_config_fault(const PolicyConfig *config);

/*
 * One step. Sets order, target, demand, hot and reason of each guest. The
 * caller carries every order out, at least once; a later order replaces it.
 */
void policy_step(Policy *policy, const PolicyHost *host, PolicyGuest *const *guests, size_t count,
                 int64_t now);

/*
 * The guest starts anew: what was learned of it is void, and its target is all
 * it has.  No sample of before may come after this.
 */
void policy_rebooted(PolicyGuest *guest);

/* Ends a hold and the hands-off after somebody else's order: its size is where we start from. */
void policy_release(PolicyGuest *guest);

/* An order could not be carried out: it counts as never given. */
void policy_order_failed(PolicyGuest *guest);

uint64_t policy_min(const PolicyGuest *guest);
uint64_t policy_max(const PolicyGuest *guest);
/* By default 32 MiB and a 32nd of all it has; without autodeflate 96 MiB and a 16th. */
uint64_t policy_reserve(const PolicyGuest *guest);

const char *policy_state_name(PolicyHostState state);
const char *policy_reason_name(PolicyReason reason);
const char *policy_reason_text(PolicyReason reason);

#endif
