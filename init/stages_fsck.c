/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A root that can be written to is checked before it is mounted, where the initrd has what does it. */
#include "init/stages.h"

#include "init/core/clock.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/fsck/fsck.h"

/* Quotas may be wrong now: the host's systemd-quotacheck looks for this. */
#define QUOTACHECK "/run/systemd/quotacheck"

static void tell_of_repair(const char *device)
{
	struct err e;

	log_warning("the file system of '%s' had errors, and was repaired", device);
	if (make_dirs("/run/systemd", 0755, &e) < 0 || file_write(QUOTACHECK, 0644, "", 0, &e) < 0)
		log_warning("%s: the host checks no quotas, continuing", e.what);
}

int check_filesystem(struct boot *b, const char *device, const char *type, struct err *e)
{
	static const char *const results[] = {
		[FSCK_NO_PROGRAM] = "no program", [FSCK_CLEAN] = "clean", [FSCK_REPAIRED] = "repaired",
	};
	const struct fsck_request request = {
		.device = device,
		.filesystem = type,
		.force = b->options.fsck_force,
		.repair = b->options.fsck_repair,
		.timeout_s = b->config.fsck_timeout_s,
	};
	enum fsck_result result = FSCK_NO_PROGRAM;
	uint64_t start_us = now_us();
	int rc;

	if (b->options.fsck_skip) {
		log_info("'fsck.mode=skip': '%s' is mounted as it is", device);
		record_fsck(b->record, device, "skipped", 0);
		return 0;
	}
	rc = fsck_run(&request, &result, e);
	record_fsck(b->record, device, rc < 0 ? "failed" : results[result], now_us() - start_us);
	if (rc < 0)
		return err_in(e, "'%s' (%s)", device, type);
	if (result == FSCK_REPAIRED)
		tell_of_repair(device);
	if (result == FSCK_NO_PROGRAM)
		log_info("'%s' is mounted unchecked: this initrd has no '/usr/sbin/fsck.%s'", device, type);
	return 0;
}
