/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Trace events of discard.c that say nothing. */
#define trace_ballonet_discard(block, offset, bytes, ret) ((void)(block))
#define trace_ballonet_discarded(block, done, ranges, ns) ((void)(block), (void)(ns))
#define trace_ballonet_discard_single(error, ever) ((void)(error))
