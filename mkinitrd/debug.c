/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/debug.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "mkinitrd/hook.h"
#include "mkinitrd/initrd.h"

#define ASKS "slipway-debug"

const char debug_os_release[] = "VARIANT=\"Debug image\"\nVARIANT_ID=debug\n";

int debug_add(struct initrd *i, const char *shell, const char *init, const struct config *config,
	      struct err *e)
{
	const char *slash = strrchr(init, '/'), *name;
	char ask[PATH_MAX], place[PATH_MAX];
	int rc;

	if (!shell && !*config->debug_key)
		return 0;
	if (!shell || !*config->debug_key)
		return err_set(e, ERR_CONFIG, 0, "a debug image takes both --debug-shell and debug-key= in "
			       "slipway.conf, and every other image none of them");
	name = strrchr(shell, '/') ? strrchr(shell, '/') + 1 : shell;
	snprintf(ask, sizeof(ask), "%.*s%s", slash ? (int)(slash - init) + 1 : 0, init, ASKS);
	snprintf(place, sizeof(place), "debug/bin/%s", name);
	rc = hook_check_static(shell, "debug shell", e);
	if (rc == 0)
		rc = hook_check_static(ask, "program", e);
	if (rc == 0)
		rc = initrd_add_file(i, place, shell, true, "--debug-shell", e);
	if (rc == 0)
		rc = initrd_add_link(i, "debug/shell", place + strlen("debug/"), "--debug-shell", e);
	return rc == 0 ? initrd_add_file(i, "debug/ask", ask, true, "--debug-shell", e) : rc;
}
