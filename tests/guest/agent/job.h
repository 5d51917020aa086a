/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Shell commands the host asked for: one process group each, stdout and stderr
 * in one pipe. A job ends when its shell has been reaped and the pipe holds no
 * more bytes; a daemon the shell left behind may keep the pipe open, so the
 * agent does not wait for end of file. A fixed table, no allocation: the agent
 * must answer in a guest that has no memory left. One thread.
 */
#ifndef AGENT_JOB_H
#define AGENT_JOB_H

#include <stdbool.h>
#include <sys/types.h>

#define JOBS_MAX 32
#define JOB_STATUS_BUSY 126	/* no free slot, or no memory to fork */

struct job {
	unsigned int id;	/* 0: free slot */
	pid_t pid;
	int out;		/* read end of the pipe, not blocking; -1 after EOF */
	bool reaped;
	int status;		/* as a shell shows it; valid once reaped */
};

extern struct job jobs[JOBS_MAX];

/* 0, or the exit status to report at once. */
int job_start(unsigned int id, const char *command);
void job_kill(unsigned int id);

/* Reaps children, orphans of the guest included. */
void jobs_reap(void);

/* Sends some of what the pipe holds. */
void job_pump(struct job *job, int port);

/* For a reaped job: sends the rest and the status, and frees the slot. */
void job_finish(struct job *job, int port);

#endif
