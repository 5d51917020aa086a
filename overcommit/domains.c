/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The running domains of one libvirt, see domains.h. */
#include <json-glib/json-glib.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "domains.h"
#include "log.h"
#include "metadata.h"

#define THREADS 4 /* libvirtd takes five calls of a client at once; one is left to events */
#define RECONNECT_MIN_MS 1000
#define RECONNECT_MAX_MS 30000
#define KEEPALIVE_S 5
#define KEEPALIVE_COUNT 3
#define UNKNOWN UINT64_MAX

typedef enum JobKind {
    JOB_CONNECT,
    JOB_CLOSE,
    JOB_LOOK,
    JOB_STATISTICS,
    JOB_POLL,
    JOB_ORDER
} JobKind;

/* What one figure of a guest is called by the two that tell it. */
typedef struct Figures {
    uint64_t size, usable, free, swap_in, major_faults, rss, last_update;
    uint64_t balloon, active_file, refault_anon, refault_file, stall;
} Figures;

typedef struct Job {
    JobKind kind;
    unsigned poll;  /* the poll it belongs to */
    Domain *domain; /* the main thread's: not touched by whoever does the job */
    virDomainPtr dom;
    Domains *all; /* for callbacks to be registered, not touched either */
    const char *uri;
    bool monitor;
    uint64_t kib;

    /* answers */
    char *error; /* NULL: it went well */
    bool ended;  /* it does not run any more */
    virConnectPtr conn;
    virDomainPtr *list;
    BalloonXml balloon;
    char *metadata;
    virDomainInfo info;
    Figures figures;
} Job;

struct Domains {
    const char *uri;
    bool dry_run;
    const DomainsOps *ops;
    void *opaque;
    GuestConfig defaults;
    virConnectPtr conn; /* NULL: there is none */
    const char *lost;   /* why the connection is to be given up; NULL: it is not */
    bool connecting, said;
    int64_t next_try, try_gap;
    GHashTable *by_uuid;
    GThreadPool *pool;
    GAsyncQueue *done;
    int wake;
    unsigned poll, waiting_for; /* answers of this poll */
};

static int64_t now_ms(void)
{
    return g_get_monotonic_time() / 1000;
}

static int64_t wall_seconds(void)
{
    return g_get_real_time() / G_USEC_PER_SEC;
}

/* -- what the threads of the pool do: no state but the job ---------------------------- */

static void fails(Job *job, const char *what)
{
    int code = virGetLastErrorCode();

    job->error = g_strdup_printf("%s: %s", what, virGetLastErrorMessage());
    job->ended = code == VIR_ERR_NO_DOMAIN || code == VIR_ERR_OPERATION_INVALID;
}

static int on_lifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *opaque);
static void on_reboot(virConnectPtr conn, virDomainPtr dom, void *opaque);
static void on_size(virConnectPtr conn, virDomainPtr dom, unsigned long long kib, void *opaque);
static void on_metadata(virConnectPtr conn, virDomainPtr dom, int type, const char *uri,
                        void *opaque);
static void on_close(virConnectPtr conn, int reason, void *opaque);

static void do_connect(Job *job)
{
    const struct {
        int event;
        virConnectDomainEventGenericCallback call;
    } events[] = {
        { VIR_DOMAIN_EVENT_ID_LIFECYCLE, VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle) },
        { VIR_DOMAIN_EVENT_ID_REBOOT, VIR_DOMAIN_EVENT_CALLBACK(on_reboot) },
        { VIR_DOMAIN_EVENT_ID_BALLOON_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_size) },
        { VIR_DOMAIN_EVENT_ID_METADATA_CHANGE, VIR_DOMAIN_EVENT_CALLBACK(on_metadata) },
    };
    int count = -1;

    job->conn = virConnectOpen(job->uri);
    if (!job->conn) {
        fails(job, "no connection");
        return;
    }
    /* A driver without a wire, libvirt's own for tests, has nothing to keep alive. */
    virConnectSetKeepAlive(job->conn, KEEPALIVE_S, KEEPALIVE_COUNT);
    if (virConnectRegisterCloseCallback(job->conn, on_close, job->all, NULL) == 0) {
        count = 0;
    }
    for (unsigned i = 0; count >= 0 && i < G_N_ELEMENTS(events); i++) {
        count = virConnectDomainEventRegisterAny(job->conn, NULL, events[i].event, events[i].call,
                                                 job->all, NULL);
    }
    /* After the events: a domain that starts in between is seen twice rather than never. */
    if (count >= 0) {
        count = virConnectListAllDomains(job->conn, &job->list, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    }
    if (count < 0) {
        fails(job, "libvirt tells nothing of its domains");
        virConnectClose(job->conn);
        job->conn = NULL;
    }
}

