// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest's process 1 after init: a command loop on a serial port, so that
 * the host can act in the guest and look at it without a network. Several
 * commands may run at once; files are read without a fork, so the host can
 * watch a guest that has run dry. One thread, locked in memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "frame.h"
#include "job.h"

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "agent: %s: %s\n", path, strerror(errno));
	close(fd);
}

static void say_hello(int port)
{
	char id[64] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, id, sizeof(id) - 1);

	if (fd >= 0)
		close(fd);
	frame_send(port, 'H', 0, id, got > 0 ? strcspn(id, "\n") : 0);
}

static void send_file(int port, unsigned int id, const char *path)
{
	static char buffer[4096];
	ssize_t got;
	int status = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		frame_send(port, 'O', id, strerror(errno), strlen(strerror(errno)));
		frame_send_status(port, id, 1);
		return;
	}
	while ((got = read(fd, buffer, sizeof(buffer))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			status = 1;
			break;
		}
		frame_send(port, 'O', id, buffer, got);
	}
	close(fd);
	frame_send_status(port, id, status);
}

static void obey(int port, const struct frame *frame)
{
	int status;

	switch (frame->kind) {
	case 'R':
		status = job_start(frame->id, frame->payload);
		if (status)
			frame_send_status(port, frame->id, status);
		break;
	case 'G':
		send_file(port, frame->id, frame->payload);
		break;
	case 'K':
		job_kill(frame->id);
		break;
	case 'P':
		say_hello(port);
		break;
	}
}

static void read_port(int port, struct frame_reader *reader)
{
	char buffer[512];
	ssize_t got = read(port, buffer, sizeof(buffer));

	for (ssize_t i = 0; i < got; i++)
		if (frame_feed(reader, buffer[i]))
			obey(port, &reader->frame);
}

static int child_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static bool child_ended(int signals)
{
	struct signalfd_siginfo info;
	bool any = false;

	while (read(signals, &info, sizeof(info)) > 0)
		any = true;
	return any;
}

static void finish_reaped(int port)
{
	jobs_reap();
	for (int i = 0; i < JOBS_MAX; i++)
		if (jobs[i].id && jobs[i].reaped)
			job_finish(&jobs[i], port);
}

static void loop(int port, int signals)
{
	static struct frame_reader reader;
	struct pollfd fds[2 + JOBS_MAX];

	for (;;) {
		fds[0] = (struct pollfd){ .fd = port, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = signals, .events = POLLIN };
		for (int i = 0; i < JOBS_MAX; i++)
			fds[2 + i] = (struct pollfd){ .fd = jobs[i].id ? jobs[i].out : -1,
						      .events = POLLIN };
		if (poll(fds, 2 + JOBS_MAX, -1) < 0)
			continue;
		for (int i = 0; i < JOBS_MAX; i++)
			if (jobs[i].id && fds[2 + i].revents)
				job_pump(&jobs[i], port);
		if (fds[1].revents && child_ended(signals))
			finish_reaped(port);
		if (fds[0].revents & POLLIN)
			read_port(port, &reader);
	}
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "/dev/ttyS1";
	int signals = child_signals();
	int port = port_open(path);

	if (port < 0 || signals < 0) {
		fprintf(stderr, "agent: cannot open %s: %s\n", path, strerror(errno));
		return 1;
	}
	write_file("/proc/self/oom_score_adj", "-1000");
	mlockall(MCL_CURRENT | MCL_FUTURE);
	say_hello(port);
	loop(port, signals);
	return 0;
}
