/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* main.c - PID 1 of the initrd: early mounts, the sequence, and failure. The boot itself
 * is the table in sequence.c; the end of the host is exit.c. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "init/boot.h"
#include "init/core/clock.h"
#include "init/core/log.h"
#include "init/early.h"
#include "init/exit.h"
#include "init/fail.h"
#include "init/kept.h"
#include "init/sequence.h"
#include "init/stages.h"
#include "modules/handover/exitrd.h"

static _Noreturn void run(char *const argv[], char *const envp[])
{
	struct boot boot = {
		.options = OPTIONS_DEFAULTS,
		.config = CONFIG_DEFAULTS,
		.argv = argv,
		.envp = envp,
		.start_realtime_us = clock_us(CLOCK_REALTIME),
		.start_monotonic_us = clock_us(CLOCK_MONOTONIC),
	};
	const struct stage *failed;
	struct err e = { 0 };

	if (early_mounts(&e) < 0) {
		fail_report(&boot, "early", &e, NULL);
		fail_cap(&boot);
		fail(&boot, "early", &e);
	}
	log_info("slipway " SLIPWAY_VERSION);
	boot.record = record_new();
	failed = sequence_run(&boot, &e);
	/* What happens next may depend on it. */
	kept_read(&boot);
	/* Said first: whatever undoing meets, the reason is on the screen. */
	fail_report(&boot, failed->name, &e, NULL);
	fail_cap(&boot);
	hooks_failed(&boot, failed->name, &e);
	sequence_undo(&boot, failed);
	fail(&boot, failed->name, &e);
}

int main(int argc, char *argv[], char *envp[])
{
	struct err e;

	/* The very first act; it cannot fail unless the program header lies. */
	if (early_protect_relro(&e) < 0)
		log_warning("%s; going on without", e.what);
	if (getpid() != 1) {
		fprintf(stderr, "slipway " SLIPWAY_VERSION ": this is the init of an initrd and runs "
				"as PID 1 only; see slipway-init(8)\n");
		return 2;
	}
	if (argc > 1 && exitrd_entered(argv[0]))
		exit_run(argv);
	run(argv, envp);
}