/* Even that may wait for the other side. */
static void do_close(Job *job)
{
    virConnectUnregisterCloseCallback(job->conn, on_close);
    virConnectClose(job->conn);
}

static void do_look(Job *job)
{
    char *xml = virDomainGetXMLDesc(job->dom, 0);
    bool readable = xml && metadata_balloon(xml, &job->balloon);

    free(xml);
    if (!readable || virDomainGetInfo(job->dom, &job->info) < 0) {
        fails(job, "its description cannot be read");
        return;
    }
    /* Most have none, which libvirt calls an error. */
    job->metadata = virDomainGetMetadata(job->dom, VIR_DOMAIN_METADATA_ELEMENT, METADATA_URI,
                                         VIR_DOMAIN_AFFECT_LIVE);
}

static void do_statistics(Job *job)
{
    if (virDomainSetMemoryStatsPeriod(job->dom, 1, VIR_DOMAIN_AFFECT_LIVE) < 0) {
        fails(job, "it cannot be asked for statistics");
    }
}

static void read_number(JsonObject *from, const char *key, uint64_t *to, unsigned shift)
{
    int64_t value = json_object_get_int_member_with_default(from, key, -1);

    if (value >= 0) {
        *to = (uint64_t)value >> shift;
    }
}

/* What libvirt has no word for. A device without it, or a monitor that is closed, is no fault. */
static void read_by_monitor(Job *job)
{
    static const char *const command =
        "{\"execute\": \"qom-get\", \"arguments\": "
        "{\"path\": \"/machine/peripheral/balloon0\", \"property\": \"guest-stats\"}}";
    g_autoptr(JsonParser) parser = json_parser_new();
    g_autofree char *text = NULL;
    JsonObject *answer, *stats;
    Figures *f = &job->figures;
    char *raw = NULL;

    if (virDomainQemuMonitorCommand(job->dom, command, &raw, 0) < 0) {
        return;
    }
    text = g_strdup(raw);
    free(raw);
    if (!json_parser_load_from_data(parser, text, -1, NULL) ||
        !JSON_NODE_HOLDS_OBJECT(json_parser_get_root(parser))) {
        return;
    }
    answer = json_node_get_object(json_parser_get_root(parser));
    if (!json_object_has_member(answer, "return")) {
        return;
    }
    answer = json_object_get_object_member(answer, "return");
    stats = json_object_has_member(answer, "stats") ? json_object_get_object_member(answer, "stats")
                                                    : NULL;
    if (!stats) {
        return;
    }
    /* Of one instant, the balloon's size too: all of them, or none. */
    read_number(answer, "last-update", &f->last_update, 0);
    read_number(stats, "stat-available-memory", &f->usable, 10);
    read_number(stats, "stat-free-memory", &f->free, 10);
    read_number(stats, "stat-swap-in", &f->swap_in, 10);
    read_number(stats, "stat-major-faults", &f->major_faults, 0);
    read_number(stats, "stat-balloon", &f->balloon, 10);
    read_number(stats, "stat-active-file", &f->active_file, 10);
    read_number(stats, "stat-refaults-anon", &f->refault_anon, 10);
    read_number(stats, "stat-refaults-file", &f->refault_file, 10);
    read_number(stats, "stat-pressure-some", &f->stall, 0);
}

