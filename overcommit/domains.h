/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The running domains of one libvirt: which there are, what they say, and the
 * orders to them.
 *
 * Every call that waits for libvirt is made by a few threads of a pool, which
 * know nothing but their job; all else, and all of this interface, is the main
 * thread's.  For each domain there is at most one job at a time: one whose
 * emulator hangs holds up one thread, and nobody else.
 */
#ifndef BALLONET_DOMAINS_H
#define BALLONET_DOMAINS_H

#include <glib.h>
#include <libvirt/libvirt.h>

#include "config.h"
#include "policy.h"

typedef struct Domain {
    virDomainPtr dom;
    char *name;
    char uuid[VIR_UUID_STRING_BUFLEN];
    PolicyGuest guest;
    GuestConfig wishes; /* the defaults, and what its metadata says */
    bool looked;        /* its XML was read */
    bool balloon;
    char *metadata;    /* element in our namespace, or NULL */
    uint64_t rss;      /* KiB; 0: not known */
    int64_t starts_at; /* it came up then, and may not have all its memory yet; 0: it was there */

    /* of domains.c */
    bool busy, gone, look_again, unconfirmed;
    bool ask;              /* its statistics are to be switched on */
    uint64_t order;        /* to be carried out when its job is done; 0: none */
    uint64_t size_seen;    /* KiB */
    int64_t moved;         /* second of the wall clock in which the size last changed */
    int64_t last_update;   /* second of the newest statistics */
    PolicyReason reason;   /* as last logged */
    PolicySample incoming; /* built from the answers */
} Domain;

typedef struct Domains Domains;

typedef struct DomainsOps {
    void (*polled)(void *opaque);                  /* every domain has answered */
    void (*started)(void *opaque, Domain *domain); /* a domain has come up, its memory is known */
    void (*connected)(void *opaque, bool is);
} DomainsOps;

/*
 * dry_run: nothing of any domain is changed.  There is no way to end it but with
 * the process: a job that waits for a hung emulator may never come back.
 */
Domains *domains_new(const char *uri, bool dry_run, const DomainsOps *ops, void *opaque);

/* Connects where there is no connection, and asks every managed domain for figures. */
void domains_poll(Domains *d, int64_t now);

/* Those that have a balloon and were looked at; valid until the main loop runs again. */
GPtrArray *domains_list(Domains *d);
Domain *domains_find(Domains *d, const char *name);
bool domains_connected(const Domains *d);

/* The newest order wins. */
void domains_order(Domains *d, Domain *domain, uint64_t kib);

/* Defaults for the guests; metadata is applied on top. */
void domains_configure(Domains *d, const GuestConfig *defaults);

#endif
