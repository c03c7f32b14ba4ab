/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* hooks.h - vendors' programs that run between rows of the sequence: they see, and may
 * refuse, but grant nothing. Spec: slipway-hooks(7).
 *
 * A hook runs in a box (box.h): namespaces of its own, a read-only view of the initrd, no
 * privileges. When it ends, or is ended at its deadline, nothing of it is left. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hooks/answer.h"
#include "hooks/declaration.h"
#include "hooks/word.h"
#include "init/core/err.h"

struct hook {
	enum hook_point point;
	char name[HOOK_NAME_BYTES];
	char program[HOOK_DIGEST_BYTES];  /* SHA-256 of the file, in hex */
	char declared[HOOK_DIGEST_BYTES]; /* of its declaration; of nothing if it has none */
	bool script; /* begins with "#!" */
	struct declaration declaration;
};

struct hooks {
	size_t n;
	struct hook at[HOOKS_MAX]; /* by name, in the order of the bytes */
};

/* Whether the point has a folder at all: what a boot without hooks pays. */
bool hooks_present(enum hook_point point);

/* Reads the folder of a point; without one there are none. The caller frees *ret. root is ""
 * but in tests. Errors: ERR_HOOK_INVALID for anything in it that is neither a hook nor the
 * declaration of one, or is malformed; ERR_SYSTEM, ERR_MEMORY. */
int hooks_find(const char *root, enum hook_point point, struct hooks **ret, struct err *e);

struct hook_request {
	const struct hook *hook;
	const char *view;        /* JSON, the hook's standard input */
	size_t view_bytes;
	const char *credentials; /* the folder they are in; NULL: there are none */
	uint64_t deadline_ms;    /* absolute; what it was awaited for counts, too */
};

enum hook_verdict {
	HOOK_FAILED, /* and must not: the boot ends */
	HOOK_CONTINUED,
	HOOK_REFUSED,
	HOOK_SKIPPED, /* it failed, and may */
};

struct hook_result {
	enum hook_verdict verdict;
	uint64_t start_us, duration_us;
	struct answer answer;
	bool files[DECLARATION_MAX_LIST]; /* which of its outputs are in /run now */
	struct err why; /* unless it continued */
};

/* Runs one hook to its end, which is at most a second after its deadline, and fills *ret in
 * any case. Its messages go to the log. Returns 0 if the boot may go on. Errors:
 * ERR_HOOK_REFUSED; ERR_HOOK_FAILED and ERR_HOOK_TIMEOUT unless its declaration says
 * failure=skip, which does not help one that even SIGKILL does not end. */
int hook_run(const struct hook_request *request, struct hook_result *ret, struct err *e);