static void do_poll(Job *job)
{
    virDomainMemoryStatStruct stats[VIR_DOMAIN_MEMORY_STAT_NR];
    Figures *f = &job->figures;
    uint64_t *const where[VIR_DOMAIN_MEMORY_STAT_NR] = {
        [VIR_DOMAIN_MEMORY_STAT_ACTUAL_BALLOON] = &f->size,
        [VIR_DOMAIN_MEMORY_STAT_USABLE] = &f->usable,
        [VIR_DOMAIN_MEMORY_STAT_UNUSED] = &f->free,
        [VIR_DOMAIN_MEMORY_STAT_SWAP_IN] = &f->swap_in,
        [VIR_DOMAIN_MEMORY_STAT_MAJOR_FAULT] = &f->major_faults,
        [VIR_DOMAIN_MEMORY_STAT_RSS] = &f->rss,
        [VIR_DOMAIN_MEMORY_STAT_LAST_UPDATE] = &f->last_update,
    };
    int count;

    *f = (Figures){ UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN,
                    UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN };
    count = virDomainMemoryStats(job->dom, stats, VIR_DOMAIN_MEMORY_STAT_NR, 0);
    if (count < 0) {
        fails(job, "it has no statistics");
        return;
    }
    for (int i = 0; i < count; i++) {
        if (stats[i].tag < VIR_DOMAIN_MEMORY_STAT_NR && where[stats[i].tag]) {
            *where[stats[i].tag] = stats[i].val;
        }
    }
    if (job->monitor) {
        read_by_monitor(job);
    }
}

static void do_order(Job *job)
{
    if (virDomainSetMemoryFlags(job->dom, job->kib, VIR_DOMAIN_AFFECT_LIVE) < 0) {
        fails(job, "it does not take its new size");
    }
}

static void do_job(gpointer data, gpointer opaque)
{
    static void (*const does[])(Job *) = { do_connect,    do_close, do_look,
                                           do_statistics, do_poll,  do_order };
    Domains *d = opaque;
    Job *job = data;
    uint64_t one = 1;

    does[job->kind](job);
    g_async_queue_push(d->done, job);
    while (write(d->wake, &one, sizeof(one)) < 0) {
        /* A full counter has woken the main thread already. */
        break;
    }
}

/* -- the main thread's ----------------------------------------------------------------- */

static void free_job(Job *job)
{
    if (job->dom) {
        virDomainFree(job->dom);
    }
    g_free(job->error);
    free(job->metadata);
    g_free(job);
}

static void free_domain(gpointer data)
{
    Domain *domain = data;

    virDomainFree(domain->dom);
    g_free(domain->name);
    free(domain->metadata);
    g_free(domain);
}

static Job *new_job(Domains *d, JobKind kind, Domain *domain)
{
    Job *job = g_new0(Job, 1);

    job->kind = kind;
    job->all = d;
    job->uri = d->uri;
    job->domain = domain;
    if (domain) {
        domain->busy = true;
        virDomainRef(domain->dom);
        job->dom = domain->dom;
        job->monitor = domain->wishes.monitor;
    }
    return job;
}

static void launch(Domains *d, Job *job)
{
    g_thread_pool_push(d->pool, job, NULL);
}

static void apply_wishes(Domains *d, Domain *domain)
{
    g_autoptr(GPtrArray) faults = g_ptr_array_new_with_free_func(g_free);
    const char *wrong;

    domain->wishes = d->defaults;
    if (domain->metadata) {
        metadata_apply(domain->metadata, &domain->wishes, faults);
        wrong = policy_limits_fault(&domain->wishes.limits, domain->guest.all);
        if (wrong) {
            g_ptr_array_add(faults, g_strdup(wrong));
            domain->wishes.limits.min = d->defaults.limits.min;
            domain->wishes.limits.max = d->defaults.limits.max;
        }
    }
    for (unsigned i = 0; i < faults->len; i++) {
        log_error("guest %s: metadata: %s", domain->name, (char *)faults->pdata[i]);
    }
    domain->guest.limits = domain->wishes.limits;
}

static Domain *find_by(Domains *d, virDomainPtr dom)
{
    char uuid[VIR_UUID_STRING_BUFLEN];

    return virDomainGetUUIDString(dom, uuid) < 0 ? NULL : g_hash_table_lookup(d->by_uuid, uuid);
}

static void look(Domains *d, Domain *domain)
{
    if (domain->busy) {
        domain->look_again = true;
        return;
    }
    domain->look_again = false;
    launch(d, new_job(d, JOB_LOOK, domain));
}

