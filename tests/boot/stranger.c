/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stranger.c - the init of an attacker's initrd: it says that it runs, and that is all. */
#include <stddef.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "beside.h"

int before_init(void)
{
	mkdir("/dev", 0755);
	if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) == 0)
		say("stranger: runs");
	return -1;
}

int beside_init(void)
{
	return 0;
}
