/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include "init/core/cleanup.h"
#include "modules/disk/gpt.h"
#include "tests/unit/gpt_image.h"

#define ESP "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define ROOT "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"

static const struct image_partition usual[] = {
	{ ESP, "11111111-0000-4000-8000-000000000001", "esp", 64, 127, 0 },
	{ ROOT, "11111111-0000-4000-8000-000000000002", "root_1", 128, 255, GPT_ATTR_READ_ONLY },
	{ ROOT, "11111111-0000-4000-8000-000000000003", "root_2", 256, 383,
	  GPT_ATTR_NO_AUTO | GPT_ATTR_GROWFS | 1 },
};

/* A number that is written over the good table. */
struct patch {
	enum { NOWHERE, HEADER, ENTRIES } where;
	size_t offset, n_bytes;
	uint64_t value;
};

enum { ENTRY_2 = 1 * IMAGE_ENTRY_BYTES, ENTRY_3 = 2 * IMAGE_ENTRY_BYTES };

struct parse_case {
	const char *name;
	struct patch patches[2];
	bool stale; /* the checksums stay those of the good table */
	enum err_code code;
	const char *says; /* part of the error */
	size_t n_partitions;
	unsigned ignored; /* this entry's number */
	unsigned overlapping; /* bits by number - 1 */
};

static const struct parse_case parse_cases[] = {
	{ "as made", .n_partitions = 3 },
	{ "no signature", { { HEADER, 0, 8, 0 } }, .code = ERR_GPT_INVALID,
	  .says = "no partition table" },
	{ "header checksum", { { HEADER, 56, 1, 0 } }, .stale = true, .code = ERR_GPT_INVALID,
	  .says = "checksum" },
	{ "entries checksum", { { ENTRIES, 56, 1, 'x' } }, .stale = true, .code = ERR_GPT_INVALID,
	  .says = "checksum" },
	{ "last unused entry's checksum", { { ENTRIES, IMAGE_ARRAY_BYTES - 1, 1, 1 } },
	  .stale = true,
	  .code = ERR_GPT_INVALID, .says = "checksum" },
	{ "header of 91 bytes", { { HEADER, 12, 4, 91 } }, .code = ERR_GPT_INVALID,
	  .says = "geometry" },
	{ "header of 4097 bytes", { { HEADER, 12, 4, 4097 } }, .code = ERR_GPT_INVALID,
	  .says = "geometry" },
	{ "header of 2^32-1 bytes", { { HEADER, 12, 4, UINT32_MAX } }, .code = ERR_GPT_INVALID,
	  .says = "geometry" },
	{ "no entries", { { HEADER, 80, 4, 0 } }, .code = ERR_GPT_INVALID, .says = "0 entries" },
	{ "1025 entries", { { HEADER, 80, 4, 1025 } }, .code = ERR_GPT_INVALID,
	  .says = "1025 entries" },
	{ "2^32-1 entries", { { HEADER, 80, 4, UINT32_MAX } }, .code = ERR_GPT_INVALID,
	  .says = "4294967295 entries" },
	{ "2^25 entries, whose size in 32 bits is 0", { { HEADER, 80, 4, 1u << 25 } },
	  .code = ERR_GPT_INVALID, .says = "33554432 entries" },
	{ "an array that reaches the partitions", { { HEADER, 80, 4, 1024 } },
	  .code = ERR_GPT_INVALID,
	  .says = "entry array" },
	{ "entries of 256 bytes", { { HEADER, 84, 4, 256 } }, .code = ERR_GPT_INVALID,
	  .says = "256 bytes" },
	{ "entries of 0 bytes", { { HEADER, 84, 4, 0 } }, .code = ERR_GPT_INVALID,
	  .says = "0 bytes" },
	{ "fewer entries than were read", { { HEADER, 80, 4, 127 } }, .code = ERR_GPT_INVALID,
	  .says = "bytes of entries" },
	{ "array at LBA 0", { { HEADER, 72, 8, 0 } }, .code = ERR_GPT_INVALID,
	  .says = "entry array" },
	{ "array over the header", { { HEADER, 72, 8, 1 } }, .code = ERR_GPT_INVALID,
	  .says = "entry array" },
	{ "array in the partitions", { { HEADER, 72, 8, 300 } }, .code = ERR_GPT_INVALID,
	  .says = "where partitions may be" },
	{ "array beyond the disk", { { HEADER, 72, 8, IMAGE_SECTORS } }, .code = ERR_GPT_INVALID,
	  .says = "entry array" },
	{ "array at 2^64-1", { { HEADER, 72, 8, UINT64_MAX } }, .code = ERR_GPT_INVALID,
	  .says = "entry array" },
	{ "header of another place", { { HEADER, 24, 8, 7 } }, .code = ERR_GPT_INVALID,
	  .says = "LBA 7" },
	{ "usable range backwards", { { HEADER, 40, 8, 500 }, { HEADER, 48, 8, 499 } },
	  .code = ERR_GPT_INVALID, .says = "usable range" },
	{ "usable range over the header", { { HEADER, 40, 8, 1 } }, .code = ERR_GPT_INVALID,
	  .says = "usable range" },
	{ "usable range over the backup", { { HEADER, 48, 8, IMAGE_SECTORS - 1 } },
	  .code = ERR_GPT_INVALID, .says = "usable range" },
	{ "usable range beyond the disk", { { HEADER, 48, 8, UINT64_MAX } },
	  .code = ERR_GPT_INVALID,
	  .says = "usable range" },
	{ "partition before the usable range", { { ENTRIES, ENTRY_2 + 32, 8, 1 } },
	  .n_partitions = 2,
	  .ignored = 2 },
	{ "partition ends beyond the disk", { { ENTRIES, ENTRY_2 + 40, 8, 1u << 20 } },
	  .n_partitions = 2, .ignored = 2 },
	{ "partition ends at the last LBA", { { ENTRIES, ENTRY_2 + 40, 8, IMAGE_SECTORS - 1 } },
	  .n_partitions = 2, .ignored = 2 },
	{ "partition ends at 2^64-1", { { ENTRIES, ENTRY_2 + 40, 8, UINT64_MAX } },
	  .n_partitions = 2,
	  .ignored = 2 },
	{ "empty partition", { { ENTRIES, ENTRY_2 + 40, 8, 127 } }, .n_partitions = 2,
	  .ignored = 2 },
	{ "partition ends before it begins", { { ENTRIES, ENTRY_2 + 40, 8, 100 } },
	  .n_partitions = 2,
	  .ignored = 2 },
	{ "partition of one sector", { { ENTRIES, ENTRY_2 + 40, 8, 128 } }, .n_partitions = 3 },
	{ "partition without a type", { { ENTRIES, ENTRY_2, 8, 0 }, { ENTRIES, ENTRY_2 + 8, 8,
	  0 } },
	  .n_partitions = 2 },
	{ "overlap by one sector", { { ENTRIES, ENTRY_2 + 40, 8, 256 } }, .n_partitions = 3,
	  .overlapping = 1 << 1 | 1 << 2 },
	{ "overlap by the last sector",
	  { { ENTRIES, ENTRY_2 + 32, 8, 383 }, { ENTRIES, ENTRY_2 + 40, 8, 400 } },
	  .n_partitions = 3,
	  .overlapping = 1 << 1 | 1 << 2 },
	{ "one inside all", { { ENTRIES, 40, 8, 1000 } }, .n_partitions = 3,
	  .overlapping = 1 << 0 | 1 << 1 | 1 << 2 },
	{ "one UUID twice", { { ENTRIES, ENTRY_3 + 31, 1, 2 } }, .code = ERR_GPT_INVALID,
	  .says = "2 and 3 have the same UUID '11111111-0000-4000-8000-000000000002'" },
};

