/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hold.c - keeps the root's device open from when it is mounted, for ever, as a process that nobody
 * knew of would. */
#include <fcntl.h>
#include <unistd.h>

#include "beside.h"

int before_init(void)
{
	return 0;
}

int beside_init(void)
{
	if (await_mount("/sysroot") < 0)
		return 1;
	say(open("/dev/mapper/root", O_RDONLY | O_CLOEXEC) < 0 ? "hold: there is no device" : "hold: open");
	for (;;)
		pause();
}
