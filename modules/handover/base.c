/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "modules/handover/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "init/core/path.h"

/* The loader that programs look for in /lib64; the other architectures have it in /lib. */
#if defined(__x86_64__)
#define LOADER "ld-linux-x86-64.so.2"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define LOADER "ld64.so.2"
#elif defined(__loongarch_lp64)
#define LOADER "ld-linux-loongarch-lp64d.so.1"
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
#ifdef LOADER
	{ "lib64", "usr/lib64", 0, "usr/lib64/" LOADER },
	{ "lib64", "usr/lib", 0, "usr/lib/" LOADER },
#endif
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

int handover_base_tree(const char *sysroot, struct err *e)
{
	SCOPED(fd_close) int root = open(sysroot, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return err_set(e, ERR_SWITCH, errno, "open the new root '%s'", sysroot);
	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++)
		if (make_entry(root, &entries[i]) < 0 && errno != EEXIST && errno != EROFS)
			return err_set(e, ERR_SWITCH, errno, "make '/%s' in the new root",
				       entries[i].name);
	return 0;
}
