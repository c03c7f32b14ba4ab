/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* memfd_create */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/luks/opening.h"
#include "modules/luks/volume_key.h"

enum { NAME_BYTES = 128 }; /* DM_NAME_LEN */

struct luks_volume {
	char name[NAME_BYTES];
	char path[NAME_BYTES + sizeof("/dev/mapper/")];
	char uuid[UUID_TEXT_BYTES];
	dev_t dev;
	const char *by;
	int slot;
};

static void opening_done(struct opening *o)
{
	crypt_free(o->cd);
	if (o->copy >= 0)
		close(o->copy);
	explicit_bzero(&o->key, sizeof(o->key));
	munlockall();
}

static void volume_free(struct luks_volume **v)
{
	free(*v);
}

void opening_note(struct opening *o, const char *fmt, ...)
{
	size_t used = strlen(o->tried);
	va_list args;

	if (used && used + 2 < sizeof(o->tried))
		used += strlen(strcpy(o->tried + used, "; "));
	va_start(args, fmt);
	vsnprintf(o->tried + used, sizeof(o->tried) - used, fmt, args);
	va_end(args);
}

static void log_library(int level, const char *text, void *unused)
{
	(void)level;
	(void)unused;
	log_debug("cryptsetup: %.*s", (int)strcspn(text, "\n"), text);
}

/* ---- the header ---- */

static int copy_bytes(int from, int to, uint64_t at, size_t n, uint8_t *buffer, struct err *e)
{
	int rc = pread_full(from, buffer, n, at, e);

	if (rc == 0 && pwrite(to, buffer, n, (off_t)at) != (ssize_t)n)
		rc = err_set(e, ERR_MEMORY, errno, "copy the LUKS header");
	return rc;
}

/* A file in memory in which nothing is but what was judged: one copy of the header, and the key
 * slots. The other copy is not there for libcryptsetup to prefer. */
