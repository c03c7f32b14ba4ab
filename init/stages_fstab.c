/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the root's fstab wants mounted before its system starts. Whoever may write that file is not
 * believed more than the disk: of the boot disk alone, as the policy allows, and over no program. */
#define _GNU_SOURCE
#include "init/stages.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "init/core/path.h"
#include "modules/root/below.h"
#include "modules/root/fstab.h"
#include "modules/trust/verdict.h"

#define SYSROOT "/sysroot"

enum { MAX_MOUNTS = 16 };

/* Where a file system was found. */
struct place {
	const struct partition *partition; /* NULL: the root's own volume */
	char path[160];
	size_t n; /* how many there are that fit */
};

/* Whether there is one that can be read. */
static bool read_fstab(char *ret)
{
	SCOPED(fd_close) int root = open(SYSROOT, O_PATH | O_DIRECTORY | O_CLOEXEC);
	SCOPED(fd_close) int fd = root < 0 ? -1 : path_open_inside(root, "etc/fstab", O_RDONLY | O_NONBLOCK);
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	n = read_upto(fd, ret, FSTAB_MAX_BYTES);
	if (n == FSTAB_MAX_BYTES)
		log_warning("the fstab of the root has %d bytes or more: what follows is not looked at",
			    FSTAB_MAX_BYTES);
	ret[n < 0 ? 0 : n] = '\0';
	return n > 0;
}

/* ---- which file system is meant ---- */

/* The volume that the root is in, where it may be written to; false if what is there is proven. */
static bool own_volume(const struct boot *b, char *ret, size_t max)
{
	const struct luks_volume *unlocked = b->unlocked ? b->unlocked : b->unlocked_state;

	if (unlocked)
		snprintf(ret, max, "%s", luks_path(unlocked));
	else if (b->state)
		snprintf(ret, max, "/dev/%s", b->state->devname);
	return unlocked || b->state;
}

static bool is_taken(const struct boot *b, const struct partition *p)
{
	return p->filtered || p == b->set.data || p == b->set.hash || p == b->set.signature || p == b->state;
}

static bool has_tag(int fd, const struct fstab_source *s)
{
	return filesystem_has(fd, s->by == FSTAB_BY_UUID ? FILESYSTEM_UUID : FILESYSTEM_LABEL, s->value);
}

static bool is_named(const struct boot *b, const struct fstab_source *s, const struct partition *p)
{
	SCOPED(fd_close) int fd = -1;
	struct err e;

	if (s->by == FSTAB_BY_PARTITION)
		return s->partition.has_uuid	? uuid_equal(&p->uuid, &s->partition.uuid) :
		       *s->partition.label	? strcmp(p->label, s->partition.label) == 0 :
						  strcmp(p->devname, s->partition.node) == 0;
	fd = disk_open_partition(&b->disk, p, &e);
	return fd >= 0 && has_tag(fd, s);
}

/* A name that is there twice names nothing: whoever holds the disk may have made the second. */
static void look(const struct boot *b, const struct fstab_source *s, struct place *ret)
{
	char own[sizeof(ret->path)];
	bool by_content = s->by == FSTAB_BY_UUID || s->by == FSTAB_BY_LABEL;

	if (own_volume(b, own, sizeof(own))) {
		SCOPED(fd_close) int fd = by_content ? open(own, O_RDONLY | O_CLOEXEC) : -1;

		if (s->by == FSTAB_BY_ROOT || (fd >= 0 && has_tag(fd, s)) ||
		    (s->by == FSTAB_BY_PARTITION && b->state && !b->unlocked_state && is_named(b, s, b->state))) {
			snprintf(ret->path, sizeof(ret->path), "%s", own);
			ret->n++;
		}
	}
	for (size_t i = 0; i < b->disk.gpt.n_partitions && s->by != FSTAB_BY_ROOT; i++) {
		const struct partition *p = &b->disk.gpt.partitions[i];

		if (!*p->devname || is_taken(b, p) || !is_named(b, s, p))
			continue;
		snprintf(ret->path, sizeof(ret->path), "/dev/%s", p->devname);
		ret->partition = p;
		ret->n++;
	}
}

static int find(const struct boot *b, const struct fstab_entry *entry, struct place *ret, struct err *e)
{
	const struct fstab_source s = fstab_source(entry);

	*ret = (struct place){ 0 };
	if (s.by == FSTAB_BY_NOTHING)
		return err_set(e, ERR_ROOT_FSTAB, 0, "'%.60s' (%s) is nothing that this initrd mounts", entry->what,
			       entry->type);
	if (s.by == FSTAB_TMPFS)
		return 0;
	look(b, &s, ret);
	if (ret->n != 1)
		return err_set(e, ERR_ROOT_FSTAB, 0, "'%.60s' is %s on the boot disk, beside what is proven",
			       entry->what, ret->n ? "there more than once" : "not");
	return 0;
}

/* ---- whether it may be mounted ---- */

