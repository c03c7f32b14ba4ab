/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/lockdown.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"

#define SECURITYFS "/sys/kernel/security"
#define STATE SECURITYFS "/lockdown"

enum { N_LEVELS = LOCKDOWN_CONFIDENTIALITY + 1, STATE_MAX_BYTES = 256 };

static const char *const names[N_LEVELS] = {
	[LOCKDOWN_NONE] = "none",
	[LOCKDOWN_INTEGRITY] = "integrity",
	[LOCKDOWN_CONFIDENTIALITY] = "confidentiality",
};

bool lockdown_parse(const char *word, enum lockdown *ret)
{
	for (unsigned i = 0; i < N_LEVELS; i++)
		if (strcmp(word, names[i]) == 0) {
			*ret = (enum lockdown)i;
			return true;
		}
	return false;
}

const char *lockdown_name(enum lockdown l)
{
	return names[l];
}

bool lockdown_parse_state(const char *text, enum lockdown *ret)
{
	const char *open = strchr(text, '['), *close = open ? strchr(open, ']') : NULL;
	size_t n = close ? (size_t)(close - open - 1) : 0;
	char word[sizeof("confidentiality")];

	if (!n || n >= sizeof(word))
		return false;
	memcpy(word, open + 1, n);
	word[n] = '\0';
	return lockdown_parse(word, ret);
}

int lockdown_read(enum lockdown *ret, struct err *e)
{
	static const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	SCOPED(mem_free) char *text = NULL;
	size_t n;
	int rc;

	/* Where the kernel has none, there is no file, and that says it all. */
	if (access(STATE, F_OK) < 0)
		(void)mount("securityfs", SECURITYFS, "securityfs", flags, NULL);
	rc = file_read(AT_FDCWD, STATE, STATE_MAX_BYTES, &text, &n, e);
	if (rc < 0 && e->errnum != ENOENT)
		return rc;
	*ret = LOCKDOWN_NONE;
	if (rc >= 0 && !lockdown_parse_state(text, ret))
		return err_set(e, ERR_SYSTEM, 0, "'%s' says '%.60s'", STATE, text);
	return 0;
}
