/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/kept.h"

#include <unistd.h>

#include "init/core/log.h"
#include "modules/inputs/last_failure.h"

void kept_read(struct boot *b)
{
	struct last_failure f;
	struct err e;
	int rc;

	/* A machine without EFI has nothing to say, and no fault. */
	if (b->kept.asked || !b->config.keep_failure || access("/sys/firmware/efi", F_OK) < 0)
		return;
	b->kept.asked = true;
	/* Built in or a module; if neither, mounting it says so. */
	if (b->kernel && kernel_require(b->kernel, "efivarfs", &e) < 0)
		log_debug("%s", e.what);
	rc = efivars_mount(&e);
	if (rc >= 0)
		rc = last_failure_read(&f, &e);
	b->kept.found = rc != 0;
	if (rc < 0)
		log_warning("%s, ignoring it", e.what);
	if (rc <= 0)
		return;
	b->kept.n_failed = f.count;
	log_info("a boot before this one failed in stage %s [%s]: %s", f.stage, f.code, f.what);
	record_last_failure(b->record, &f);
}

void kept_write(const struct boot *b, const char *stage, const struct err *failure)
{
	unsigned count = failure_count(&b->config.failure_limit, b->kept.n_failed);
	struct err e;

	if (b->config.keep_failure && last_failure_keep(stage, failure, count, &e) < 0)
		log_warning("%s: no later boot will know of this failure, or count it", e.what);
}

void kept_forget(const struct boot *b)
{
	struct err e;

	if (b->kept.found && last_failure_forget(&e) < 0)
		log_warning("%s: the next boot will report the failure once more", e.what);
}
