// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The serial port and the frames on it; see frame.h for their shape.
 * Knows nothing of commands or processes.
 */
#include "frame.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

int port_open(const char *path)
{
	struct termios tio;
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

	/* virtio-console makes the file before it can open it; nothing tells when it can. */
	for (int tries = 0; fd < 0 && errno == ENXIO && tries < 500; tries++) {
		usleep(10000);
		fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	}
	if (fd < 0)
		return -1;
	if (tcgetattr(fd, &tio) == 0) {
		cfmakeraw(&tio);
		cfsetspeed(&tio, B115200);
		tio.c_cflag |= CLOCAL | CREAD;
		tcsetattr(fd, TCSAFLUSH, &tio);
	}
	return fd;
}

static bool parse_head(struct frame_reader *reader)
{
	struct frame *frame = &reader->frame;

	reader->head[reader->have] = '\0';
	if (sscanf(reader->head, "%c %u %zu", &frame->kind, &frame->id, &frame->len) != 3)
		return false;
	return frame->len <= FRAME_PAYLOAD_MAX;
}

bool frame_feed(struct frame_reader *reader, char byte)
{
	struct frame *frame = &reader->frame;

	switch (reader->state) {
	case FRAME_NOISE:
		if (byte == FRAME_MARK) {
			reader->state = FRAME_HEAD;
			reader->have = 0;
		}
		return false;
	case FRAME_HEAD:
		if (byte == FRAME_MARK) {
			reader->have = 0;
			return false;
		}
		if (byte != '\n') {
			if (reader->have + 1 >= sizeof(reader->head))
				reader->state = FRAME_NOISE;
			else
				reader->head[reader->have++] = byte;
			return false;
		}
		reader->state = parse_head(reader) ? FRAME_BODY : FRAME_NOISE;
		reader->have = 0;
		break;
	case FRAME_BODY:
		frame->payload[reader->have++] = byte;
		break;
	}
	if (reader->state != FRAME_BODY || reader->have < frame->len)
		return false;
	frame->payload[frame->len] = '\0';
	reader->state = FRAME_NOISE;
	return true;
}

static void write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t done = write(fd, data, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return; /* the host went away: nobody to tell */
		data += done;
		len -= done;
	}
}

void frame_send(int port, char kind, unsigned int id, const void *payload, size_t len)
{
	char head[48];
	int used = snprintf(head, sizeof(head), "%c%c %u %zu\n", FRAME_MARK, kind, id, len);

	write_all(port, head, used);
	write_all(port, payload, len);
}

void frame_send_status(int port, unsigned int id, int status)
{
	char head[48];
	int used = snprintf(head, sizeof(head), "%cE %u %d\n", FRAME_MARK, id, status);

	write_all(port, head, used);
}
