/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/early.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/core/file.h"
#include "init/core/log.h"

static const struct {
	const char *path, *type, *options;
	unsigned long flags;
} mounts[] = {
	{ "/proc", "proc", NULL, MS_NOSUID | MS_NOEXEC | MS_NODEV },
	{ "/sys", "sysfs", NULL, MS_NOSUID | MS_NOEXEC | MS_NODEV },
	{ "/dev", "devtmpfs", "mode=0755,size=4M", MS_NOSUID | MS_STRICTATIME },
	{ "/run", "tmpfs", "mode=0755,size=20%,nr_inodes=800k", MS_NOSUID | MS_NODEV | MS_STRICTATIME },
};

/* An initramfs without /dev/console starts us with no descriptors at all, and the next
 * file opened would become standard output. */
static int open_console(struct err *e)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "open '/dev/console' or '/dev/null'");
	for (int std = 0; std <= 2; std++)
		if (fcntl(std, F_GETFD) < 0 || std == fd)
			dup2(fd, std);
	if (fd > 2)
		close(fd);
	else
		fcntl(fd, F_SETFD, 0);
	return 0;
}

static int mount_all(struct err *e)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++) {
		mkdir(mounts[i].path, 0755);
		/* The kernel may have mounted devtmpfs already. */
		if (mount(mounts[i].type, mounts[i].path, mounts[i].type, mounts[i].flags,
			  mounts[i].options) < 0 && errno != EBUSY)
			return err_set(e, ERR_SYSTEM, errno, "mount '%s'", mounts[i].path);
	}
	return 0;
}

int early_mounts(struct err *e)
{
	struct err ignored;
	int fd, rc;

	umask(0022);
	rc = mount_all(e);
	/* What failed wants to be said, too. */
	if (open_console(rc < 0 ? &ignored : e) < 0 && rc == 0)
		rc = -(int)e->code;
	/* Without this the kernel drops messages after the tenth. */
	if (file_write_existing("/proc/sys/kernel/printk_devkmsg", "on\n", &ignored) < 0)
		log_debug("%s", ignored.what);
	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	log_open(fd >= 0 ? fd : fcntl(2, F_DUPFD_CLOEXEC, 3), fd >= 0);
	return rc;
}

/* The linker puts this at the program's first byte, address 0 before relocation. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

int early_protect_relro(struct err *e)
{
	uintptr_t base = (uintptr_t)&__ehdr_start, page = (uintptr_t)getauxval(AT_PAGESZ);
	const ElfW(Phdr) *h = (const void *)(base + __ehdr_start.e_phoff);

	for (size_t i = 0; i < __ehdr_start.e_phnum; i++) {
		uintptr_t start = (base + h[i].p_vaddr) & ~(page - 1);
		uintptr_t end = (base + h[i].p_vaddr + h[i].p_memsz) & ~(page - 1);

		if (h[i].p_type == PT_GNU_RELRO && mprotect((void *)start, end - start, PROT_READ) < 0)
			return err_set(e, ERR_SYSTEM, errno, "make the relocated data read-only");
	}
	return 0;
}
