/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Between fake_host.c and fake_wire.c only: requests as runs of pages.
 */
#ifndef BALLONET_FAKE_WIRE_H
#define BALLONET_FAKE_WIRE_H

#include "fake_host.h"

size_t fake_wire_size(u32 pages, u32 chunks);
void fake_wire_begin(struct hostcomm_request *rq);
bool fake_wire_add(struct hostcomm_request *rq, struct page *page, u32 nr);
bool fake_wire_add_swap(struct hostcomm_request *rq, struct page *page, struct page *newpage);

void fake_wire_sent(struct hostcomm_request *rq);
void fake_wire_read(struct hostcomm_request *rq);
u32 fake_wire_ops(struct hostcomm_request *rq);
u32 fake_wire_ops_before(struct hostcomm_request *rq, struct page *first, struct page *last);
u32 fake_wire_frames_of(struct hostcomm_request *rq, u32 op, struct page *first, struct page *last);
u32 fake_wire_pages(struct hostcomm_request *rq, u32 ops);

#endif
