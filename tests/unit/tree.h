/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tree.h - small directory trees for tests, as data.
 *
 * A line is a kind, a path and perhaps more: "d etc", "f etc/os-release ID=x",
 * "x sbin/init" (executable), "e sbin/init /lib/ld.so" (program of this machine, loader, perhaps
 * a library and another), "l bin usr/bin" (link), "h a b" (b is a second name of a).
 * Include after "#define _GNU_SOURCE". Parents are made as needed; NULL ends the table. */
#pragma once

#include <elf.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"

/* The beginning of a program: headers, and the names of its loader and libraries. */
static int tree_program(const char *path, const char *names, struct err *e)
{
	struct { Elf64_Ehdr file; Elf64_Phdr segments[2]; char names[128]; } p = { 0 };
	SCOPED(fd_close) int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	size_t n_loader = strcspn(names, " ");

	if (pread_full(self, &p.file, sizeof(p.file), 0, e) < 0)
		return -1;
	p.file.e_phoff = sizeof(p.file);
	p.file.e_phnum = n_loader ? 2 : 1;
	p.segments[0] = (Elf64_Phdr){ .p_type = PT_LOAD };
	p.segments[1] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = offsetof(typeof(p), names),
				      .p_filesz = n_loader + 1 };
	snprintf(p.names, sizeof(p.names), "%s", names);
	for (char *c = strchr(p.names, ' '); c; c = strchr(c + 1, ' '))
		*c = '\0';
	return file_write(path, 0755, &p, sizeof(p), e);
}

static void tree_line(const char *root, const char *line)
{
	char path[512], parent[512], other[512];
	size_t n = strcspn(line + 2, " ");
	const char *arg = line[2 + n] ? line + 3 + n : "";
	struct err e = { 0 };
	int rc = 0;

	snprintf(path, sizeof(path), "%s/%.*s", root, (int)n, line + 2);
	snprintf(parent, sizeof(parent), "%s", path);
	*strrchr(parent, '/') = '\0';
	rc = make_dirs(parent, 0755, &e);
	if (line[0] == 'd')
		rc |= make_dirs(path, 0755, &e);
	else if (line[0] == 'f' || line[0] == 'x')
		rc |= file_write(path, line[0] == 'x' ? 0755 : 0644, arg, strlen(arg), &e);
	else if (line[0] == 'e')
		rc |= tree_program(path, arg, &e);
	else if (line[0] == 'l')
		rc |= symlink(arg, path);
	else
		rc |= snprintf(other, sizeof(other), "%s/%s", root, arg) < 0 || link(path, other);
	if (rc)
		fail_msg("tree line '%s': %s", line, e.what);
}

static void tree_add(const char *root, const char *const *lines)
{
	while (*lines)
		tree_line(root, *lines++);
}

/* Makes a new directory in /tmp with this in it; ret is its path. */
static void tree_make(const char *const *lines, char ret[static 32])
{
	strcpy(ret, "/tmp/slipway-test.XXXXXX");
	assert_non_null(mkdtemp(ret));
	tree_add(ret, lines);
}

static int tree_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void tree_remove(const char *root)
{
	assert_int_equal(nftw(root, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT), 0);
}
