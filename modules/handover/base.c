/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "modules/handover/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/path.h"

/* Where programs look for their loader in /lib64; others have it in /lib. */
#if defined(__x86_64__)
static const struct handover_loader loader = { "ld-linux-x86-64.so.2", false };
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
static const struct handover_loader loader = { "ld64.so.2", false };
#elif defined(__loongarch_lp64)
static const struct handover_loader loader = { "ld-linux-loongarch-lp64d.so.1", false };
#elif defined(__aarch64__)
static const struct handover_loader loader = { "ld-linux-aarch64.so.1", true };
#elif defined(__riscv) && __riscv_xlen == 64
static const struct handover_loader loader = { "ld-linux-riscv64-lp64d.so.1", true };
#elif defined(__s390x__)
static const struct handover_loader loader = { "ld-lsb-s390x.so.3", true };
#else
static const struct handover_loader loader = { NULL, false };
#endif

/* In this order; directories have a mode. */
static const struct entry {
	const char *name, *target;
	mode_t mode;
	const char *proof; /* the link is made only if this exists */
} entries[] = {
	{ "usr", NULL, 0755, NULL },
	{ "bin", "usr/bin", 0, "usr/bin" },
	{ "sbin", "usr/sbin", 0, "usr/sbin" },
	{ "lib", "usr/lib", 0, "usr/lib" },
	{ "root", NULL, 0750, NULL },
	{ "var", NULL, 0755, NULL },
	{ "etc", NULL, 0755, NULL },
	{ "proc", NULL, 0555, NULL },
	{ "sys", NULL, 0555, NULL },
	{ "dev", NULL, 0555, NULL },
	{ "run", NULL, 0555, NULL },
};

static int make_entry(int root, const struct entry *entry)
{
	if (!entry->target)
		return mkdirat(root, entry->name, entry->mode);
	return path_exists_inside(root, entry->proof) ? symlinkat(entry->target, root, entry->name) : 0;
}

/* As an image may leave it that holds nothing but a /usr. */
static bool is_bare(int root)
{
	static const char *const names[] = { "bin", "lib", "sbin" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (faccessat(root, names[i], F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			return true;
	return false;
}

static int make_lib64(int root, const char *name)
{
	static const char *const targets[] = { "usr/lib64", "usr/lib" };
	char proof[64];

	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		snprintf(proof, sizeof(proof), "%s/%s", targets[i], name);
		if (path_exists_inside(root, proof))
			return symlinkat(targets[i], root, "lib64");
	}
	return 0;
}

int handover_base_tree_with(const char *sysroot, const struct handover_loader *l, struct err *e)
{
	SCOPED(fd_close) int root = open(sysroot, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool wants_lib64;

	if (root < 0)
		return err_set(e, ERR_SWITCH, errno, "open the new root '%s'", sysroot);
	wants_lib64 = l->name && (!l->only_if_bare || is_bare(root));
	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++)
		if (make_entry(root, &entries[i]) < 0 && errno != EEXIST && errno != EROFS)
			return err_set(e, ERR_SWITCH, errno, "make '/%s' in the new root",
				       entries[i].name);
	if (wants_lib64 && make_lib64(root, l->name) < 0 && errno != EEXIST && errno != EROFS)
		return err_set(e, ERR_SWITCH, errno, "make '/lib64' in the new root");
	return 0;
}

int handover_base_tree(const char *sysroot, struct err *e)
{
	return handover_base_tree_with(sysroot, &loader, e);
}
