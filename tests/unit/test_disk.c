/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What of disks can be tested without any: images in memory, a sysfs of files. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "modules/disk/device.h"
#include "modules/disk/disk.h"
#include "modules/disk/dps.h"
#include "modules/disk/filesystem.h"
#include "modules/disk/kernel_view.h"
#include "modules/disk/read.h"
#include "tests/unit/gpt_image.h"

#define ESP "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define XBOOTLDR "bc13c2ff-59e6-4262-a352-b275fd6f7172"
#define ROOT "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"

static const struct image_partition usual[] = {
	{ ESP, "11111111-0000-4000-8000-000000000001", "esp", 64, 127, 0 },
	{ ROOT, "11111111-0000-4000-8000-000000000002", "root_1", 128, 255, 0 },
	{ ROOT, "11111111-0000-4000-8000-000000000003", "root_2", 256, 383, 0 },
};

static void put(int fd, const void *p, size_t n, uint64_t offset)
{
	assert_int_equal(pwrite(fd, p, n, (off_t)offset), n);
}

static void put_copy(int fd, enum gpt_which which, unsigned sector_bytes)
{
	struct image image;

	image_make(&image, which, sector_bytes, usual, 3);
	put(fd, image.header, sector_bytes, le64(image.header + 24) * sector_bytes);
	put(fd, image.entries, sizeof(image.entries), le64(image.header + 72) * sector_bytes);
}

enum { FOR_512 = 1, FOR_4096 = 2, OWN = 512 };

struct read_case {
	const char *name;
	unsigned tables;      /* FOR_512 | FOR_4096; the disk has sectors of 512 bytes */
	unsigned break_at[2]; /* sectors of which a byte is changed */
	unsigned n_sectors;   /* of the disk, unless it is IMAGE_SECTORS */
	enum err_code code;
	enum gpt_claim claim;
	bool mbr, no_mbr;     /* a protective one; unless told there is one with tables */
	const char *says[3];
	const char *primary; /* what is said about the primary, if the backup serves */
};

static const struct read_case read_cases[] = {
	{ "both good", FOR_512, .primary = "" },
	{ "primary header broken", FOR_512, { 1 }, .primary = "checksum" },
	{ "primary entries broken", FOR_512, { 2 }, .primary = "checksum" },
	{ "backup header broken", FOR_512, { IMAGE_SECTORS - 1 }, .primary = "" },
	{ "both broken", FOR_512, { 1, IMAGE_SECTORS - 2 }, .code = ERR_GPT_INVALID,
	  .claim = GPT_CLAIMED,
	  .says = { "'vdx'", "LBA 1: checksum", "LBA 2047: checksum" } },
	{ "no protective MBR", FOR_512, .no_mbr = true, .code = ERR_GPT_INVALID,
	  .claim = GPT_CLAIMED, .says = { "'vdx'", "protective MBR" } },
	{ "no table", .code = ERR_GPT_INVALID,
	  .says = { "LBA 1: no partition table header", "LBA 2047: no partition table header" } },
	{ "only the protective MBR", .mbr = true, .code = ERR_GPT_INVALID, .claim = GPT_CLAIMED,
	  .says = { "LBA 1: no partition table header" } },
	{ "no table, unreadable", .n_sectors = 1u << 20, .code = ERR_GPT_INVALID,
	  .claim = GPT_UNREADABLE, .says = { "LBA 1048575: read 512 bytes" } },
	{ "only for sectors of 4096", FOR_4096, .code = ERR_GPT_INVALID,
	  .claim = GPT_CLAIMED,
	  .says = { "sectors of 512 bytes", "only valid", "sectors of 4096" } },
	{ "for both", FOR_512 | FOR_4096, .code = ERR_GPT_INVALID, .claim = GPT_CLAIMED,
	  .says = { "also a valid table for sectors of 4096" } },
	{ "too small to be true", FOR_512, .n_sectors = 100, .code = ERR_GPT_INVALID,
	  .claim = GPT_CLAIMED,
	  .says = { "does not fit the disk" } },
	{ "larger than what can be read", FOR_512, { 1 }, .n_sectors = 1u << 20,
	  .code = ERR_GPT_INVALID, .claim = GPT_CLAIMED, .says = { "LBA 1048575: read 512 bytes" } },
	{ "no sectors", FOR_512, .n_sectors = 1, .code = ERR_GPT_INVALID, .says = { "no room" } },
};

