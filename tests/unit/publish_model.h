/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The driver's protocols by which one processor hands something over to another,
 * run on a model of weak memory (publish_model.cc).
 */
#ifndef PUBLISH_MODEL_H
#define PUBLISH_MODEL_H

#include <stdbool.h>

/* Whether a store, or the load that it is for, has an order: as the driver, or not. */
enum publish_order { AS_THE_DRIVER, RELAXED };

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Each runs all interleavings and all values that a load may see. Return: whether
 * none of them reads or writes what another processor still has.
 */
bool publish_batch_holds(enum publish_order store, enum publish_order load);
bool publish_request_holds(enum publish_order store, enum publish_order load);

#ifdef __cplusplus
}
#endif

#endif