/* Makes the domain known, or known anew after another connection. dom: its reference is taken. */
static Domain *adopt(Domains *d, virDomainPtr dom)
{
    Domain *domain = find_by(d, dom);

    if (domain) {
        virDomainFree(domain->dom);
        domain->dom = dom;
    } else {
        domain = g_new0(Domain, 1);
        domain->dom = dom;
        domain->name = g_strdup(virDomainGetName(dom));
        domain->wishes = d->defaults;
        virDomainGetUUIDString(dom, domain->uuid);
        g_hash_table_insert(d->by_uuid, domain->uuid, domain);
    }
    domain->unconfirmed = false;
    look(d, domain);
    return domain;
}

/* Its job, if there is one, still knows it. */
static void forget(Domains *d, Domain *domain)
{
    log_info("guest %s is gone", domain->name);
    g_hash_table_steal(d->by_uuid, domain->uuid);
    domain->gone = true;
    if (!domain->busy) {
        free_domain(domain);
    }
}

static int on_lifecycle(virConnectPtr conn, virDomainPtr dom, int event, int detail, void *opaque)
{
    Domains *d = opaque;
    Domain *domain = find_by(d, dom);

    (void)conn;
    (void)detail;
    switch (event) {
    case VIR_DOMAIN_EVENT_STARTED:
        if (domain) {
            forget(d, domain); /* its end went by unheard */
        }
        virDomainRef(dom);
        adopt(d, dom)->starts_at = now_ms();
        break;
    case VIR_DOMAIN_EVENT_STOPPED:
    case VIR_DOMAIN_EVENT_CRASHED:
        if (domain) {
            forget(d, domain);
        }
        break;
    case VIR_DOMAIN_EVENT_SUSPENDED:
    case VIR_DOMAIN_EVENT_PMSUSPENDED:
    case VIR_DOMAIN_EVENT_RESUMED:
        if (domain) {
            domain->guest.paused = event != VIR_DOMAIN_EVENT_RESUMED;
        }
        break;
    default:
        break;
    }
    return 0;
}

static void on_reboot(virConnectPtr conn, virDomainPtr dom, void *opaque)
{
    Domain *domain = find_by(opaque, dom);

    (void)conn;
    if (domain) {
        log_info("guest %s starts anew", domain->name);
        policy_rebooted(&domain->guest);
        domain->incoming = (PolicySample){};
        domain->order = 0;
        domain->moved = wall_seconds();
    }
}

static void on_size(virConnectPtr conn, virDomainPtr dom, unsigned long long kib, void *opaque)
{
    Domain *domain = find_by(opaque, dom);

    (void)conn;
    if (domain && domain->size_seen != kib) {
        domain->size_seen = kib;
        domain->moved = wall_seconds();
    }
}

static void on_metadata(virConnectPtr conn, virDomainPtr dom, int type, const char *uri,
                        void *opaque)
{
    Domain *domain = find_by(opaque, dom);

    (void)conn;
    if (domain && type == VIR_DOMAIN_METADATA_ELEMENT && uri && !strcmp(uri, METADATA_URI)) {
        look(opaque, domain);
    }
}

static void lose(Domains *d)
{
    Job *job = new_job(d, JOB_CLOSE, NULL);
    GHashTableIter iter;
    Domain *domain;

    log_error("libvirt is gone (%s): guests keep what they have until it is back", d->lost);
    job->conn = g_steal_pointer(&d->conn);
    launch(d, job);
    d->lost = NULL;
    d->next_try = now_ms() + RECONNECT_MIN_MS;
    d->try_gap = RECONNECT_MIN_MS;
    d->said = true;
    g_hash_table_iter_init(&iter, d->by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&domain)) {
        domain->unconfirmed = true;
    }
    d->ops->connected(d->opaque, false);
}

static void on_close(virConnectPtr conn, int reason, void *opaque)
{
    static const char *const why[] = { "an error", "it ended", "it does not answer", "closed" };
    Domains *d = opaque;

    /* libvirt holds the connection's lock: it is given up with the next poll. */
    if (conn == d->conn) {
        d->lost = reason >= 0 && reason < (int)G_N_ELEMENTS(why) ? why[reason] : why[0];
    }
}