static void apply(struct image *image, const struct parse_case *c)
{
	for (size_t i = 0; i < 2; i++) {
		const struct patch *p = &c->patches[i];

		if (p->where != NOWHERE)
			put_le((p->where == HEADER ? image->header : image->entries) + p->offset,
			       p->value, p->n_bytes);
	}
	if (!c->stale)
		image_seal(image->header, image->sector_bytes, image->entries,
			   sizeof(image->entries));
}

static void check_parsed(const struct gpt *gpt, const struct parse_case *c)
{
	if (gpt->n_partitions != c->n_partitions)
		fail_msg("case '%s': %zu partitions", c->name, gpt->n_partitions);
	for (unsigned i = 1; i <= GPT_MAX_ENTRIES; i++)
		if (gpt_ignores(gpt, i) != (i == c->ignored))
			fail_msg("case '%s': entry %u is %signored", c->name, i,
				 gpt_ignores(gpt, i) ? "" : "not ");
	for (size_t i = 0; i < gpt->n_partitions; i++) {
		const struct partition *p = &gpt->partitions[i];

		if (p->overlaps != (bool)(c->overlapping & 1u << (p->number - 1)))
			fail_msg("case '%s': overlaps of partition %u", c->name, p->number);
		if (strcmp(p->label, usual[p->number - 1].label) != 0)
			fail_msg("case '%s': partition %u is '%s'", c->name, p->number, p->label);
	}
}