static int make_disk(const struct read_case *c)
{
	int fd = memfd_create("disk", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)IMAGE_SECTORS * 512), 0);
	if (c->tables & FOR_512) {
		put_copy(fd, GPT_PRIMARY, 512);
		put_copy(fd, GPT_BACKUP, 512);
	}
	if (c->tables & FOR_4096) {
		struct image image;

		/* Sized for the same bytes; placed behind the entries of the other one
		 * if there is one, which then must be sealed again. */
		image_make(&image, GPT_PRIMARY, 4096, usual, 1);
		put_le(image.header + 48, IMAGE_SECTORS / 8 - 6, 8);
		put_le(image.header + 72, 2, 8);
		image_seal(image.header, 4096, image.entries, sizeof(image.entries));
		put(fd, image.header, 4096, 4096);
		put(fd, image.entries, sizeof(image.entries), 8192);
	}
	if ((c->tables && !c->no_mbr) || c->mbr) {
		static const uint8_t type = 0xee;

		put(fd, &type, 1, 446 + 4);
		put(fd, "\x55\xaa", 2, 510);
	}
	for (size_t i = 0; i < 2; i++)
		if (c->break_at[i])
			put(fd, "x", 1, (uint64_t)c->break_at[i] * 512 + 57);
	return fd;
}

/* The header for 4096 lies among the entries for 512: make those right again,
 * which both readers then find right. */
static void seal_for_512(int fd)
{
	static const unsigned lba[] = { 1, IMAGE_SECTORS - 1 };
	uint8_t header[512], entries[IMAGE_ARRAY_BYTES];

	for (size_t i = 0; i < 2; i++) {
		uint64_t at;

		assert_int_equal(pread(fd, header, sizeof(header), (off_t)lba[i] * 512), 512);
		at = le64(header + 72) * 512;
		assert_int_equal(pread(fd, entries, sizeof(entries), (off_t)at), sizeof(entries));
		image_seal(header, sizeof(header), entries, sizeof(entries));
		put(fd, header, sizeof(header), (uint64_t)lba[i] * 512);
	}
}

static void read_one(const struct read_case *c)
{
	SCOPED(gpt_done) struct gpt gpt = { 0 };
	SCOPED(fd_close) int fd = make_disk(c);
	struct gpt_report report;
	struct err e = { 0 };
	int rc;

	if (c->tables == (FOR_512 | FOR_4096))
		seal_for_512(fd);
	rc = gpt_read(fd, "vdx", OWN, c->n_sectors ? c->n_sectors : IMAGE_SECTORS, &gpt, &report, &e);
	assert_code(rc, &e, c->code, c->name);
	for (size_t i = 0; i < 3; i++)
		if (c->says[i] && !strstr(e.what, c->says[i]))
			fail_msg("case '%s' says '%s'", c->name, e.what);
	if (rc < 0 && report.claim != c->claim)
		fail_msg("case '%s' claims %d", c->name, report.claim);
	if (rc < 0)
		return;
	if (!strstr(report.primary.what, c->primary) || !c->primary[0] != !report.primary.code)
		fail_msg("case '%s' says '%s' about the primary", c->name, report.primary.what);
	assert_int_equal(gpt.which, report.primary.code ? GPT_BACKUP : GPT_PRIMARY);
	assert_int_equal(gpt.n_partitions, 3);
}

static void reading(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(read_cases) / sizeof(*read_cases); i++)
		read_one(&read_cases[i]);
}

/* Root hashes whose ends name the partitions 1 and 2 below, or nearly so. */
static const uint8_t root_hash[48] = { 1, [47] = 2 }, half_hash[32] = { 1 };
static const uint8_t short_hash[31] = { 1, [30] = 2 };
static const uint8_t swapped_hash[32] = { [15] = 2, [16] = 1 };

static void fits(void **state)
{
	struct uuid data = { { 1 } }, tree = { { [15] = 2 } }, esp = { { 7 } }, none = { { 9 } };
	struct uuid esp_type, xbootldr_type;
	struct partition partitions[3] = {
		{ .number = 1, .type = *dps_type(DPS_ROOT, DPS_DATA), .uuid = data, .label = "root_1" },
		{ .number = 2, .type = *dps_type(DPS_ROOT, DPS_HASH), .uuid = tree, .label = "root_1_verity" },
		{ .number = 3, .uuid = esp },
	};
	const struct gpt gpt = { .partitions = partitions, .n_partitions = 3 };
	const struct { const char *name; struct disk_wish wish; bool fits; } cases[] = {
		{ "ESP", { .esp = &esp }, true },
		{ "ESP by a root's UUID", { .esp = &data }, false },
		{ "another ESP", { .esp = &none }, false },
		{ "any", { .any = &data }, true },
		{ "any other", { .any = &none }, false },
		{ "root hash", { .root_hash = root_hash, .root_hash_bytes = 48 }, true },
		{ "root hash with data and hash swapped",
		  { .root_hash = swapped_hash, .root_hash_bytes = 32 }, false },
		{ "root hash too short", { .root_hash = short_hash, .root_hash_bytes = 31 },
		  false },
		{ "name", { .name = "vda" }, true },
		{ "partition", { .partition = "vda2" }, true },
		{ "label", { .label = "root_1" }, true },
		{ "label of a hash", { .label = "root_1_verity" }, false },
		{ "label of the other kind", { .label = "root_1", .designator = DPS_USR }, false },
		{ "no label", { .label = "" }, false },
		{ "nothing", { 0 }, false },
	};

	(void)state;
	assert_true(uuid_from_text(ESP, &esp_type));
	partitions[2].type = esp_type;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (disk_fits(&cases[i].wish, &gpt) != cases[i].fits)
			fail_msg("case '%s'", cases[i].name);
	assert_true(uuid_from_text(XBOOTLDR, &xbootldr_type));
	partitions[2].type = xbootldr_type;
	assert_true(disk_fits(&cases[0].wish, &gpt));
	partitions[1].type = *dps_type(DPS_USR, DPS_HASH);
	assert_false(disk_fits(&cases[5].wish, &gpt));
	partitions[0].type = *dps_type(DPS_USR, DPS_DATA);
	assert_false(disk_fits(&cases[5].wish, &gpt));
}