static int fill_copy(struct opening *o, uint64_t at, struct bytes header, struct err *e)
{
	SCOPED(mem_free) uint8_t *buffer = malloc(LUKS_MAX_AREA_BYTES);
	int rc = 0;

	if (o->copy >= 0)
		close(o->copy);
	o->copy = memfd_create("luks-header", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (!buffer || o->copy < 0 || ftruncate(o->copy, (off_t)o->header.data_at) < 0 ||
	    pwrite(o->copy, header.p, header.n, (off_t)at) != (ssize_t)header.n)
		return err_set(e, ERR_MEMORY, errno, "copy the LUKS header");
	for (size_t i = 0; i < o->header.n_areas && rc == 0; i++)
		rc = copy_bytes(o->request->partition, o->copy, o->header.areas[i].at,
				o->header.areas[i].n_bytes, buffer, e);
	if (rc == 0 && fcntl(o->copy, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		rc = err_set(e, ERR_SYSTEM, errno, "seal the copy of the LUKS header");
	return rc;
}

static int copy_header(struct opening *o, uint64_t at, struct err *e)
{
	uint8_t binary[LUKS_BINARY_BYTES];
	SCOPED(mem_free) uint8_t *whole = NULL;
	uint64_t n = 0;
	int rc = pread_full(o->request->partition, binary, sizeof(binary), at, e);

	if (rc == 0)
		rc = luks_header_size((struct bytes){ binary, sizeof(binary) }, at, &n, e);
	if (rc < 0)
		return rc;
	whole = malloc(n);
	if (!whole)
		return err_set(e, ERR_MEMORY, 0, "no memory for a LUKS header");
	rc = pread_full(o->request->partition, whole, n, at, e);
	if (rc == 0)
		rc = luks_header_parse((struct bytes){ whole, n }, at, o->request->partition_bytes,
				       &o->header, e);
	return rc < 0 ? rc : fill_copy(o, at, (struct bytes){ whole, n }, e);
}

/* By descriptors: no name is looked up twice. */
static int load(struct opening *o, uint64_t at, struct err *e)
{
	char copy[32], data[32];
	int rc = copy_header(o, at, e);

	if (rc < 0)
		return rc;
	snprintf(copy, sizeof(copy), "/proc/self/fd/%d", o->copy);
	snprintf(data, sizeof(data), "/proc/self/fd/%d", o->request->partition);
	crypt_free(o->cd);
	o->cd = NULL;
	rc = crypt_init_data_device(&o->cd, copy, data);
	if (rc < 0)
		return err_set(e, ERR_LUKS_FAILED, -rc, "begin with the LUKS header");
	crypt_set_log_callback(o->cd, log_library, NULL);
	rc = crypt_load(o->cd, CRYPT_LUKS2, NULL);
	if (rc < 0)
		return err_set(e, ERR_LUKS_HEADER, -rc, "libcryptsetup refuses the LUKS header");
	return 0;
}

/* A power cut may have left the first copy half written. */
static int load_either(struct opening *o, struct err *e)
{
	struct err second;
	int rc;

	crypt_set_log_callback(NULL, log_library, NULL);
	/* Nothing else opens volumes meanwhile, and locks are files. */
	crypt_metadata_locking(NULL, 0);
	rc = load(o, 0, e);
	for (size_t i = 0; rc == -ERR_LUKS_HEADER && i < LUKS_N_SECOND_COPIES; i++) {
		if (load(o, LUKS_SECOND_COPY_AT(i), &second) < 0)
			continue;
		log_warning("%s: going on by its second copy", e->what);
		return 0;
	}
	return rc;
}

/* ---- the key ---- */

static bool has_memory_for(int slot, const struct luks_header *h)
{
	struct sysinfo info;

	return sysinfo(&info) < 0 ||
	       (uint64_t)h->memory_kib[slot] * 1024 <= (uint64_t)info.freeram * info.mem_unit;
}

static int try_one(struct opening *o, int slot, const struct luks_secret *s)
{
	size_t n = sizeof(o->key.p);
	int rc;

	if (!has_memory_for(slot, &o->header)) {
		opening_note(o, "key slot %d needs %u KiB of memory", slot, o->header.memory_kib[slot]);
		return 0;
	}
	rc = crypt_volume_key_get(o->cd, slot, (char *)o->key.p, &n, s->p, s->n);
	if (rc < 0) {
		if (rc != -EPERM && rc != -ENOENT)
			opening_note(o, "key slot %d: %s", slot, strerror(-rc));
		return 0;
	}
	o->key.n = n;
	o->slot = slot;
	return 1;
}

int opening_try(struct opening *o, int slot, const struct luks_secret *s)
{
	if (slot != CRYPT_ANY_SLOT)
		return try_one(o, slot, s);
	for (slot = 0; slot < LUKS_MAX_SLOTS; slot++) {
		crypt_keyslot_info info = crypt_keyslot_status(o->cd, slot);

		if ((info == CRYPT_SLOT_ACTIVE || info == CRYPT_SLOT_ACTIVE_LAST) &&
		    crypt_keyslot_get_priority(o->cd, slot) != CRYPT_SLOT_PRIORITY_IGNORE &&
		    try_one(o, slot, s))
			return 1;
	}
	return 0;
}

static int find_key(struct opening *o, struct err *e)
{
	static int (*const ways[])(struct opening *o, struct err *e) = {
		unlock_by_file, unlock_by_credential, unlock_by_person,
	};
	int rc = unlock_by_tpm(o, e);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways) && rc == 0; i++)
		rc = ways[i](o, e);
	if (rc != 0)
		return rc < 0 ? rc : o->request->not_by_tpm(o->request->arg, e);
	return err_set(e, ERR_LUKS_LOCKED, 0, "'%s' stays locked: %s", o->request->name,
		       *o->tried ? o->tried : "there is no token, key file or credential for it, and nobody may be asked");
}

/* ---- the device ---- */

static uint32_t activation_flags(const struct luks_request *q)
{
	return (q->read_only ? CRYPT_ACTIVATE_READONLY : 0) |
	       (q->discard ? CRYPT_ACTIVATE_ALLOW_DISCARDS : 0) |
	       (q->no_read_workqueue ? CRYPT_ACTIVATE_NO_READ_WORKQUEUE : 0) |
	       (q->no_write_workqueue ? CRYPT_ACTIVATE_NO_WRITE_WORKQUEUE : 0);
}

static int activate(struct opening *o, struct luks_volume *v, struct err *e)
{
	uint32_t flags = activation_flags(o->request);
	SCOPED(fd_close) int fd = -1;
	struct stat st;
	int rc = crypt_activate_by_volume_key(o->cd, v->name, (const char *)o->key.p, o->key.n, flags);

	if (rc < 0)
		return err_set(e, ERR_LUKS_FAILED, -rc, "activate '%s'", v->path);
	fd = open(v->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode)) {
		rc = err_set(e, ERR_LUKS_FAILED, errno, "open '%s'", v->path);
		crypt_deactivate_by_name(o->cd, v->name, CRYPT_DEACTIVATE_DEFERRED);
		return rc;
	}
	v->dev = st.st_rdev;
	return 0;
}