static void run_case(const struct parse_case *c, enum gpt_which which, unsigned sector_bytes)
{
	SCOPED(gpt_done) struct gpt gpt = { 0 };
	struct gpt_copy copy;
	struct image image;
	struct err e = { 0 };
	int rc;

	image_make(&image, which, sector_bytes, usual, 3);
	apply(&image, c);
	copy = image_copy(&image);
	rc = gpt_parse(&copy, which, sector_bytes, IMAGE_SECTORS, &gpt, &e);
	assert_code(rc, &e, c->code, c->name);
	if (c->says && !strstr(e.what, c->says))
		fail_msg("case '%s' says '%s'", c->name, e.what);
	if (rc == 0)
		check_parsed(&gpt, c);
}

static void parsing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parse_cases) / sizeof(*parse_cases); i++)
		for (enum gpt_which which = GPT_PRIMARY; which <= GPT_BACKUP; which++) {
			run_case(&parse_cases[i], which, 512);
			run_case(&parse_cases[i], which, 4096);
		}
}

static void all_facts(void **state)
{
	SCOPED(gpt_done) struct gpt gpt = { 0 };
	char text[UUID_TEXT_BYTES];
	struct uuid esp, third;
	struct gpt_copy copy;
	struct image image;
	struct err e = { 0 };

	(void)state;
	image_make(&image, GPT_BACKUP, 4096, usual, 3);
	copy = image_copy(&image);
	assert_code(gpt_parse(&copy, GPT_BACKUP, 4096, IMAGE_SECTORS, &gpt, &e), &e, ERR_NONE,
		    "parse");
	assert_int_equal(gpt.which, GPT_BACKUP);
	assert_int_equal(gpt.sector_bytes, 4096);
	assert_int_equal(gpt.n_sectors, IMAGE_SECTORS);
	for (size_t i = 0; i < 3; i++) {
		const struct partition *p = &gpt.partitions[i];

		assert_int_equal(p->number, i + 1);
		assert_string_equal(uuid_format(&p->type, text), usual[i].type);
		assert_string_equal(uuid_format(&p->uuid, text), usual[i].uuid);
		assert_int_equal(p->first_lba, usual[i].first);
		assert_int_equal(p->n_lbas, usual[i].last - usual[i].first + 1);
		assert_true(p->attributes == usual[i].attributes);
		assert_string_equal(p->devname, "");
	}
	assert_true(uuid_from_text(ESP, &esp) && uuid_from_text(usual[2].uuid, &third));
	assert_ptr_equal(gpt_find(&gpt, NULL, &third), &gpt.partitions[2]);
	assert_null(gpt_find(&gpt, &esp, &third));
	assert_null(gpt_find(&gpt, NULL, &esp));
}

/* UTF-16 in the entry, UTF-8 out of it. */
static const struct { const char *name; uint16_t units[36]; const char *label; } labels[] = {
	{ "ASCII", { 'r', 'o', 'o', 't' }, "root" },
	{ "empty", { 0 }, "" },
	{ "two and three bytes", { 0xe4, 0x20ac }, "\xc3\xa4\xe2\x82\xac" },
	{ "line feed, escape, delete", { 'a', '\n', 0x1b, 0x7f, 'b' }, "a???b" },
	{ "C1 control", { 0x9b, '3', '1', 'm' }, "?31m" },
	{ "no C1 control", { 0xa0, 'x' }, "\xc2\xa0x" },
	{ "lone surrogates", { 'a', 0xd800, 'b', 0xdfff, 'c' }, "a?b?c" },
	{ "ends in half a pair", { 'a', 0xdbff }, "a?" },
};

static void parse_label(struct image *image, struct gpt *gpt)
{
	struct gpt_copy copy = image_copy(image);
	struct err e = { 0 };

	image_seal(image->header, 512, image->entries, sizeof(image->entries));
	assert_code(gpt_parse(&copy, GPT_PRIMARY, 512, IMAGE_SECTORS, gpt, &e), &e, ERR_NONE,
		    "label");
	assert_int_equal(gpt->n_partitions, 1);
}

static void labels_are_harmless(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++) {
		SCOPED(gpt_done) struct gpt gpt = { 0 };
		struct image image;

		image_make(&image, GPT_PRIMARY, 512, usual, 1);
		for (size_t c = 0; c < 36; c++)
			put_le(image.entries + 56 + 2 * c, labels[i].units[c], 2);
		parse_label(&image, &gpt);
		if (strcmp(gpt.partitions[0].label, labels[i].label) != 0)
			fail_msg("label '%s': got '%s'", labels[i].name, gpt.partitions[0].label);
	}
}

