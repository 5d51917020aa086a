// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Another kernel in place of this one, without firmware:
 *
 *	kexec boot  KERNEL INITRD CMDLINE	starts it now; nothing is written back
 *	kexec crash KERNEL INITRD CMDLINE	it starts when this one panics
 */
#include <fcntl.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int kernel, initrd, crash;

	if (argc != 5 || (strcmp(argv[1], "boot") && strcmp(argv[1], "crash"))) {
		fputs("usage: kexec boot|crash KERNEL INITRD CMDLINE\n", stderr);
		return 2;
	}
	crash = !strcmp(argv[1], "crash");
	kernel = open(argv[2], O_RDONLY);
	initrd = open(argv[3], O_RDONLY);
	if (kernel < 0 || initrd < 0) {
		perror(kernel < 0 ? argv[2] : argv[3]);
		return 1;
	}
	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[4]) + 1, argv[4],
		    crash ? KEXEC_FILE_ON_CRASH : 0UL)) {
		perror("kexec_file_load");
		return 1;
	}
	if (crash)
		return 0;
	reboot(RB_KEXEC);
	perror("reboot");
	return 1;
}
