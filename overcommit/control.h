/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The socket that ballonetctl speaks to: one line of words with tabs between
 * them, answered by "ok" or "error", a newline and a text, and the end.
 *
 * Context: the main thread. Nobody who connects can hold it up.
 */
#ifndef BALLONET_CONTROL_H
#define BALLONET_CONTROL_H

#include "daemon.h"

typedef struct Control Control;

/* Return: NULL where there is another daemon, or no socket to be had; it says why. */
Control *control_open(Daemon *daemon);
void control_close(Control *control);

#endif
