/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* machine.h - a machine for a whole boot in a sandbox: the firmware's word, a disk, and device-mapper.
 *
 * The disk is a loop device of the host, which the sandbox shows as "sda", with the kernel's own sysfs
 * of it. Device-mapper is not there on every host, so the functions of its libraries that make, show and
 * remove devices are replaced: a device that they make is one more loop device, without dm-verity's
 * checks of later reads. Include after sandbox.h. */
#pragma once

#include <libcryptsetup.h>
#include <libdevmapper.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "init/core/cleanup.h"

#define MACHINE "build/component/machine"
#define MACHINE_OPEN "/machine/open.fs" /* what the encrypted root shows when it is open */
#define REAL_SYS "/real/sys"
#define REAL_DEV "/real/dev"

enum { MACHINE_MAX_FILE = 64 * 1024 * 1024, MAX_MAPPED = 8, MAX_LOOPS = 64, MAX_LOOP_PARTITIONS = 8 };

/* What the replaced functions do, for one boot. */
struct machine {
	int activate_errno;    /* of every activation, 0 if it works */
	bool kernel_has_key;   /* it knows the certificate of the signature */
	char verity_status;    /* 'V', or 'C' for corrupted */
	bool no_run;           /* /run cannot be mounted */
};

static struct machine machine = { .verity_status = 'V' };

static struct mapped {
	char name[128];
	int fd, number;
} mapped[MAX_MAPPED];

/* ---- disks ---- */

/* Attaches fd to a free loop device, which goes when the last descriptor of it is closed. */
static inline int machine_loop(int fd, unsigned flags, int *ret_number)
{
	struct loop_config config = { .fd = (unsigned)fd, .info.lo_flags = flags | LO_FLAGS_AUTOCLEAR };
	SCOPED(fd_close) int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	for (int i = 0; control >= 0 && i < 16; i++) {
		char path[32];
		int loop, number = ioctl(control, LOOP_CTL_GET_FREE);

		snprintf(path, sizeof(path), "/dev/loop%d", number);
		loop = open(path, O_RDWR | O_CLOEXEC);
		if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config) == 0) {
			*ret_number = number;
			return loop;
		}
		if (loop >= 0)
			close(loop);
	}
	return -1;
}

/* A private copy of a file. */
static inline int machine_copy(const char *path)
{
	SCOPED(mem_free) char *content = NULL;
	struct err e;
	size_t n;
	int fd = memfd_create("machine", MFD_CLOEXEC);

	assert_code(file_read(AT_FDCWD, path, MACHINE_MAX_FILE, &content, &n, &e), &e, ERR_NONE, path);
	assert_true(fd >= 0 && write_full(fd, content, n) == 0);
	return fd;
}

/* ---- what a sandbox has of it ---- */

static inline void machine_link(const char *target, const char *path)
{
	REQUIRE(symlink(target, path) == 0);
}

static inline void machine_mount_real(const char *type, const char *path)
{
	sandbox_mkdir(path);
	REQUIRE(mount(type, path, type, 0, NULL) == 0);
	REQUIRE(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) == 0);
}

static inline void machine_link_loops(void)
{
	char target[64], path[64];

	for (int i = 0; i < MAX_LOOPS; i++) {
		for (int p = 0; p < MAX_LOOP_PARTITIONS; p++) {
			char name[32];

			snprintf(name, sizeof(name), p ? "loop%dp%d" : "loop%d", i, p);
			snprintf(target, sizeof(target), REAL_DEV "/%s", name);
			snprintf(path, sizeof(path), "/dev/%s", name);
			machine_link(target, path);
		}
		snprintf(target, sizeof(target), REAL_SYS "/class/block/loop%d", i);
		snprintf(path, sizeof(path), "/sys/class/block/loop%d", i);
		machine_link(target, path);
		snprintf(target, sizeof(target), REAL_SYS "/dev/block/259:%d", i);
		snprintf(path, sizeof(path), "/sys/dev/block/259:%d", i);
		machine_link(target, path);
	}
}

/* Shows loop device number as disk sda. */
static inline void machine_show_disk(int number, const char *name)
{
	char target[64], path[64];

	snprintf(target, sizeof(target), REAL_SYS "/class/block/loop%d", number);
	snprintf(path, sizeof(path), "/sys/class/block/%s", name);
	machine_link(target, path);
	snprintf(target, sizeof(target), REAL_DEV "/loop%d", number);
	snprintf(path, sizeof(path), "/dev/%s", name);
	machine_link(target, path);
}

/* Binds a file with that text over one of /proc. */
static inline void machine_say(const char *path, const char *text)
{
	static unsigned n;
	char file[32];

	snprintf(file, sizeof(file), "/said%u", n++);
	sandbox_write(file, text);
	REQUIRE(mount(file, path, NULL, MS_BIND, NULL) == 0);
}

static inline void machine_begin(void)
{
	static const char *const built_in[] = { "dm_mod", "dm_verity", "dm_crypt", "loop", "aes_generic", "ecb", "xts" };
	char path[64];

	REQUIRE(umount2("/run", 0) == 0); /* PID 1 mounts it */
	machine_mount_real("sysfs", REAL_SYS);
	machine_mount_real("devtmpfs", REAL_DEV);
	sandbox_mkdir("/sys/class/block");
	sandbox_mkdir("/sys/dev/block");
	sandbox_mkdir("/sys/dev/char");
	machine_link(REAL_SYS "/dev/char/1:3", "/sys/dev/char/1:3");
	sandbox_mkdir("/dev/mapper");
	for (size_t i = 0; i < sizeof(built_in) / sizeof(*built_in); i++) {
		snprintf(path, sizeof(path), "/sys/module/%s", built_in[i]);
		sandbox_mkdir(path);
	}
	machine_link_loops();
	machine_link(REAL_DEV "/loop-control", "/dev/loop-control");
	REQUIRE(mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3)) == 0);
	REQUIRE(mknod("/dev/random", S_IFCHR | 0666, makedev(1, 8)) == 0);
	REQUIRE(mknod("/dev/urandom", S_IFCHR | 0666, makedev(1, 9)) == 0);
}

