/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* late_key.c - adds the certificate /late.der to the kernel's keyring of dm-verity when the root is
 * mounted, and tells the console what came of it. */
#define _GNU_SOURCE /* syscall */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "beside.h"

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

int before_init(void)
{
	return 0;
}

int beside_init(void)
{
	char text[128];
	int keyring;

	if (await_mount("/sysroot") < 0)
		return 1;
	keyring = find_keyring();
	snprintf(text, sizeof(text), "late key: %s", keyring ? add(keyring) : "there is no keyring");
	say(text);
	return 0;
}
