/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/root/purpose.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "init/core/text.h"

enum answer { BROKEN, OTHER, SAME };

static bool is_text(const char *s)
{
	size_t n;

	while (*s && (n = text_character(s)))
		s += n;
	return !*s;
}

/* Absolute, and without a step that leads nowhere or back. */
static bool is_path(const char *path)
{
	if (*path != '/')
		return false;
	while ((path = strchr(path, '/'))) {
		size_t n = strcspn(++path, "/");

		if ((n == 0 && *path) || (n == 1 && *path == '.') || (n == 2 && strncmp(path, "..", 2) == 0))
			return false;
	}
	return true;
}

static enum answer judge_path(const char *item, const char *path)
{
	size_t n = strlen(item), n_path = strlen(path);

	if (!is_text(item) || !is_path(item))
		return BROKEN;
	n -= n > 1 && item[n - 1] == '/';
	return n == n_path && memcmp(item, path, n) == 0 ? SAME : OTHER;
}

static enum answer judge_label(const char *item, const char *label)
{
	return !is_text(item) ? BROKEN : strcmp(item, label) == 0 ? SAME : OTHER;
}

/* With dashes or without. */
static enum answer judge_type(const char *item, const char *type)
{
	char text[UUID_TEXT_BYTES];
	struct uuid u;

	if (!uuid_from_text(item, &u) && hex_decode(item, u.b, sizeof(u.b)) != (int)sizeof(u.b))
		return BROKEN;
	return strcmp(uuid_format(&u, text), type) == 0 ? SAME : OTHER;
}

static const struct rule {
	const char *attribute, *what;
	enum answer (*judge)(const char *item, const char *value);
} rules[PURPOSE_N] = {
	[PURPOSE_MOUNT_POINT] = { "user.validatefs.mount_point", "mount point", judge_path },
	[PURPOSE_LABEL] = { "user.validatefs.gpt_label", "label", judge_label },
	[PURPOSE_TYPE] = { "user.validatefs.gpt_type_uuid", "type UUID", judge_type },
};

const char *purpose_attribute(enum purpose_kind kind)
{
	return rules[kind].attribute;
}

static size_t next(const struct purpose_list *l, size_t at)
{
	return at + strlen(l->bytes + at) + 1;
}

/* "'a', 'b'", as far as it fits. */
static const char *show(const struct purpose_list *l, char *ret, size_t max)
{
	size_t used = 0;

	for (size_t at = 0; at < l->n_bytes && used < max; at = next(l, at))
		used += (size_t)snprintf(ret + used, max - used, "%s'%s'", at ? ", " : "", l->bytes + at);
	return ret;
}

/* of is for people: whose value it is. */
static int check(const struct purpose *p, enum purpose_kind kind, const char *value, const char *of,
		 struct err *e)
{
	const struct purpose_list *l = &p->lists[kind];
	const struct rule *r = &rules[kind];
	bool found = l->n_bytes == 0;
	char text[128];

	for (size_t at = 0; at < l->n_bytes; at = next(l, at)) {
		enum answer answer = r->judge(l->bytes + at, value);

		if (answer == BROKEN)
			return err_set(e, ERR_ROOT_MISPLACED, 0, "%s of the file system lists '%s', which is no %s",
				       r->attribute, l->bytes + at, r->what);
		found |= answer == SAME;
	}
	if (!found)
		return err_set(e, ERR_ROOT_MISPLACED, 0, "the %s%s is '%s', and %s of the file system lists only %s",
			       r->what, of, value, r->attribute, show(l, text, sizeof(text)));
	return 0;
}

int purpose_check_mount_point(const struct purpose *p, const char *path, struct err *e)
{
	return check(p, PURPOSE_MOUNT_POINT, path, "", e);
}

int purpose_check_partition(const struct purpose *p, const struct partition *partition,
			    struct err *e)
{
	char type[UUID_TEXT_BYTES], of[64];
	int rc;

	snprintf(of, sizeof(of), " of '%s'", partition->devname);
	rc = check(p, PURPOSE_LABEL, partition->label, of, e);
	if (rc == 0)
		rc = check(p, PURPOSE_TYPE, uuid_format(&partition->type, type), of, e);
	return rc;
}

int purpose_read(int directory, struct purpose *ret, struct err *e)
{
	for (enum purpose_kind kind = 0; kind < PURPOSE_N; kind++) {
		struct purpose_list *l = &ret->lists[kind];
		ssize_t n = fgetxattr(directory, purpose_attribute(kind), l->bytes, sizeof(l->bytes) - 1);

		if (n < 0 && errno != ENODATA && errno != EOPNOTSUPP)
			return err_set(e, ERR_ROOT_MOUNT, errno, "read '%s' of the file system",
				       purpose_attribute(kind));
		l->n_bytes = n < 0 ? 0 : (size_t)n;
		l->bytes[l->n_bytes] = '\0';
	}
	return 0;
}