/* The rule of its type, as for what the host mounts of itself. */
static int judge(const struct boot *b, const struct partition *p, const char *type, struct err *e)
{
	int d = policy_designator(dps_type_name(&p->type));
	struct policy_verdicts verdicts = { 0 };
	int rc;

	if (p->overlaps)
		return err_set(e, ERR_ROOT_FSTAB, 0, "partition '%s' overlaps another one", p->devname);
	if (d < 0)
		return err_set(e, ERR_ROOT_FSTAB, 0, "partition '%s' is of type '%s', for which an image policy has no word",
			       p->devname, dps_type_name(&p->type));
	rc = policy_judge(&b->policy, (enum policy_designator)d, USE_UNPROTECTED, p->attributes, p->label, &verdicts, e);
	if (rc >= 0)
		rc = policy_judge_filesystem(&b->policy, (enum policy_designator)d, type, &verdicts, e);
	record_policy(b->record, &b->policy, &verdicts);
	return rc;
}

static int probe(const struct boot *b, const struct fstab_entry *entry, const struct place *found,
		 char type[static FILESYSTEM_NAME_BYTES], struct err *e)
{
	SCOPED(fd_close) int fd = found->partition ? disk_open_partition(&b->disk, found->partition, e) :
						     open(found->path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return found->partition ? fd : err_set(e, ERR_ROOT_FSTAB, errno, "open '%s'", found->path);
	rc = filesystem_probe(fd, 0, 0, type, e);
	if (rc >= 0 && strcmp(entry->type, "auto") != 0 && strcmp(entry->type, type) != 0)
		rc = err_set(e, ERR_ROOT_FSTAB, 0, "it is '%s', and the line says '%s'", type, entry->type);
	if (rc >= 0 && found->partition)
		rc = judge(b, found->partition, type, e);
	return rc < 0 ? rc : kernel_require(b->kernel, type, e);
}

/* What programs come from is proven, or in the root's own volume. */
static int check_place(const struct fstab_entry *entry, const struct place *found, char *ret, struct err *e)
{
	enum fstab_place place = fstab_place(entry->where, ret);
	bool own = !found->partition && found->n;

	if (place == FSTAB_PLACE_DATA || (place != FSTAB_PLACE_NEVER && own))
		return 0;
	return err_set(e, ERR_ROOT_FSTAB, 0, "%s", place == FSTAB_PLACE_NEVER ?
		       "nothing may be mounted there" :
		       "there are programs or their configuration, and nothing proves what would be mounted over them");
}

static int mount_line(struct boot *b, const struct fstab_entry *entry, struct err *e)
{
	char where[FSTAB_PATH_BYTES], options[FSTAB_OPTIONS_BYTES], type[FILESYSTEM_NAME_BYTES] = "tmpfs";
	SCOPED(mem_free) struct purpose *purpose = calloc(1, sizeof(*purpose));
	struct root_below below = { .filesystem = type, .where = where, .options = options, .ret_purpose = purpose };
	struct place found;
	int rc = purpose ? find(b, entry, &found, e) : err_set(e, ERR_MEMORY, 0, "no memory for a mount");

	if (rc >= 0)
		rc = check_place(entry, &found, where, e);
	if (rc >= 0 && found.n)
		rc = probe(b, entry, &found, type, e);
	if (rc < 0)
		return rc;
	below.path = found.n ? found.path : "tmpfs";
	below.writable = fstab_options(entry, options) &&
			 !(found.partition && found.partition->attributes & POLICY_READ_ONLY);
	rc = root_mount_below(&below, e);
	if (rc < 0)
		return rc;
	rc = purpose_check_mount_point(purpose, where, e);
	if (rc >= 0 && found.partition)
		rc = purpose_check_partition(purpose, found.partition, e);
	if (rc < 0) {
		root_unmount_below(where);
		return rc;
	}
	log_info("mounted '%s' (%s) at '%s', as the root's fstab wants", below.path, type, where);
	record_mount(b->record, where, below.path, type, below.writable);
	return 0;
}

/* ---- all lines ---- */

static int try_line(struct boot *b, const struct fstab_entry *entry, unsigned line, struct err *e)
{
	char where[FSTAB_PATH_BYTES];
	struct err why;

	if (fstab_place(entry->where, where) == FSTAB_PLACE_USR && b->options.has_usr) {
		log_warning("line %u of the root's fstab is about /usr, which is mounted: it is left to the host", line);
		return 0;
	}
	if (mount_line(b, entry, &why) >= 0)
		return 0;
	if (!fstab_has_option(entry, "nofail"))
		return err_set(e, ERR_ROOT_FSTAB, 0, "line %u of the root's fstab, '%.60s': %s", line, entry->where,
			       why.what);
	log_warning("line %u of the root's fstab, '%.60s': %s: it is left to the host", line, entry->where, why.what);
	return 0;
}

int mount_fstab(struct boot *b, struct err *e)
{
	SCOPED(mem_free) char *text = malloc(FSTAB_MAX_BYTES + 1);
	struct fstab f = { .text = text };
	struct fstab_entry entry;
	enum fstab_result found;
	unsigned n = 0;
	int rc = 0;

	if (!text)
		return err_set(e, ERR_MEMORY, 0, "no memory for the root's fstab");
	if (!b->options.fstab || !read_fstab(text))
		return 0;
	while (rc >= 0 && (found = fstab_next(&f, &entry)) != FSTAB_END) {
		if (found == FSTAB_BAD || !fstab_is_for_initrd(&entry))
			continue;
		rc = ++n > MAX_MOUNTS ? err_set(e, ERR_ROOT_FSTAB, 0, "the root's fstab wants more than %d mounts",
						MAX_MOUNTS) :
					try_line(b, &entry, f.line, e);
	}
	return rc;
}
