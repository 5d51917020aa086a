/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints: what is asked of the host, what it answers, what resize decides,
 * what compaction moves.  In tracefs under events/virtio_balloon/.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM virtio_balloon

#if !defined(BALLONET_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define BALLONET_TRACE_H

#include <linux/migrate_mode.h>
#include <linux/mm.h>
#include <linux/tracepoint.h>

/* Values are those of enum hostcomm_op and enum resize_action. */
#define show_balloon_op(op) \
	__print_symbolic(op, { 0, "inflate" }, { 1, "deflate" }, { 2, "swap" })
#define show_balloon_action(action) \
	__print_symbolic(action, { 0, "rest" }, { 1, "inflate" }, \
		{ 2, "deflate" }, { 3, "wait" }, { 4, "give" })

/* A request went into a ring; the host was notified if it asked for that. */
TRACE_EVENT(virtio_balloon_post,
	TP_PROTO(unsigned int op, u32 pages),
	TP_ARGS(op, pages),
	TP_STRUCT__entry(
		__field(unsigned int, op)
		__field(u32, pages)
	),
	TP_fast_assign(
		__entry->op = op;
		__entry->pages = pages;
	),
	TP_printk("op=%s pages=%u", show_balloon_op(__entry->op), __entry->pages)
);

/* The host answered a request; err 0: it did as told. */
TRACE_EVENT(virtio_balloon_done,
	TP_PROTO(unsigned int op, u32 pages, int err),
	TP_ARGS(op, pages, err),
	TP_STRUCT__entry(
		__field(unsigned int, op)
		__field(u32, pages)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->op = op;
		__entry->pages = pages;
		__entry->err = err;
	),
	TP_printk("op=%s pages=%u err=%d", show_balloon_op(__entry->op),
		  __entry->pages, __entry->err)
);

/* A decision of the resize policy; sizes in guest pages. */
TRACE_EVENT(virtio_balloon_resize,
	TP_PROTO(u64 target, u64 size, unsigned int action, u64 pages, u32 wait_ms),
	TP_ARGS(target, size, action, pages, wait_ms),
	TP_STRUCT__entry(
		__field(u64, target)
		__field(u64, size)
		__field(unsigned int, action)
		__field(u64, pages)
		__field(u32, wait_ms)
	),
	TP_fast_assign(
		__entry->target = target;
		__entry->size = size;
		__entry->action = action;
		__entry->pages = pages;
		__entry->wait_ms = wait_ms;
	),
	TP_printk("target=%llu size=%llu action=%s pages=%llu wait_ms=%u",
		  __entry->target, __entry->size,
		  show_balloon_action(__entry->action), __entry->pages,
		  __entry->wait_ms)
);

/* A migrate callback; err 0: moved. */
TRACE_EVENT(virtio_balloon_migrate,
	TP_PROTO(struct page *page, struct page *newpage, enum migrate_mode mode,
		 int err),
	TP_ARGS(page, newpage, mode, err),
	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(unsigned long, newpfn)
		__field(int, mode)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->pfn = page_to_pfn(page);
		__entry->newpfn = page_to_pfn(newpage);
		__entry->mode = mode;
		__entry->err = err;
	),
	TP_printk("pfn=0x%lx newpfn=0x%lx mode=%d err=%d", __entry->pfn,
		  __entry->newpfn, __entry->mode, __entry->err)
);

/* A block was to become the balloon's, which had some of it; err 0: it is. */
TRACE_EVENT(virtio_balloon_exchange,
	TP_PROTO(struct page *first, unsigned int order, u32 ballooned, u32 busy,
		 int err),
	TP_ARGS(first, order, ballooned, busy, err),
	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(unsigned int, order)
		__field(u32, ballooned)
		__field(u32, busy)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->pfn = page_to_pfn(first);
		__entry->order = order;
		__entry->ballooned = ballooned;
		__entry->busy = busy;
		__entry->err = err;
	),
	TP_printk("pfn=0x%lx order=%u ballooned=%u busy=%u err=%d", __entry->pfn,
		  __entry->order, __entry->ballooned, __entry->busy,
		  __entry->err)
);

/* A block was to become free for the guest; what was in use there before. */
TRACE_EVENT(virtio_balloon_evacuate,
	TP_PROTO(struct page *first, unsigned int order, u32 busy, int err),
	TP_ARGS(first, order, busy, err),
	TP_STRUCT__entry(
		__field(unsigned long, pfn)
		__field(unsigned int, order)
		__field(u32, busy)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->pfn = page_to_pfn(first);
		__entry->order = order;
		__entry->busy = busy;
		__entry->err = err;
	),
	TP_printk("pfn=0x%lx order=%u busy=%u err=%d", __entry->pfn,
		  __entry->order, __entry->busy, __entry->err)
);

/* A run of hints begins (its id) or ends (0); guest pages hinted before. */
TRACE_EVENT(virtio_balloon_hint,
	TP_PROTO(u32 id, u64 hinted),
	TP_ARGS(id, hinted),
	TP_STRUCT__entry(
		__field(u32, id)
		__field(u64, hinted)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->hinted = hinted;
	),
	TP_printk("id=0x%x hinted=%llu", __entry->id, __entry->hinted)
);

/* The host has discarded free blocks. */
TRACE_EVENT(virtio_balloon_report,
	TP_PROTO(unsigned int blocks, unsigned long pages),
	TP_ARGS(blocks, pages),
	TP_STRUCT__entry(
		__field(unsigned int, blocks)
		__field(unsigned long, pages)
	),
	TP_fast_assign(
		__entry->blocks = blocks;
		__entry->pages = pages;
	),
	TP_printk("blocks=%u pages=%lu", __entry->blocks, __entry->pages)
);

/* The guest ran dry: pages taken out, and what the kernel was told it got. */
TRACE_EVENT(virtio_balloon_oom,
	TP_PROTO(u32 pages, unsigned long freed),
	TP_ARGS(pages, freed),
	TP_STRUCT__entry(
		__field(u32, pages)
		__field(unsigned long, freed)
	),
	TP_fast_assign(
		__entry->pages = pages;
		__entry->freed = freed;
	),
	TP_printk("pages=%u freed=%lu", __entry->pages, __entry->freed)
);

#endif

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