static void zero_names_nothing(void **state)
{
	struct partition partitions[2] = {
		{ .number = 1, .type = *dps_type(DPS_ROOT, DPS_DATA), .uuid = { { 1 } } },
		{ .number = 2, .type = *dps_type(DPS_ROOT, DPS_HASH) },
	};
	const struct gpt gpt = { .partitions = partitions, .n_partitions = 2 };

	(void)state;
	assert_false(disk_fits(&(struct disk_wish){ .root_hash = half_hash, .root_hash_bytes = 32 },
			       &gpt));
}

static const struct match_case {
	const char *name;
	struct kernel_partition list[3];
	enum err_code code;
	const char *says;
} match_cases[] = {
	{ "both there", { { "vdx1", 1, 40960, 4096 }, { "vdx3", 3, 81920, 8192 } }, ERR_NONE,
	  NULL },
	{ "one missing", { { "vdx3", 3, 81920, 8192 } }, ERR_NONE, NULL },
	{ "an ignored entry", { { "vdx2", 2, 0, 512 } }, ERR_NONE, NULL },
	{ "elsewhere", { { "vdx1", 1, 40448, 4096 } }, ERR_GPT_DISAGREES, "'vdx1' at byte 40448" },
	{ "longer", { { "vdx1", 1, 40960, 4608 } }, ERR_GPT_DISAGREES, "4608 bytes" },
	{ "one too many", { { "vdx4", 4, 40960, 4096 } }, ERR_GPT_DISAGREES, "'vdx4'" },
	{ "numbers swapped", { { "vdx3", 1, 81920, 8192 } }, ERR_GPT_DISAGREES, "'vdx3'" },
};

static void matching(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(match_cases) / sizeof(*match_cases); i++) {
		const struct match_case *c = &match_cases[i];
		struct partition partitions[2] = {
			{ .number = 1, .first_lba = 10, .n_lbas = 1 },
			{ .number = 3, .first_lba = 20, .n_lbas = 2 },
		};
		struct gpt gpt = { .sector_bytes = 4096,
				   .partitions = partitions,
				   .n_partitions = 2,
				   .ignored = { 1 << 1 } };
		struct err e = { 0 };
		size_t n = 0;
		int rc;

		while (n < 3 && c->list[n].number)
			n++;
		rc = kernel_partitions_match(&gpt, c->list, n, &e);
		assert_code(rc, &e, c->code, c->name);
		if (c->says && !strstr(e.what, c->says))
			fail_msg("case '%s' says '%s'", c->name, e.what);
		if (i == 1) {
			assert_string_equal(partitions[0].devname, "");
			assert_string_equal(partitions[1].devname, "vdx3");
		}
	}
}

static void sys_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	struct err e;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	*strrchr(path, '/') = '\0';
	assert_int_equal(make_dirs(path, 0755, &e), 0);
	path[strlen(path)] = '/';
	assert_int_equal(file_write(path, 0644, text, strlen(text), &e), 0);
}

/* Returns the code of reading a disk's directory that has one partition with
 * this size. */
static enum err_code read_sysfs(const char *size, struct kernel_partition *ret, struct err *e)
{
	SCOPED(mem_free) struct kernel_partition *list = NULL;
	char dir[] = "/tmp/slipway-test-XXXXXX", command[64];
	size_t n = 0;
	int rc;

	assert_non_null(mkdtemp(dir));
	sys_file(dir, "size", "99\n");
	sys_file(dir, "queue/size", "1\n");
	sys_file(dir, "vdx2/partition", "2\n");
	sys_file(dir, "vdx2/start", "2048\n");
	sys_file(dir, "vdx2/size", size);
	rc = kernel_partitions_read(dir, &list, &n, e);
	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
	if (rc < 0)
		return (enum err_code)-rc;
	assert_int_equal(n, 1);
	*ret = list[0];
	return ERR_NONE;
}

