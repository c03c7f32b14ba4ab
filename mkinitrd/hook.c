/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/hook.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "mkinitrd/elf.h"
#include "mkinitrd/initrd.h"
#include "mkinitrd/source.h"

#if defined(__x86_64__)
enum { MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { MACHINE = EM_AARCH64 };
#elif defined(__riscv)
enum { MACHINE = EM_RISCV };
#else
#error "which ELF machine is this?"
#endif

/* A program with an interpreter, be it the dynamic linker or a shell, would need what
 * the initrd does not have. */
static const char *objection(struct bytes file)
{
	const char *why = elf_objection(file);

	if (why)
		return why;
	return le16(file.p + offsetof(Elf64_Ehdr, e_machine)) == MACHINE ? NULL :
	       "is for another kind of processor";
}

static int check_executable(const char *file, struct err *e)
{
	struct stat st;

	if (stat(file, &st) < 0)
		return err_set(e, ERR_SYSTEM, errno, "open '%s'", file);
	if (!S_ISREG(st.st_mode) || !(st.st_mode & S_IXUSR))
		return err_set(e, ERR_CONFIG, 0,
			       "hook '%.200s' is not an executable file; chmod +x makes one", file);
	return 0;
}

int hook_check(const char *word, struct err *e)
{
	const char *file = strchr(word, ':'), *why;
	SCOPED(mem_free) char *data = NULL;
	size_t n;
	int rc;

	if (!file || file == word || !*++file)
		return err_set(e, ERR_CONFIG, 0, "--hook '%.200s' is not POINT:FILE", word);
	rc = check_executable(file, e);
	if (rc == 0)
		rc = source_read(file, INITRD_MAX_FILE, &data, &n, e);
	if (rc < 0)
		return rc;
	why = objection((struct bytes){ (const uint8_t *)data, n });
	if (why)
		return err_set(e, ERR_CONFIG, 0,
			       "hook '%.200s' %s; the initrd has neither interpreter nor libraries, "
			       "so link it with -static", file, why);
	return err_set(e, ERR_CONFIG, 0,
		       "hook '%.200s' would never run: this version's init runs no hooks; leave "
		       "--hook out",
		       file);
}
