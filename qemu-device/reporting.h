/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Free page reporting (VIRTIO 5.5.6.7): the guest reports pages it does not
 * use, as the device-writable parts of a buffer, and takes them back with it.
 * They go back to the host meanwhile; the ledgers do not know them.
 *
 * Unlike ballooned pages these can never be given back later: once the buffer
 * is answered they are the guest's, so what is inhibited now stays with it.
 *
 * Context of everything here: BQL held.
 */
#ifndef BALLONET_REPORTING_H
#define BALLONET_REPORTING_H

#include "hw/virtio/virtio.h"

struct Ballonet;

/* Validates the shape of a report, and counts what is wrong with it. */
void balloon_reporting_begin(struct Ballonet *s, const VirtQueueElement *elem);

/*
 * Discards once in part number @i of a report, of which @done bytes are dealt
 * with.  Return: bytes of it that are dealt with now; all of them where nothing
 * of it may be discarded.
 */
uint64_t balloon_reporting_step(struct Ballonet *s, const VirtQueueElement *elem, unsigned i,
                                uint64_t done);

#endif
