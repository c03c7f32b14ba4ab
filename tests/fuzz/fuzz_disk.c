/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A boot as a function of its disk: table, choice, policy, signature, superblock and the whole content,
 * as discover, choose and prove have them, on a good image with some bytes altered. Whatever is
 * accepted must be what the vendor signed, block by block.
 *
 * The input: one byte of flags, then alterations of four bytes each: where, in 24 bits, and what. */
#define _GNU_SOURCE /* memfd_create */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/disk/filesystem.h"
#include "modules/disk/read.h"
#include "modules/trust/policy.h"
#include "modules/verity/others.h"
#include "modules/verity/proof.h"
#include "tests/unit/gpt_image.h"

#define DATA "tests/data/disk"

enum {
	DISK_BYTES = 512 * 1024,
	DATA_AT = 64 * 512, /* see tests/data/disk/make */
	DATA_BYTES = 64 * 1024,
	EROFS_BYTES = 4096,   /* of it the file system itself; what follows is padding */
	SEAL = 1, /* flags: the table's checksums are right again */
};

struct fixed {
	uint8_t *good, *disk; /* disk: what fd maps */
	int fd;
	struct anchors *anchors;
	struct policy policy;
	bool accepted; /* the last one */
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void load(struct fixed *f)
{
	char *packed;
	size_t n;
	struct err e;

	must(file_read(AT_FDCWD, DATA "/image.zst", DISK_BYTES, &packed, &n, &e) >= 0);
	f->good = malloc(DISK_BYTES);
	must(f->good && ZSTD_decompress(f->good, DISK_BYTES, packed, n) == DISK_BYTES);
	f->fd = memfd_create("disk", MFD_CLOEXEC);
	must(f->fd >= 0 && ftruncate(f->fd, DISK_BYTES) == 0);
	f->disk = mmap(NULL, DISK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, 0);
	must(f->disk != MAP_FAILED);
	must(anchors_load(DATA, NULL, &f->anchors, &e) >= 0 && anchors_count(f->anchors) == 1);
	free(packed);
	must(policy_parse("root=signed", &f->policy, &e) >= 0);
}

static int read_partition(void *arg, const struct partition *p, uint8_t *ret, size_t n, struct err *e)
{
	const struct fixed *f = arg;

	return pread_full(f->fd, ret, n, p->first_lba * 512, e);
}

/* As the stages have it. */
static bool is_accepted(struct fixed *f, const struct gpt *gpt, struct verity_set *set, struct verity_info *info)
{
	struct policy_verdicts verdicts;
	struct proof_source source;
	char filesystem[FILESYSTEM_NAME_BYTES];
	struct signer signer;
	struct err e;

	if (verity_set_read(gpt, DPS_ROOT, &(struct verity_set_wish){ 0 }, read_partition, f, set, &e) < 0)
		return false;
	if (verity_set_check(gpt, set, &f->policy, &verdicts, &e) < 0)
		return false;
	must(set->signature != NULL);
	if (proof_signature(set, f->anchors, &signer, &e) < 0)
		return false;
	source = (struct proof_source){ .data_fd = f->fd,
					.hash_fd = f->fd,
					.data_at = set->data->first_lba * 512,
					.hash_at = set->hash->first_lba * 512 };
	return proof_superblock(set, 512, &source, info, &e) >= 0 &&
	       proof_content(set, info, &source, true, &e) >= 0 &&
	       filesystem_probe(f->fd, source.data_at, info->n_data_blocks * info->data_block_bytes, filesystem,
				&e) >= 0;
}

static void boot(struct fixed *f)
{
	SCOPED(verity_set_done) struct verity_set set = { 0 };
	SCOPED(gpt_done) struct gpt gpt = { 0 };
	struct gpt_report report;
	struct verity_info info;
	struct err e;
	uint64_t n;

	if (gpt_read(f->fd, "disk", 512, DISK_BYTES / 512, &gpt, &report, &e) < 0 || !is_accepted(f, &gpt, &set, &info))
		return;
	n = info.n_data_blocks * info.data_block_bytes;
	must(n >= EROFS_BYTES && n <= DATA_BYTES);
	must(memcmp(f->disk + set.data->first_lba * 512, f->good + DATA_AT, n) == 0);
	f->accepted = true;
}

static void seal(uint8_t *disk)
{
	image_seal(disk + 512, 512, disk + 1024, IMAGE_ARRAY_BYTES);
	image_seal(disk + DISK_BYTES - 512, 512, disk + DISK_BYTES - 512 - IMAGE_ARRAY_BYTES, IMAGE_ARRAY_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fixed f;

	if (!f.good)
		load(&f);
	memcpy(f.disk, f.good, DISK_BYTES);
	for (size_t i = 1; i + 4 <= size; i += 4)
		f.disk[(data[i] | (unsigned)data[i + 1] << 8 | (unsigned)data[i + 2] << 16) % DISK_BYTES] = data[i + 3];
	if (size && data[0] & SEAL)
		seal(f.disk);
	f.accepted = false;
	boot(&f);
	must(f.accepted || size > 4); /* the good one boots */
	return 0;
}
