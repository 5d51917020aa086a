/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Free page reporting (VIRTIO 5.5.6.7): the guest lends us pages it does not
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

#include "engine.h"

/* Validates a job of the reporting queue that was just taken. */
void balloon_reporting_begin(struct Ballonet *s, BalloonJob *job);

/* Discards once for @job at most.  Return: whether the job is done. */
bool balloon_reporting_step(struct Ballonet *s, BalloonJob *job);

#endif
