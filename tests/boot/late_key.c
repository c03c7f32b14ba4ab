/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* late_key.c - PID 1 before init: leaves a process that adds the certificate /late.der to the
 * kernel's keyring of dm-verity when the root is mounted, and tells the console what came of it. */
#define _GNU_SOURCE /* syscall */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROC "/late.proc" /* stays, when init's own is the host's */

static bool root_is_mounted(void)
{
	struct stat ours, root;

	return stat("/", &ours) == 0 && stat("/sysroot", &root) == 0 && ours.st_dev != root.st_dev;
}

static int find_keyring(void)
{
	FILE *f = fopen(PROC "/keys", "re");
	char line[512];
	unsigned serial = 0, found = 0;

	while (f && !found && fgets(line, sizeof(line), f))
		if (strstr(line, " keyring ") && strstr(line, " .dm-verity: ") && sscanf(line, "%8x", &serial) == 1)
			found = serial;
	if (f)
		fclose(f);
	return (int)found;
}

static const char *add(int keyring)
{
	char der[4096];
	int fd = open("/late.der", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, der, sizeof(der));

	if (n < 0)
		return "there is no certificate";
	return syscall(SYS_add_key, "asymmetric", "", der, (size_t)n, keyring) < 0 ? strerror(errno) : "taken";
}

static int stay(void)
{
	struct pollfd mounts = { .fd = -1, .events = POLLPRI };
	int keyring;
	FILE *f;

	if (mkdir(PROC, 0700) < 0 || mount("proc", PROC, "proc", 0, NULL) < 0)
		return 1;
	mounts.fd = open(PROC "/self/mounts", O_RDONLY | O_CLOEXEC);
	if (mounts.fd < 0)
		return 1;
	while (!root_is_mounted())
		poll(&mounts, 1, -1);
	keyring = find_keyring();
	f = fopen("/dev/kmsg", "we");
	if (!f)
		return 1;
	fprintf(f, "late key: %s\n", keyring ? add(keyring) : "there is no keyring");
	return fclose(f) != 0;
}

int main(int argc, char **argv)
{
	pid_t child = fork();

	if (argc < 1 || child < 0)
		return 1;
	if (child == 0)
		return stay();
	argv[0] = "/init";
	execv(argv[0], argv);
	return 1;
}