/* The kernel finds no module by itself here: there is no modprobe. */
static int load_drivers(const struct luks_request *q, struct err *e)
{
	static const char *const modules[] = { "aes_generic", "ecb", "xts", "dm_crypt" };
	struct err slower;
	/* The CPU's own code, where there is some: dm-crypt stays with what it finds first. */
	int rc = q->need(q->arg, "crypto-aes", &slower);

	if (rc < 0)
		log_debug("%s", slower.what);
	rc = 0;
	for (size_t i = 0; i < sizeof(modules) / sizeof(*modules) && rc >= 0; i++)
		rc = q->need(q->arg, modules[i], e);
	return rc;
}

/* Before any key is tried: which one would fit another volume is nobody's affair. */
static int check_uuid(const struct opening *o, struct err *e)
{
	const char *have = crypt_get_uuid(o->cd);
	char wanted[UUID_TEXT_BYTES];
	struct uuid uuid;

	if (!o->request->uuid || (have && uuid_from_text(have, &uuid) && uuid_equal(&uuid, o->request->uuid)))
		return 0;
	return err_set(e, ERR_LUKS_UUID, 0, "the UUID of '%s' is '%s', and the command line says '%s'",
		       o->request->name, have ? have : "", uuid_format(o->request->uuid, wanted));
}

/* The key is measured before the device is there, so that nobody reads from a volume of which
 * PCR 15 does not know. */
static int open_by_copy(struct opening *o, struct luks_volume *v, struct err *e)
{
	int rc = load_either(o, e);

	if (rc == 0 && crypt_status(o->cd, v->name) != CRYPT_INACTIVE)
		return err_set(e, ERR_NAME_TAKEN, 0, "device '%s' exists already", v->path);
	if (rc == 0)
		rc = check_uuid(o, e);
	if (rc == 0)
		rc = find_key(o, e);
	if (rc < 0)
		return rc;
	snprintf(v->uuid, sizeof(v->uuid), "%s", crypt_get_uuid(o->cd));
	v->by = o->by;
	v->slot = o->slot;
	rc = volume_key_check(o->request, v->uuid, (struct bytes){ o->key.p, o->key.n }, e);
	if (rc >= 0)
		rc = volume_key_measure(o->request, v->uuid, (struct bytes){ o->key.p, o->key.n }, e);
	return rc < 0 ? rc : activate(o, v, e);
}

int luks_open(const struct luks_request *request, struct luks_volume **ret, struct err *e)
{
	SCOPED(opening_done) struct opening o = { .request = request, .copy = -1 };
	SCOPED(volume_free) struct luks_volume *v = calloc(1, sizeof(*v));
	int rc;

	if (!v)
		return err_set(e, ERR_MEMORY, 0, "no memory for volume '%s'", request->name);
	if (!*request->name || strlen(request->name) >= NAME_BYTES)
		return err_set(e, ERR_LUKS_FAILED, 0, "'%s' is no name for a device", request->name);
	snprintf(v->name, sizeof(v->name), "%s", request->name);
	snprintf(v->path, sizeof(v->path), "/dev/mapper/%s", request->name);
	/* Until the next exec. An initrd has no swap, but what it runs in may. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0 || mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
		log_warning("cannot keep secrets out of dumps and swap, continuing: %m");
	rc = load_drivers(request, e);
	if (rc >= 0)
		rc = open_by_copy(&o, v, e);
	if (rc >= 0)
		*ret = ptr_take(&v);
	return rc < 0 ? rc : 0;
}

const char *luks_path(const struct luks_volume *v)
{
	return v->path;
}

dev_t luks_dev(const struct luks_volume *v)
{
	return v->dev;
}

const char *luks_uuid(const struct luks_volume *v)
{
	return v->uuid;
}

const char *luks_by(const struct luks_volume *v)
{
	return v->by;
}

int luks_slot(const struct luks_volume *v)
{
	return v->slot;
}

void luks_close(struct luks_volume *v)
{
	if (!v)
		return;
	if (crypt_deactivate_by_name(NULL, v->name, CRYPT_DEACTIVATE_DEFERRED) < 0)
		log_warning("'%s' cannot be taken down, leaving it", v->path);
	free(v);
}
