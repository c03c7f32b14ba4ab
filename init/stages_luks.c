/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An encrypted root, or the one beside a /usr: what it takes to open it, and what is measured of it. */
#include "init/stages.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "init/core/cleanup.h"
#include "init/core/clock.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/tpm/nvindex.h"

/* In no signed phase path, as in fail.c. */
#define CAP_WORD "slipway-not-by-tpm"

int look_for_luks(struct boot *b, struct err *e)
{
	SCOPED(fd_close) int fd = disk_open_partition(&b->disk, b->set.data, e);
	uint8_t start[LUKS_MAGIC_BYTES];
	int rc = fd < 0 ? fd : pread_full(fd, start, sizeof(start), 0, e);

	if (rc == 0)
		*(b->set.root_hash_bytes ? &b->set.wraps_luks : &b->set.encrypted) = filesystem_is_luks(start);
	return rc;
}

struct unlocking {
	struct boot *boot;
	const char *name;
	const char *lent;
};

static int need(void *arg, const char *module, struct err *e)
{
	struct unlocking *u = arg;

	return kernel_require(u->boot->kernel, module, e);
}

static int lend_credentials(void *arg, const char **ret, struct err *e)
{
	struct unlocking *u = arg;
	int rc = u->lent ? 0 : boot_lend_credentials(u->boot, &u->lent, e);

	*ret = u->lent;
	return rc;
}

/* Whoever holds the disk can put a volume there to which he knows the passphrase. From here on the
 * TPM gives out nothing that is sealed to a phase of this image. */
static int cap(void *arg, struct err *e)
{
	struct unlocking *u = arg;

	return boot_measure(u->boot, CAP_WORD, "slipway-not-by-tpm", e);
}

static void note(void *arg, const struct measurement *m)
{
	struct unlocking *u = arg;

	log_info("measured the key of the %s into PCR %u", u->name, m->pcr);
	record_measurement(u->boot->record, m);
}

/* Which key slot, and whether the TPM opened it: systemd has a name for no other way. */
static int measure_slot(struct boot *b, const char *name, const struct luks_volume *v, struct err *e)
{
	const struct nvpcr *n = nvpcrs_find(&b->nvpcrs, "cryptsetup");
	char word[160];
	struct measurement m;
	int rc;

	if (!n || !n->begun)
		return 0;
	snprintf(word, sizeof(word), "cryptsetup-keyslot:%s:%s:%s:%d", name, luks_uuid(v),
		 strcmp(luks_by(v), "tpm2") == 0 ? "tpm2" : "", luks_slot(v));
	rc = nvpcr_measure(b->tpm, n, b->nvpcr_authority, word, "keyslot", &m, e);
	if (rc >= 0)
		record_measurement(b->record, &m);
	return rc;
}

static int open_on(struct boot *b, enum designator d, int fd, uint64_t n_bytes, bool read_only,
		   struct luks_volume **ret, struct err *e)
{
	const struct luks_words *words = &b->options.luks;
	struct unlocking u = { .boot = b, .name = dps_name(d) };
	const struct luks_request request = {
		.name = u.name,
		.partition = fd,
		.partition_bytes = n_bytes,
		.uuid = words->has_uuid ? &words->uuid : NULL,
		.read_only = read_only,
		.discard = words->discard,
		.no_read_workqueue = words->no_read_workqueue,
		.no_write_workqueue = words->no_write_workqueue,
		.tpm = b->tpm,
		.key_file = *words->key ? words->key : NULL,
		.may_ask = b->config.luks_prompt,
		.keys = &b->config.luks_keys,
		.fixed_key = words->has_fixed_key ? words->fixed_key : NULL,
		.need = need,
		.credentials = lend_credentials,
		.not_by_tpm = cap,
		.measured = note,
		.arg = &u,
	};
	uint64_t start_us = now_us();
	int rc = luks_open(&request, ret, e);

	if (u.lent)
		credentials_take_back(u.lent);
	if (rc < 0)
		return rc;
	if (strcmp(luks_by(*ret), "tpm2") == 0)
		record_tpm_command(b->record, "unlock the encrypted volume", start_us);
	log_info("opened the %s by key slot %d: %s", u.name, luks_slot(*ret), luks_by(*ret));
	return measure_slot(b, u.name, *ret, e);
}

int open_luks(struct boot *b, enum designator d, const struct partition *p, struct luks_volume **ret,
	      struct err *e)
{
	SCOPED(fd_close) int fd = disk_open_partition(&b->disk, p, e);

	return fd < 0 ? fd : open_on(b, d, fd, p->n_lbas * b->disk.sector_bytes, p->attributes & POLICY_READ_ONLY,
				     ret, e);
}

int open_proven_luks(struct boot *b, struct err *e)
{
	SCOPED(fd_close) int fd = open(volume_path(b->root), O_RDONLY | O_CLOEXEC);
	uint64_t n_bytes = 0;

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &n_bytes) < 0)
		return err_set(e, ERR_LUKS_FAILED, errno, "open '%s'", volume_path(b->root));
	return open_on(b, b->set.designator, fd, n_bytes, true, &b->unlocked, e);
}