static void connected(Domains *d, Job *job)
{
    GHashTableIter iter;
    Domain *domain;

    d->connecting = false;
    if (job->error) {
        if (!d->said) {
            log_error("%s: %s", d->uri, job->error);
            d->said = true;
        }
        d->try_gap = d->try_gap ? MIN(2 * d->try_gap, RECONNECT_MAX_MS) : RECONNECT_MIN_MS;
        d->next_try = now_ms() + d->try_gap;
        return;
    }
    d->conn = job->conn;
    d->said = false;
    log_info("connected to %s", d->uri);
    for (virDomainPtr *dom = job->list; *dom; dom++) {
        adopt(d, *dom);
    }
    free(job->list);
    g_hash_table_iter_init(&iter, d->by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&domain)) {
        if (domain->unconfirmed) {
            forget(d, domain);
            g_hash_table_iter_init(&iter, d->by_uuid);
        }
    }
    d->ops->connected(d->opaque, true);
}

static void looked(Domains *d, Domain *domain, Job *job)
{
    bool first = !domain->looked;

    if (job->error) {
        log_error("guest %s: %s", domain->name, job->error);
        return;
    }
    domain->looked = true;
    domain->balloon = job->balloon.present;
    domain->guest.autodeflate = job->balloon.autodeflate;
    domain->guest.all = job->info.maxMem;
    domain->guest.paused =
        job->info.state != VIR_DOMAIN_RUNNING && job->info.state != VIR_DOMAIN_BLOCKED;
    free(domain->metadata);
    domain->metadata = g_steal_pointer(&job->metadata);
    apply_wishes(d, domain);
    /* An administrator's own period stays. */
    domain->ask = domain->balloon && !job->balloon.period && domain->wishes.limits.managed;
    if (!first) {
        return;
    }
    if (domain->balloon) {
        log_info("guest %s: %llu MiB", domain->name, domain->guest.all / POLICY_MIB);
    } else {
        log_error("guest %s has no balloon: it is left alone", domain->name);
    }
    if (domain->starts_at) {
        d->ops->started(d->opaque, domain);
    }
}

static uint64_t known(uint64_t value)
{
    return value == UNKNOWN ? 0 : value;
}

static void polled(Domains *d, Domain *domain, const Job *job)
{
    const Figures *f = &job->figures;
    PolicySample *s = &domain->incoming;

    if (job->error) {
        log_detail("guest %s: %s", domain->name, job->error);
        if (job->ended && d->conn) {
            forget(d, domain);
        }
        return;
    }
    if (f->size != UNKNOWN) {
        if (domain->size_seen != f->size) {
            domain->size_seen = f->size;
            domain->moved = wall_seconds();
        }
        domain->guest.size = f->size;
    }
    domain->rss = known(f->rss);
    if (f->usable == UNKNOWN || f->free == UNKNOWN || f->last_update == UNKNOWN ||
        (int64_t)f->last_update <= domain->last_update) {
        return;
    }
    domain->last_update = f->last_update;
    domain->starts_at = 0;
    s->id++;
    s->time = now_ms();
    s->usable = f->usable;
    s->free = MIN(f->free, f->usable);
    s->swap_in = known(f->swap_in);
    s->has_refault = f->refault_anon != UNKNOWN && f->refault_file != UNKNOWN;
    s->refault = s->has_refault ? f->refault_anon + f->refault_file : known(f->major_faults) * 4;
    s->has_stall = f->stall != UNKNOWN;
    s->stall = known(f->stall);
    s->active_file = known(f->active_file);
    /* Figures from before a move say nothing of the size after it, unless they name it. */
    if (f->balloon != UNKNOWN && f->balloon < domain->guest.all) {
        s->size = domain->guest.all - f->balloon;
    } else {
        s->size = domain->last_update > domain->moved ? domain->guest.size : 0;
    }
    domain->guest.sample = *s;
}

static void carried_out(Domain *domain, const Job *job)
{
    if (job->error) {
        log_error("guest %s: %s", domain->name, job->error);
    }
    if (job->error && job->kind == JOB_ORDER) {
        policy_order_failed(&domain->guest);
    }
}

static void order_now(Domains *d, Domain *domain)
{
    Job *job = new_job(d, JOB_ORDER, domain);

    job->kib = domain->order;
    domain->order = 0;
    launch(d, job);
}

