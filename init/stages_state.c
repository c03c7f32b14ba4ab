/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A root partition beside a proven /usr: allowed if slipway.conf says so, and called weak if it is not
 * even encrypted. */
#include "init/stages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/trust/verdict.h"
#include "modules/verity/state.h"

static int check(struct boot *b, struct err *e)
{
	SCOPED(fd_close) int fd = disk_open_partition(&b->disk, b->state, e);
	uint8_t start[LUKS_MAGIC_BYTES];
	int rc = fd < 0 ? fd : pread_full(fd, start, sizeof(start), 0, e);

	return rc < 0 ? rc : state_check(b->state, start, &b->policy, &b->state_use, e);
}

int choose_state(struct boot *b, struct err *e)
{
	const struct dps_wish wish = device_wish(&b->options.root);
	int rc = state_choose(&b->disk.gpt, &wish, &b->set.verdicts, &b->state, e);

	record_set(b->record, &b->disk, &b->set);
	if (rc >= 0 && b->set.encrypted)
		rc = err_set(e, ERR_UNSUPPORTED, 0, "a root partition beside a /usr that is encrypted, not proven");
	return rc < 0 ? rc : check(b, e);
}

/* After /usr was proven: whose volume it is says nothing about that. */
int unlock_state(struct boot *b, struct err *e)
{
	int rc = b->state && b->state_use == USE_ENCRYPTED ?
			 open_luks(b, DPS_ROOT, b->state, &b->unlocked_state, e) : 0;

	return rc < 0 ? err_in(e, "the root partition '%s'", b->state->devname) : 0;
}

static int open_content(const struct boot *b, struct err *e)
{
	int fd;

	if (!b->unlocked_state)
		return disk_open_partition(&b->disk, b->state, e);
	fd = open(luks_path(b->unlocked_state), O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_set(e, ERR_ROOT_MOUNT, errno, "open '%s'", luks_path(b->unlocked_state)) : fd;
}

static int find_type(const struct boot *b, char type[static FILESYSTEM_NAME_BYTES], struct err *e)
{
	SCOPED(fd_close) int fd = open_content(b, e);
	const char *wished = b->options.root_type;
	int rc = fd < 0 ? fd : filesystem_probe(fd, 0, 0, type, e);

	if (rc >= 0 && *wished && strcmp(wished, type) != 0)
		rc = err_set(e, ERR_ROOT_MOUNT, 0, "it is '%s', and rootfstype= says '%s'", type, wished);
	return rc < 0 ? err_in(e, "the root partition '%s'", b->state->devname) : 0;
}

int prepare_state(struct boot *b, char type[static FILESYSTEM_NAME_BYTES], struct root_state *ret,
		  struct err *e)
{
	const struct partition *p = b->state;
	struct policy_verdicts verdicts = { 0 };
	int rc = find_type(b, type, e);

	if (rc >= 0)
		rc = policy_judge(&b->policy, POLICY_ROOT, b->state_use, p->attributes, p->label, &verdicts, e);
	if (rc >= 0)
		rc = policy_judge_filesystem(&b->policy, POLICY_ROOT, type, &verdicts, e);
	record_policy(b->record, &b->policy, &verdicts);
	if (rc >= 0)
		rc = kernel_require(b->kernel, type, e);
	if (rc < 0)
		return rc;
	ret->filesystem = type;
	ret->options = b->options.root_flags;
	ret->writable = b->options.writable && !(p->attributes & POLICY_READ_ONLY);
	ret->ret_purpose = &b->state_purpose;
	if (b->unlocked_state)
		snprintf(ret->path, sizeof(ret->path), "%s", luks_path(b->unlocked_state));
	else
		snprintf(ret->path, sizeof(ret->path), "/dev/%s", p->devname);
	if (!b->unlocked_state)
		log_warning("the root is weak: nothing proves partition '%s' beside /usr", p->devname);
	if (b->options.writable && !ret->writable)
		log_warning("'rw' is ignored: the root partition is marked as read-only");
	return 0;
}