static void longest_label_fits(void **state)
{
	SCOPED(gpt_done) struct gpt gpt = { 0 };
	struct image image;

	(void)state;
	image_make(&image, GPT_PRIMARY, 512, usual, 1);
	for (size_t c = 0; c < 36; c++)
		put_le(image.entries + 56 + 2 * c, 0x20ac, 2);
	parse_label(&image, &gpt);
	assert_int_equal(strlen(gpt.partitions[0].label), GPT_LABEL_BYTES - 1);
}

/* Sizes that a disk, or a liar, may have. */
static const struct { unsigned sector_bytes; uint64_t n_sectors; enum err_code code; } sizes[] = {
	{ 512, INT64_MAX / 512, ERR_NONE },
	{ 512, (uint64_t)INT64_MAX / 512 + 1, ERR_GPT_INVALID },
	{ 4096, INT64_MAX / 4096, ERR_NONE },
	{ 4096, UINT64_MAX, ERR_GPT_INVALID },
	{ 512, 1, ERR_GPT_INVALID },
	{ 512, 0, ERR_GPT_INVALID },
	{ 512, 400, ERR_GPT_INVALID /* smaller than the table says */ },
	{ 0, 2048, ERR_GPT_INVALID },
	{ 256, 2048, ERR_GPT_INVALID },
	{ 520, 2048, ERR_GPT_INVALID },
};

static void disk_sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		SCOPED(gpt_done) struct gpt gpt = { 0 };
		char name[64];
		struct image image;
		struct gpt_copy copy;
		struct err e = { 0 };
		int rc;

		snprintf(name, sizeof(name), "%llu sectors of %u",
			 (unsigned long long)sizes[i].n_sectors, sizes[i].sector_bytes);
		image_make(&image, GPT_PRIMARY, sizes[i].sector_bytes == 4096 ? 4096 : 512, usual,
			   3);
		copy = image_copy(&image);
		rc = gpt_parse(&copy, GPT_PRIMARY, sizes[i].sector_bytes, sizes[i].n_sectors, &gpt,
			       &e);
		assert_code(rc, &e, sizes[i].code, name);
	}
}

/* The first bytes of copies that other tools wrote: one header sector, then as
 * many entries as there are; the remaining ones are unused. */
static const struct {
	const char *path;
	enum gpt_which which;
	unsigned sector_bytes;
	uint64_t n_sectors;
	size_t n_partitions;
	const char *label; /* of partition 2 */
} real[] = {
	{ "tests/data/gpt/sgdisk-512-primary", GPT_PRIMARY, 512, 16384, 3, "root_1.2~rc1" },
	{ "tests/data/gpt/sgdisk-512-backup", GPT_BACKUP, 512, 16384, 3, "root_1.2~rc1" },
	{ "tests/data/gpt/sgdisk-4096-primary", GPT_PRIMARY, 4096, 8192, 2, "demo_7" },
	{ "tests/data/gpt/repart-512-primary", GPT_PRIMARY, 512, 65536, 2, "demo_7" },
};

static void tables_of_real_tools(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(real) / sizeof(*real); i++) {
		SCOPED(gpt_done) struct gpt gpt = { 0 };
		SCOPED(file_close) FILE *f = fopen(real[i].path, "re");
		struct image image = { .sector_bytes = real[i].sector_bytes };
		struct gpt_copy copy = image_copy(&image);
		struct err e = { 0 };
		uint64_t lba;
		size_t n;

		assert_non_null(f);
		assert_int_equal(fread(image.header, 1, image.sector_bytes, f), image.sector_bytes);
		assert_true(fread(image.entries, IMAGE_ENTRY_BYTES, IMAGE_ENTRIES, f) >= 2);
		assert_code(gpt_entries_extent(copy.header, real[i].sector_bytes, real[i].n_sectors,
					       &lba, &n, &e),
			    &e, ERR_NONE, real[i].path);
		assert_int_equal(n, IMAGE_ARRAY_BYTES);
		assert_code(gpt_parse(&copy, real[i].which, real[i].sector_bytes, real[i].n_sectors,
				      &gpt, &e),
			    &e, ERR_NONE, real[i].path);
		assert_int_equal(gpt.n_partitions, real[i].n_partitions);
		assert_string_equal(gpt.partitions[1].label, real[i].label);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(parsing),
		UNIT_TEST(all_facts),
		UNIT_TEST(labels_are_harmless),
		UNIT_TEST(longest_label_fits),
		UNIT_TEST(disk_sizes),
		UNIT_TEST(tables_of_real_tools),
	};

	return cmocka_run_group_tests_name("gpt", tests, NULL, NULL);
}
