// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plugin for QEMU's TCG: counts the instructions that the guest executes, in a
 * file that others may read meanwhile: a counter of 64 bits for each vCPU, at the
 * start of each 64 bytes. A translation block counts whole when it begins, also
 * one that a fault ends early.
 *
 * usage: -plugin instructions.so,counts=FILE
 *
 * Each counter is written by its vCPU's thread alone.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <qemu-plugin.h>

#define ARGUMENT "counts="

/* An emulator takes versions within limits of its own; what is used here is in all. */
QEMU_PLUGIN_EXPORT int qemu_plugin_version = PLUGIN_API;

struct counter {
	volatile uint64_t instructions;
	uint64_t pad[7];
};

static struct counter *counters;

static void executed(unsigned int vcpu, void *instructions)
{
	counters[vcpu].instructions += (uintptr_t)instructions;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS,
					     (void *)(uintptr_t)qemu_plugin_tb_n_insns(tb));
}

static int map_counters(const char *path, size_t size)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		return -1;
	if (!ftruncate(fd, size))
		counters = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return counters && counters != MAP_FAILED ? 0 : -1;
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info,
					   int argc, char **argv)
{
	if (argc != 1 || strncmp(argv[0], ARGUMENT, strlen(ARGUMENT)) || !info->system_emulation) {
		fprintf(stderr, "usage: -plugin instructions.so," ARGUMENT "FILE\n");
		return -1;
	}
	if (map_counters(argv[0] + strlen(ARGUMENT),
			 info->system.max_vcpus * sizeof(struct counter))) {
		perror(argv[0]);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
