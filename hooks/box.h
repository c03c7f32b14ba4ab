/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* box.h - the surroundings of one hook.
 *
 * init makes a small tmpfs (box_open), which holds what becomes the hook's /run and /dev. A
 * clone of init in namespaces of its own builds the view on that (box_keep) and starts the
 * hook; it is PID 1 there, so that the kernel kills all that is left when it ends. It runs
 * beside init's threads, and so does nothing but system calls. When all are dead, init
 * takes from the tmpfs what the hook leaves (output.h), and unmounts it (box_close). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "hooks/hooks.h"
#include "init/core/err.h"

#define BOX_FOLDER "/run/slipway/hook"

enum { BOX_USER = 65534, BOX_PATH_BYTES = 512 };

struct box {
	const struct hook *hook;
	int input, output, messages, report; /* of the hook; owned by who made them */
	size_t n_attributes;
	char attributes[DECLARATION_MAX_LIST][BOX_PATH_BYTES]; /* in /sys, without links */
};

enum box_step { BOX_VIEW, BOX_FORK, BOX_PRIVILEGES, BOX_EXECUTE, BOX_ENDED };

/* What is written to report: how far it came, and errno; or, BOX_ENDED, the hook's wait status. */
struct box_report {
	int32_t step, value;
};

/* Mounts the tmpfs and puts into it what the declaration asks for. box_close() in any case.
 * Errors: ERR_HOOK_FAILED if a device is not there or not of its kind; ERR_SYSTEM. */
int box_open(struct box *box, const char *credentials, struct err *e);
void box_close(void);

/* In the clone. */
_Noreturn void box_keep(const struct box *box);
