/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames on the serial line between host and agent, both ways:
 *
 *	0x01 KIND ' ' ID ' ' NUMBER '\n' [NUMBER bytes of payload]
 *
 * KIND from the host: R run a shell command, G get a file, K kill command ID,
 * P ping. KIND from the guest: H hello (payload: boot id), O output of ID,
 * E end of ID (NUMBER is the exit status and no payload follows).
 * Anything before the next 0x01 is noise of a port that was not ours yet.
 * One thread; blocking writes; owns the file descriptor of the port.
 */
#ifndef AGENT_FRAME_H
#define AGENT_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#define FRAME_MARK 0x01
#define FRAME_PAYLOAD_MAX 8192

struct frame {
	char kind;
	unsigned int id;
	size_t len;
	char payload[FRAME_PAYLOAD_MAX + 1]; /* NUL after len bytes */
};

struct frame_reader {
	enum { FRAME_NOISE, FRAME_HEAD, FRAME_BODY } state;
	char head[40];
	size_t have; /* bytes of head or payload read so far */
	struct frame frame;
};

/* Raw mode, no echo, and nothing left over from before; waits up to 5 s for a port that is
 * about to be there; -1 with errno set. */
int port_open(const char *path);

/* Takes one byte; true when reader->frame is complete. */
bool frame_feed(struct frame_reader *reader, char byte);

void frame_send(int port, char kind, unsigned int id, const void *payload, size_t len);
void frame_send_status(int port, unsigned int id, int status);

#endif
