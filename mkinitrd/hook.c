/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/hook.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"

#if defined(__x86_64__)
enum { MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { MACHINE = EM_AARCH64 };
#elif defined(__riscv)
enum { MACHINE = EM_RISCV };
#else
#error "which ELF machine is this?"
#endif

enum { MAX_SEGMENTS = 128 };

/* A program with an interpreter, be it the dynamic linker or a shell, would need what
 * the initrd does not have. */
static const char *why_not_static(int fd)
{
	Elf64_Ehdr head;
	struct err e;

	if (pread_full(fd, &head, sizeof(head), 0, &e) < 0 ||
	    memcmp(head.e_ident, ELFMAG, SELFMAG) != 0)
		return "is no ELF program; there is no interpreter in the initrd";
	if (head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_machine != MACHINE)
		return "is for another kind of processor";
	if ((head.e_type != ET_EXEC && head.e_type != ET_DYN) || head.e_phnum > MAX_SEGMENTS ||
	    head.e_phentsize != sizeof(Elf64_Phdr))
		return "is no ELF program; link it with -static";
	for (unsigned i = 0; i < head.e_phnum; i++) {
		Elf64_Phdr segment;

		if (pread_full(fd, &segment, sizeof(segment), head.e_phoff + i * sizeof(segment),
			       &e) < 0)
			return "is a cut ELF file";
		if (segment.p_type == PT_INTERP)
			return "needs a dynamic linker; link it with -static";
	}
	return NULL;
}

int hook_check(const char *word, struct err *e)
{
	const char *file = strchr(word, ':'), *why;
	SCOPED(fd_close) int fd = -1;
	struct stat st;

	if (!file || file == word || !*++file)
		return err_set(e, ERR_CONFIG, 0, "--hook '%.200s' is not POINT:FILE", word);
	fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, ERR_SYSTEM, errno, "open '%s'", file);
	if (!S_ISREG(st.st_mode) || !(st.st_mode & S_IXUSR))
		return err_set(e, ERR_CONFIG, 0,
			       "hook '%.200s' is not an executable file; chmod +x makes one", file);
	why = why_not_static(fd);
	if (why)
		return err_set(e, ERR_CONFIG, 0, "hook '%.200s' %s", file, why);
	return err_set(e, ERR_CONFIG, 0,
		       "hook '%.200s' would never run: this version's init runs no hooks; leave "
		       "--hook out",
		       file);
}
