/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/trust/keyring.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KEY_ID_MAX_BYTES = 64 };

/* The kernel has no call that finds a keyring by name; /proc/keys shows them as
 * "0c1f7ac4 I------ 1 perm 1f0b0000 0 0 keyring .dm-verity: empty". */
int32_t keyring_find(const char *proc_keys, const char *name)
{
	size_t n = strlen(name);

	for (const char *line = proc_keys; *line;
	     line += strcspn(line, "\n"), line += *line == '\n') {
		const char *end = line + strcspn(line, "\n"), *p = line;
		unsigned serial;
		int used = 0;

		if (sscanf(line, "%8x %*15s %*15s %*15s %*8x %*10d %*10d keyring%n", &serial,
			   &used) != 1 ||
		    !used || used >= end - line)
			continue;
		p += used;
		p += strspn(p, " ");
		if ((size_t)(end - p) > n && memcmp(p, name, n) == 0 && p[n] == ':')
			return (int32_t)serial;
	}
	return 0;
}

/* "1d2e3f40 I------ 1 perm 1f030000 0 0 asymmetri NAME: ID: X509.rsa 5cbb419e []" */
bool keyring_lists(const char *proc_keys, struct bytes id)
{
	char wanted[2 * KEY_ID_MAX_BYTES + sizeof(": : X509.")] = ": ";

	/* Too long to tell: it may be there. */
	if (id.n == 0 || id.n > KEY_ID_MAX_BYTES)
		return true;
	hex_encode(id.p, id.n, wanted + 2);
	strcat(wanted, ": X509.");
	if (strstr(proc_keys, wanted))
		return true;
	/* The zero before a number that would be negative is not shown. */
	return id.n > 1 && id.p[0] == 0 && keyring_lists(proc_keys, (struct bytes){ id.p + 1, id.n - 1 });
}

int keyring_add_certificate(int32_t keyring, struct bytes der)
{
	/* With an empty description the kernel takes the certificate's own names. */
	return syscall(SYS_add_key, "asymmetric", "", der.p, der.n, keyring) < 0 ? -1 : 0;
}

int keyring_seal(int32_t keyring, const char *name, struct err *e)
{
	/* EEXIST: it is restricted already. The others: we may not even change it. */
	if (syscall(SYS_keyctl, KEYCTL_RESTRICT_KEYRING, keyring, NULL, NULL) < 0 &&
	    errno != EEXIST && errno != EPERM && errno != EACCES)
		return err_set(e, ERR_SYSTEM, errno, "seal the kernel's keyring '%s'", name);
	return 0;
}
