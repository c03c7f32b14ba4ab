/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "init/exit.h"

#include <fcntl.h>
#include <linux/reboot.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/handover/exitrd.h"

enum { PATIENCE_S = 30 };

struct verb {
	const char *name;
	unsigned command;
};

static const struct verb verbs[] = {
	{ "poweroff", LINUX_REBOOT_CMD_POWER_OFF }, /* also for one that is unknown */
	{ "reboot", LINUX_REBOOT_CMD_RESTART },
	{ "halt", LINUX_REBOOT_CMD_HALT },
	{ "kexec", LINUX_REBOOT_CMD_KEXEC },
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; name && i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	log_warning("'%s' is unknown here, powering off", name ? name : "");
	return &verbs[0];
}

static void act(const struct verb *v)
{
	char parameter[256] = "";

	/* What systemctl reboot --reboot-argument= left, for the firmware. */
	if (v->command == LINUX_REBOOT_CMD_RESTART &&
	    file_read_text("/run/systemd/reboot-param", parameter, sizeof(parameter)) > 0)
		syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			LINUX_REBOOT_CMD_RESTART2, parameter);
	reboot((int)v->command);
	/* No kernel was loaded for kexec. */
	if (v->command == LINUX_REBOOT_CMD_KEXEC)
		reboot(RB_AUTOBOOT);
}

/* A disk that does not answer may hold us in the kernel for ever, where no signal ends it. */
static void start_watch(const struct verb *v)
{
	struct timespec patience = { .tv_sec = PATIENCE_S };

	if (fork() != 0)
		return;
	nanosleep(&patience, NULL);
	log_warning("not done after %d s, not waiting any longer", PATIENCE_S);
	act(v);
	_exit(1);
}

void exit_run(char *const argv[])
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	const struct verb *v;

	log_open(fd >= 0 ? fd : fcntl(2, F_DUPFD_CLOEXEC, 3), fd >= 0);
	log_set_stage("exit");
	v = find_verb(argv[1]);
	start_watch(v);
	exitrd_take_down();
	sync();
	log_info("%s", v->name);
	act(v);
	/* Whatever the kernel refuses, PID 1 must not return. */
	for (;;)
		pause();
}
