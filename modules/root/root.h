/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* root.h - makes the new root tree from a proven volume, or an unlocked one, and checks it. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "init/core/err.h"
#include "modules/inputs/options.h"
#include "modules/luks/luks.h"
#include "modules/root/os_release.h"
#include "modules/root/purpose.h"
#include "modules/verity/volume.h"

/* A root partition beside /usr, which nothing proves, or what was opened in it. */
struct root_state {
	char path[160];         /* of the device */
	const char *filesystem; /* as probed and allowed */
	const char *options;    /* rootflags= */
	bool writable;
	struct purpose *ret_purpose; /* as that of the request */
};

struct root_request {
	const struct volume *volume; /* proven; or, as the policy allows, or if it is in that one, */
	const struct luks_volume *unlocked;
	const char *filesystem; /* as probed and allowed, or rootfstype= */
	const char *options;    /* rootflags=, or mount.usrflags= */
	const char *tmpfs;      /* not NULL: the volume is /usr, on a tmpfs with these options */
	enum volatile_mode volatile_mode; /* of a root */
	bool writable; /* what is proven never is */
	struct purpose *ret_purpose; /* what the file system says it is for; checked by the caller */
	const struct root_state *state; /* not NULL: the volume is /usr, on this */
};

/* Whether a file system of the request will be written to: that of the root partition beside /usr, else
 * the unlocked volume's. */
bool root_is_writable(const struct root_request *request);

/* Mounts the volume nodev and, unless it is an unlocked one that shall be writable, read-only at
 * /sysroot, and lays the volatile layer over it, with /run/systemd/volatile-root; or a volume that
 * is /usr on a new tmpfs, or on a root partition, mounted nodev as well, of which nothing may stand
 * in its way (state.h). On failure everything is unmounted. Errors: ERR_ROOT_MOUNT,
 * ERR_CMDLINE (the options), ERR_ROOT_SHADOWED, ERR_SWITCH. */
int root_mount(const struct root_request *request, struct err *e);

/* What a checked tree is; filled by root_check(). */
struct root_tree {
	char init[PATH_MAX]; /* inside the root */
	bool init_is_systemd; /* the file that /usr/lib/systemd/systemd is */
	unsigned systemd_version; /* of that one; 0: unknown */
	bool has_dm_rules;   /* usr/lib/udev/rules.d/{10,55}-dm.rules */
	char os[128];        /* PRETTY_NAME, or ID, for the record */
	char version[128];   /* IMAGE_VERSION, "" if there is none */
};

/* Checks all before anything is destroyed: os-release, a non-empty /usr, an init
 * that the kernel can execute (wished or NULL for the default; its loader or interpreter
 * is looked for), the mount points for the switch; every path is resolved inside /sysroot.
 * usr_only: nothing but /usr is proven, so os-release and init must be files of that mount.
 * Errors: ERR_ROOT_NO_OS, ERR_ROOT_NO_INIT, ERR_SWITCH (a directory is missing and cannot be made). */
int root_check(const char *wished_init, bool usr_only, struct root_tree *ret, struct err *e);

/* The same for a tree elsewhere, which need not be a mount. */
int root_check_at(const char *sysroot, const char *wished_init, bool usr_only,
		  struct root_tree *ret, struct err *e);

/* Unmounts /sysroot, lazily if busy; for the failure path. */
void root_unmount(void);