static void kernel_view(void **state)
{
	static const char *const bad[] = { "", "-1\n", "x\n", "12x\n", "18446744073709551616\n",
					   "18014398509481984\n" };
	struct kernel_partition k;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(read_sysfs("8\n", &k, &e), ERR_NONE);
	assert_string_equal(k.devname, "vdx2");
	assert_int_equal(k.number, 2);
	assert_int_equal(k.start_bytes, 1048576);
	assert_int_equal(k.n_bytes, 4096);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (read_sysfs(bad[i], &k, &e) != ERR_SYSTEM || !strstr(e.what, "/vdx2/size'"))
			fail_msg("size '%s': '%s'", bad[i], e.what);
}

/* The first bytes of what mkfs and its like make; "squashfs+ext4" is one over the
 * other. */
static const struct { const char *content, *name, *says; off_t n_bytes; } contents[] = {
	{ "ext4", "ext4", NULL, 4 << 20 },
	{ "erofs", "erofs", NULL, 4 << 20 },
	{ "squashfs", "squashfs", NULL, 4 << 20 },
	{ "vfat", "vfat", NULL, 4 << 20 },
	{ "ext4", NULL, "cut short", 96 << 10 },
	{ "erofs", NULL, "cut short", 16 << 10 },
	{ "swap", NULL, "'swap'", 4 << 20 },
	{ "luks", NULL, "'crypto_LUKS'", 4 << 20 },
	{ "", NULL, "no known file system", 4 << 20 },
	{ "squashfs+ext4", NULL, "several file systems", 4 << 20 },
};

static void put_content(int fd, const char *list)
{
	char names[64], *at = names, *name;
	size_t skip = 0; /* the second leaves the first one's superblock alone */

	snprintf(names, sizeof(names), "%s", list);
	while ((name = strsep(&at, "+")) && name[0]) {
		SCOPED(mem_free) char *p = NULL;
		char path[128];
		struct err e;
		size_t n;

		snprintf(path, sizeof(path), "tests/data/filesystem/%s", name);
		assert_int_equal(file_read(AT_FDCWD, path, 65536, &p, &n, &e), 0);
		put(fd, p + skip, n - skip, skip);
		skip = 512;
	}
}

static void filesystems(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(contents) / sizeof(*contents); i++) {
		SCOPED(fd_close) int fd = memfd_create("fs", MFD_CLOEXEC);
		char name[FILESYSTEM_NAME_BYTES] = "";
		struct err e = { 0 };
		int rc;

		put_content(fd, contents[i].content);
		assert_int_equal(ftruncate(fd, contents[i].n_bytes), 0);
		rc = filesystem_probe(fd, 0, 0, name, &e);
		assert_code(rc, &e, contents[i].name ? ERR_NONE : ERR_ROOT_MOUNT,
			    contents[i].content);
		if (contents[i].name)
			assert_string_equal(name, contents[i].name);
		else if (!strstr(e.what, contents[i].says))
			fail_msg("'%s' says '%s'", contents[i].content, e.what);
	}
}

static void devices(void **state)
{
	char list[4096], tiny[4];
	struct disk disk = { 0 };
	struct disk_memory memory = { 0 };
	struct err e = { 0 };
	dev_t dev;

	(void)state;
	assert_code(device_open("null", &dev, &e), &e, ERR_SYSTEM, "no block device");
	assert_int_equal(e.errnum, ENOTBLK);
	assert_code(device_open("no!such", &dev, &e), &e, ERR_DISK_FAILED, "no device");
	assert_non_null(strstr(e.what, "'/dev/no/such'"));
	assert_code(disk_read("a-name-that-is-longer-than-any-disk-has", &disk, &e), &e, ERR_SYSTEM,
		    "too long");
	assert_int_equal(disk_find(&(struct disk_wish){ .name = "../vda" }, &memory, &disk, &e), 0);
	assert_code(disk_find_again(&(struct disk_wish){ .name = "../vda" }, &disk, &e), &e,
		    ERR_DISK_FAILED, "gone");
	disk_list(list, sizeof(list));
	assert_null(strstr(list, "zram"));
	assert_null(strstr(list, "dm-"));
	disk_list(tiny, sizeof(tiny));
	assert_true(strlen(tiny) < sizeof(tiny));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(reading),  UNIT_TEST(fits),	     UNIT_TEST(zero_names_nothing),
		UNIT_TEST(matching), UNIT_TEST(kernel_view), UNIT_TEST(filesystems),
		UNIT_TEST(devices),
	};

	return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