static void finish(Domains *d, Job *job)
{
    Domain *domain = job->domain;

    if (!domain) {
        if (job->kind == JOB_CONNECT) {
            connected(d, job);
        }
        return;
    }
    if (domain->gone) {
        free_domain(domain);
    } else {
        if (job->kind == JOB_LOOK) {
            looked(d, domain, job);
        } else if (job->kind == JOB_POLL) {
            polled(d, domain, job);
        } else {
            carried_out(domain, job);
        }
        domain->busy = false;
        if (domain->gone) {
            free_domain(domain);
        } else if (domain->order && d->conn) {
            order_now(d, domain);
        } else if (domain->look_again) {
            look(d, domain);
        } else if (domain->ask && !d->dry_run) {
            domain->ask = false;
            launch(d, new_job(d, JOB_STATISTICS, domain));
        }
    }
    if (job->kind == JOB_POLL && job->poll == d->poll && !--d->waiting_for) {
        d->ops->polled(d->opaque);
    }
}

static void woken(int watch, int fd, int events, void *opaque)
{
    Domains *d = opaque;
    uint64_t count;
    Job *job;

    (void)watch;
    (void)events;
    if (read(fd, &count, sizeof(count)) < 0) {
        return;
    }
    while ((job = g_async_queue_try_pop(d->done))) {
        finish(d, job);
        free_job(job);
    }
}

void domains_poll(Domains *d, int64_t now)
{
    GHashTableIter iter;
    Domain *domain;

    if (d->conn && d->lost) {
        lose(d);
    }
    if (!d->conn) {
        if (!d->connecting && now >= d->next_try) {
            d->connecting = true;
            launch(d, new_job(d, JOB_CONNECT, NULL));
        }
        return;
    }
    d->poll++;
    d->waiting_for = 0;
    g_hash_table_iter_init(&iter, d->by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&domain)) {
        if (!domain->busy && domain->looked && domain->balloon && domain->wishes.limits.managed) {
            Job *job = new_job(d, JOB_POLL, domain);

            job->poll = d->poll;
            d->waiting_for++;
            launch(d, job);
        }
    }
    if (!d->waiting_for) {
        d->ops->polled(d->opaque);
    }
}

GPtrArray *domains_list(Domains *d)
{
    GPtrArray *list = g_ptr_array_new();
    GHashTableIter iter;
    Domain *domain;

    g_hash_table_iter_init(&iter, d->by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&domain)) {
        if (domain->looked && domain->balloon) {
            g_ptr_array_add(list, domain);
        }
    }
    return list;
}

Domain *domains_find(Domains *d, const char *name)
{
    GHashTableIter iter;
    Domain *domain;

    g_hash_table_iter_init(&iter, d->by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&domain)) {
        if (!strcmp(domain->name, name) || !strcmp(domain->uuid, name)) {
            return domain;
        }
    }
    return NULL;
}

bool domains_connected(const Domains *d)
{
    return d->conn;
}

void domains_order(Domains *d, Domain *domain, uint64_t kib)
{
    if (d->dry_run) {
        policy_order_failed(&domain->guest);
        return;
    }
    domain->order = kib;
    if (!domain->busy && d->conn) {
        order_now(d, domain);
    }
}

void domains_configure(Domains *d, const GuestConfig *defaults)
{
    GHashTableIter iter;
    Domain *domain;

    d->defaults = *defaults;
    g_hash_table_iter_init(&iter, d->by_uuid);
    while (g_hash_table_iter_next(&iter, NULL, (gpointer *)&domain)) {
        apply_wishes(d, domain);
    }
}

Domains *domains_new(const char *uri, bool dry_run, const DomainsOps *ops, void *opaque)
{
    Domains *d = g_new0(Domains, 1);

    d->uri = uri;
    d->dry_run = dry_run;
    d->ops = ops;
    d->opaque = opaque;
    d->by_uuid = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_domain);
    d->done = g_async_queue_new();
    d->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    virEventAddHandle(d->wake, VIR_EVENT_HANDLE_READABLE, woken, d, NULL);
    d->pool = g_thread_pool_new(do_job, d, THREADS, TRUE, NULL);
    return d;
}
