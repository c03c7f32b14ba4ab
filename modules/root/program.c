/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "modules/root/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/path.h"

/* The linker's name for the head of this very program, which is for this machine. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

enum {
	HEAD_BYTES = 256, /* what the kernel looks at: BINPRM_BUF_SIZE */
	MAX_SCRIPTS = 4,  /* one interpreting the other */
	MAX_HEADERS = 65536 / sizeof(ElfW(Phdr)),
};

struct programs {
	int root;
	bool writable;
};

/* Opens path as it will be after the switch, which makes missing links to /usr. */
static int open_later(const struct programs *p, const char *path)
{
	static const struct { const char *below, *instead; } links[] = {
		{ "/bin/", "/usr/bin/" },     { "/sbin/", "/usr/sbin/" },    { "/lib/", "/usr/lib/" },
		{ "/lib64/", "/usr/lib64/" }, { "/lib64/", "/usr/lib/" },
	};
	static const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
	int fd = path_open_inside(p->root, path, flags);

	for (size_t i = 0; fd < 0 && p->writable && i < sizeof(links) / sizeof(*links); i++) {
		size_t n = strlen(links[i].below);
		char other[PATH_MAX], top[8] = "";
		struct stat st;

		memcpy(top, links[i].below + 1, n - 2);
		if (strncmp(path, links[i].below, n) != 0 ||
		    fstatat(p->root, top, &st, AT_SYMLINK_NOFOLLOW) == 0)
			continue;
		if ((size_t)snprintf(other, sizeof(other), "%s%s", links[i].instead, path + n) <
		    sizeof(other))
			fd = path_open_inside(p->root, other, flags);
	}
	return fd;
}

/* Returns a descriptor of a file that we may execute. */
static int open_program(const struct programs *p, const char *path, struct stat *ret)
{
	SCOPED(fd_close) int fd = open_later(p, path);

	if (fd < 0 || fstat(fd, ret) < 0)
		return -1;
	if (!S_ISREG(ret->st_mode)) {
		errno = EACCES;
		return -1;
	}
	return faccessat(fd, "", X_OK, AT_EMPTY_PATH | AT_EACCESS) < 0 ? -1 : fd_take(&fd);
}

static int check_loader(const struct programs *p, int fd, const ElfW(Phdr) *h, const char *path,
			struct err *e)
{
	SCOPED(fd_close) int loader = -1;
	char name[PATH_MAX];
	struct stat st;

	if (h->p_filesz < 2 || h->p_filesz > sizeof(name) ||
	    pread_full(fd, name, h->p_filesz, h->p_offset, e) < 0 || name[h->p_filesz - 1])
		return err_set(e, ERR_ROOT_NO_INIT, 0, "'%.100s' names its loader wrongly", path);
	loader = open_program(p, name, &st);
	if (loader < 0)
		return err_set(e, ERR_ROOT_NO_INIT, errno, "loader '%.100s' of '%.100s'%s", name, path,
			       p->writable ? "" : " in the read-only root");
	return 0;
}

static int check_elf(const struct programs *p, int fd, const ElfW(Ehdr) *h, const char *path,
		     struct err *e)
{
	if (h->e_ident[EI_CLASS] != __ehdr_start.e_ident[EI_CLASS] ||
	    h->e_ident[EI_DATA] != __ehdr_start.e_ident[EI_DATA] ||
	    h->e_machine != __ehdr_start.e_machine)
		return err_set(e, ERR_ROOT_NO_INIT, 0, "'%.200s' is for another machine", path);
	if ((h->e_type != ET_EXEC && h->e_type != ET_DYN) || !h->e_phnum ||
	    h->e_phnum > MAX_HEADERS || h->e_phentsize != sizeof(ElfW(Phdr)))
		return err_set(e, ERR_ROOT_NO_INIT, 0, "'%.200s' is no whole program", path);
	for (unsigned i = 0; i < h->e_phnum; i++) {
		ElfW(Phdr) segment;

		if (pread_full(fd, &segment, sizeof(segment), h->e_phoff + i * sizeof(segment), e) <
		    0)
			return err_set(e, ERR_ROOT_NO_INIT, e->errnum, "read '%.200s'", path);
		if (segment.p_type == PT_INTERP)
			return check_loader(p, fd, &segment, path, e);
	}
	return 0;
}

static int check_file(const struct programs *p, const char *path, struct stat *ret, unsigned depth,
		      struct err *e);

/* head is the file's beginning with a NUL: "#! interpreter argument". */
static int check_script(const struct programs *p, const char *path, char *head, unsigned depth,
			struct err *e)
{
	char *name = head + 2 + strspn(head + 2, " \t");
	struct stat st;
	int rc;

	name[strcspn(name, " \t\n")] = '\0';
	if (!*name || depth == MAX_SCRIPTS)
		return err_set(e, ERR_ROOT_NO_INIT, 0, "'%.200s' is a script that nothing interprets",
			       path);
	rc = check_file(p, name, &st, depth + 1, e);
	return rc < 0 ? err_in(e, "interpreter of '%.60s'", path) : 0;
}

static int check_file(const struct programs *p, const char *path, struct stat *ret, unsigned depth,
		      struct err *e)
{
	SCOPED(fd_close) int fd = open_program(p, path, ret);
	union {
		char text[HEAD_BYTES + 1];
		ElfW(Ehdr) elf;
	} head = { 0 };
	ssize_t n;

	if (fd < 0)
		return err_set(e, ERR_ROOT_NO_INIT, errno, "'%.200s' in the new root", path);
	n = pread(fd, head.text, HEAD_BYTES, 0);
	if (n < 0)
		return err_set(e, ERR_ROOT_NO_INIT, errno, "read '%.200s'", path);
	if (memcmp(head.text, "#!", 2) == 0)
		return check_script(p, path, head.text, depth, e);
	if ((size_t)n < sizeof(head.elf) || memcmp(head.text, ELFMAG, SELFMAG) != 0)
		return err_set(e, ERR_ROOT_NO_INIT, 0, "'%.200s' is no program", path);
	return check_elf(p, fd, &head.elf, path, e);
}

int root_program_check(int root, bool writable, const char *path, struct stat *ret, struct err *e)
{
	const struct programs p = { root, writable };

	return check_file(&p, path, ret, 0, e);
}
