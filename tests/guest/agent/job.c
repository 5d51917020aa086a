// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Life of one shell command; see job.h. Talks to the host through frame.h only.
 */
#include "job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "frame.h"

struct job jobs[JOBS_MAX];

/* The agent itself is exempt from the OOM killer; what it starts must not be. */
static void reset_oom_score(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, "0", 1) != 1)
		_exit(JOB_STATUS_BUSY);
	close(fd);
}

static void become_shell(int out, const char *command)
{
	sigset_t none;
	int null = open("/dev/null", O_RDONLY);

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	reset_oom_score();
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

int job_start(unsigned int id, const char *command)
{
	struct job *job = NULL;
	int pipefd[2];

	for (int i = 0; i < JOBS_MAX && !job; i++)
		if (jobs[i].id == 0)
			job = &jobs[i];
	if (!job || pipe2(pipefd, O_CLOEXEC) < 0)
		return JOB_STATUS_BUSY;

	job->pid = fork();
	if (job->pid == 0)
		become_shell(pipefd[1], command);
	close(pipefd[1]);
	if (job->pid < 0) {
		close(pipefd[0]);
		return JOB_STATUS_BUSY;
	}
	fcntl(pipefd[0], F_SETFL, O_NONBLOCK);
	job->id = id;
	job->out = pipefd[0];
	job->reaped = false;
	return 0;
}

void job_kill(unsigned int id)
{
	for (int i = 0; i < JOBS_MAX; i++)
		if (jobs[i].id == id && !jobs[i].reaped)
			kill(-jobs[i].pid, SIGKILL);
}

void jobs_reap(void)
{
	int raw;
	pid_t pid;

	while ((pid = waitpid(-1, &raw, WNOHANG)) > 0) {
		for (int i = 0; i < JOBS_MAX; i++) {
			struct job *job = &jobs[i];

			if (job->id == 0 || job->reaped || job->pid != pid)
				continue;
			job->reaped = true;
			job->status = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
		}
	}
}

static bool pump_once(struct job *job, int port)
{
	static char buffer[4096];
	ssize_t got;

	if (job->out < 0)
		return false;
	got = read(job->out, buffer, sizeof(buffer));
	if (got > 0) {
		frame_send(port, 'O', job->id, buffer, got);
		return true;
	}
	if (got == 0) {
		close(job->out);
		job->out = -1;
	}
	return false;
}

void job_pump(struct job *job, int port)
{
	pump_once(job, port);
}

void job_finish(struct job *job, int port)
{
	/* a pipe holds 16 reads; a daemon that keeps writing must not hold us */
	for (int i = 0; i < 32 && pump_once(job, port); i++)
		;
	if (job->out >= 0)
		close(job->out);
	frame_send_status(port, job->id, job->status);
	job->id = 0;
}
