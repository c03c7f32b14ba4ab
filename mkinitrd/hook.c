/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/hook.h"

#include <elf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hooks/declaration.h"
#include "hooks/point.h"
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

/* The initrd has no dynamic linker. */
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

static int check_static(const char *file, const char *what, struct bytes data, struct err *e)
{
	const char *why = objection(data);

	if (why)
		return err_set(e, ERR_CONFIG, 0,
			       "%s '%.200s' %s; the initrd has no libraries, so link it with -static",
			       what, file, why);
	return 0;
}

/* text is that of a script, and ends with a NUL. */
static int check_script(const struct initrd *i, const char *file, const char *text, bool scripts,
			struct err *e)
{
	const char *name = text + 2 + strspn(text + 2, " \t");
	char path[128];

	if (!scripts)
		return err_set(e, ERR_CONFIG, 0,
			       "hook '%.200s' is a script, which takes hook-scripts=yes in slipway.conf, "
			       "and an interpreter: see --busybox", file);
	/* What a hook has as /bin. */
	snprintf(path, sizeof(path), "%s%.*s", strncmp(name, "/bin/", 5) == 0 ? "/usr" : "",
		 (int)strcspn(name, " \t\r\n"), name);
	if (*path != '/' || !initrd_has(i, path + 1))
		return err_set(e, ERR_CONFIG, 0,
			       "hook '%.200s' is a script for '%.100s', which is not packed; --busybox "
			       "packs a /bin/sh", file, path);
	return 0;
}

static int add_declaration(struct initrd *i, const char *path, const char *name, const char *file,
			   struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	char source[PATH_MAX + 8], place[PATH_MAX + 8];
	struct declaration d;
	size_t n;
	int rc;

	snprintf(source, sizeof(source), "%s.hook", file);
	if (access(source, F_OK) < 0 && errno == ENOENT)
		return 0;
	rc = source_read(source, DECLARATION_MAX_BYTES, &text, &n, e);
	if (rc == 0)
		rc = declaration_parse(text, n, name, &d, e);
	snprintf(place, sizeof(place), "%s.hook", path);
	return rc < 0 ? rc : initrd_add_data(i, place, ptr_take(&text), n, "declaration of a hook", e);
}

int hook_add(struct initrd *i, const char *word, bool scripts, struct err *e)
{
	const char *file = strchr(word, ':'), *name;
	SCOPED(mem_free) char *data = NULL;
	char path[PATH_MAX];
	size_t n;
	int rc;

	if (!file || file == word || !file[1])
		return err_set(e, ERR_CONFIG, 0, "--hook '%.200s' is not POINT:FILE", word);
	if (!hook_point_find(word, (size_t)(file - word)))
		return err_set(e, ERR_CONFIG, 0,
			       "--hook '%.200s': there is no such point; slipway-hooks(7) has them", word);
	name = strrchr(file, '/') ? strrchr(file, '/') + 1 : file + 1;
	if (!hook_name_valid(name))
		return err_set(e, ERR_CONFIG, 0,
			       "hook '%.200s': a name has 1 to 48 of a-z, 0-9, '-' and '_', and no sign "
			       "first", name);
	rc = check_executable(++file, e);
	if (rc == 0)
		rc = source_read(file, INITRD_MAX_FILE, &data, &n, e);
	if (rc < 0)
		return rc;
	if (n >= 2 && memcmp(data, "#!", 2) == 0)
		rc = check_script(i, file, data, scripts, e);
	else
		rc = check_static(file, "hook", (struct bytes){ (const uint8_t *)data, n }, e);
	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), HOOKS_FOLDER "/%.*s/%s", (int)(file - 1 - word), word, name);
	rc = initrd_add_file(i, path, file, true, "--hook", e);
	return rc < 0 ? rc : add_declaration(i, path, name, file, e);
}

int hook_check_static(const char *file, const char *what, struct err *e)
{
	SCOPED(mem_free) char *data = NULL;
	size_t n;
	int rc = source_read(file, INITRD_MAX_FILE, &data, &n, e);

	return rc < 0 ? rc : check_static(file, what, (struct bytes){ (const uint8_t *)data, n }, e);
}

int hook_add_busybox(struct initrd *i, const char *file, bool scripts, struct err *e)
{
	int rc;

	if (!scripts)
		return err_set(e, ERR_CONFIG, 0,
			       "--busybox is for scripts as hooks, and slipway.conf does not have "
			       "hook-scripts=yes");
	rc = hook_check_static(file, "busybox", e);
	if (rc == 0)
		rc = initrd_add_file(i, "usr/bin/busybox", file, true, "--busybox", e);
	if (rc == 0)
		rc = initrd_add_link(i, "usr/bin/sh", "busybox", "scripts as hooks", e);
	return rc == 0 ? initrd_add_link(i, "bin", "usr/bin", "scripts as hooks", e) : rc;
}
