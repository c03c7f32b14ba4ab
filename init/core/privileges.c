/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* syscall */
#include "init/core/privileges.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int empty_bounding_set(int kept)
{
	for (int c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++)
		if (c != kept && prctl(PR_CAPBSET_DROP, c, 0, 0, 0) < 0)
			return -1;
	return 0;
}

/* The C library's calls would ask init's other threads, too. */
int privileges_drop(uid_t user, int kept)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { 0 };

	if (empty_bounding_set(kept) < 0)
		return -1;
	if (kept != NO_CAPABILITY) {
		struct __user_cap_data_struct *at = &caps[CAP_TO_INDEX(kept)];

		at->permitted = at->effective = at->inheritable = CAP_TO_MASK(kept);
		if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
			return -1;
	}
	if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, user, user, user) < 0 ||
	    syscall(SYS_setresuid, user, user, user) < 0 || syscall(SYS_capset, &head, caps) < 0)
		return -1;
	if (kept != NO_CAPABILITY && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}