/* A variable as a boot loader or the firmware sets it. */
static inline void machine_efi(const char *name, const char *guid, const void *value, size_t n)
{
	static const uint8_t attributes[4] = { 6 };
	uint8_t raw[256];
	char path[160];
	struct err e;

	sandbox_mkdir("/sys/firmware/efi/efivars");
	snprintf(path, sizeof(path), "/sys/firmware/efi/efivars/%s-%s", name, guid);
	memcpy(raw, attributes, sizeof(attributes));
	memcpy(raw + sizeof(attributes), value, n);
	REQUIRE(file_write(path, 0600, raw, sizeof(attributes) + n, &e) == 0);
}

/* A text is in UTF-16 there. */
static inline void machine_efi_text(const char *name, const char *text)
{
	uint8_t wide[200];
	size_t n = strlen(text) + 1;

	for (size_t i = 0; i < n; i++) {
		wide[2 * i] = (uint8_t)text[i];
		wide[2 * i + 1] = 0;
	}
	machine_efi(name, "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", wide, 2 * n);
}

/* ---- in place of the C library's ---- */

/* What the sandbox has already is there as if the kernel had mounted it. */
int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data)
{
	static const char *const kernels[] = { "/proc", "/sys", "/dev", "/sys/firmware/efi/efivars" };

	if (machine.no_run && strcmp(target, "/run") == 0) {
		errno = ENOMEM;
		return -1;
	}
	for (size_t i = 0; type && *type && i < sizeof(kernels) / sizeof(*kernels); i++) {
		if (strcmp(target, kernels[i]) != 0)
			continue;
		errno = EBUSY;
		return -1;
	}
	return (int)syscall(SYS_mount, source, target, type, flags, data);
}

/* What waits so that a person can read is not waited for. */
int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	(void)wanted;
	(void)left;
	return 0;
}

/* The host's disks have no part in it. */
void sync(void)
{
}

/* ---- in place of device-mapper's libraries ---- */

static struct mapped *find_mapped(const char *name)
{
	for (size_t i = 0; i < MAX_MAPPED; i++)
		if (strcmp(mapped[i].name, name) == 0)
			return &mapped[i];
	return NULL;
}

static int map(const char *name, const char *what)
{
	struct mapped *m = find_mapped("");
	char path[300], link[300];
	size_t i = (size_t)(m - mapped);
	int fd = open(what, O_RDONLY | O_CLOEXEC);

	if (!m || fd < 0)
		return -ENXIO;
	m->fd = machine_loop(fd, LO_FLAGS_READ_ONLY, &m->number);
	close(fd);
	if (m->fd < 0)
		return -EIO;
	snprintf(m->name, sizeof(m->name), "%s", name);
	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	REQUIRE(mknod(path, S_IFBLK | 0600, makedev(7, m->number)) == 0);
	snprintf(path, sizeof(path), "/sys/dev/block/7:%d", m->number);
	snprintf(link, sizeof(link), "../../devices/virtual/block/dm-%zu", i);
	unlink(path);
	machine_link(link, path);
	return 0;
}

int crypt_activate_by_signed_key(struct crypt_device *cd, const char *name, const char *key, size_t n_key,
				 const char *signature, size_t n_signature, uint32_t flags)
{
	(void)key;
	(void)n_key;
	(void)n_signature;
	REQUIRE(flags & CRYPT_ACTIVATE_READONLY);
	if (machine.activate_errno)
		return -machine.activate_errno;
	if (signature && !machine.kernel_has_key)
		return -ENOKEY;
	return map(name, crypt_get_device_name(cd));
}

int crypt_activate_by_volume_key(struct crypt_device *cd, const char *name, const char *key, size_t n_key,
				 uint32_t flags)
{
	(void)flags;
	if (machine.activate_errno)
		return -machine.activate_errno;
	return crypt_volume_key_verify(cd, key, n_key) < 0 ? -EPERM : map(name, MACHINE_OPEN);
}

crypt_status_info crypt_status(struct crypt_device *cd, const char *name)
{
	(void)cd;
	return find_mapped(name) ? CRYPT_ACTIVE : CRYPT_INACTIVE;
}

int crypt_deactivate_by_name(struct crypt_device *cd, const char *name, uint32_t flags)
{
	struct mapped *m = find_mapped(name);
	char path[300];

	(void)cd;
	(void)flags;
	if (!m)
		return -ENODEV;
	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	unlink(path);
	close(m->fd);
	*m = (struct mapped){ 0 };
	return 0;
}

struct dm_task {
	char name[128];
};

struct dm_task *dm_task_create(int type)
{
	return type == DM_DEVICE_STATUS ? calloc(1, sizeof(struct dm_task)) : NULL;
}

int dm_task_set_name(struct dm_task *t, const char *name)
{
	snprintf(t->name, sizeof(t->name), "%s", name);
	return 1;
}

int dm_task_run(struct dm_task *t)
{
	return find_mapped(t->name) != NULL;
}

void *dm_get_next_target(struct dm_task *t, void *next, uint64_t *start, uint64_t *length, char **type,
			 char **parameters)
{
	static char status[2];

	(void)t;
	(void)next;
	status[0] = machine.verity_status;
	*start = *length = 0;
	*type = (char *)"verity";
	*parameters = status;
	return NULL;
}

void dm_task_destroy(struct dm_task *t)
{
	free(t);
}
