/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of the ops queue (spec/page-ops.md 4): here the shape of a buffer
 * and the fields of an operation are judged, by themselves; whether the pages
 * are RAM and in the right state is for others to say.
 *
 * Pure: works on bytes that were copied out of guest memory once; knows
 * neither RAM nor queues.
 */
#ifndef BALLONET_OPREQUEST_H
#define BALLONET_OPREQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "request.h"

/* Operations that a buffer may hold: 96 KiB of them, 16 MiB of single pages. */
#define OPREQUEST_MAX 4096u

typedef enum OpShape {
    OP_SHAPE_GOOD,
    OP_SHAPE_TORN,     /* whole operations, and bytes after the last */
    OP_SHAPE_REFUSED,  /* empty, or too many: nothing of it is done */
    OP_SHAPE_NO_ROOM,  /* no room for a status: no answer is possible */
} OpShape;

/*
 * Judges a buffer of @readable and @writable bytes.
 * Return: its shape; *@ops is the number of operations to be done.
 */
OpShape oprequest_shape(uint64_t readable, uint64_t writable, uint32_t *ops);

/* One operation: 4 KiB pages that leave the balloon, and pages that enter. */
typedef struct OpRequest {
    uint16_t type;      /* VIRTIO_BALLOON_OP_* */
    RequestRange leave; /* n is 0 for an INFLATE */
    RequestRange enter; /* n is 0 for a DEFLATE */
} OpRequest;

/* Decodes the 24 bytes at @raw.  Return: whether it is an operation that is allowed. */
bool oprequest_decode(const uint8_t *raw, OpRequest *op);

#endif
