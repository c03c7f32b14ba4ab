/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* tests/data/fat/fat12.img is made by the usual tools; the others are made here. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "init/core/bytes.h"
#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "modules/disk/fat.h"

#define FOLDER "/loader/EXTENSIONS"
#define LONG "a name with more than 13 letters.sysext.raw"

struct volume {
	uint8_t *p;
	size_t n;
	struct fat fat;
	char names[2048]; /* of what was listed, each followed by its size */
	bool copies;
	struct err why;   /* of the first copy that failed */
	size_t n_copied;
};

static int read_bytes(void *arg, uint64_t at, void *ret, size_t n, struct err *e)
{
	const struct volume *v = arg;

	if (at > v->n || n > v->n - at)
		return err_set(e, ERR_SYSTEM, EIO, "read behind the end");
	memcpy(ret, v->p + at, n);
	return 0;
}

static int check_pattern(void *arg, const void *p, size_t n, struct err *e)
{
	struct volume *v = arg;

	(void)e;
	for (size_t i = 0; i < n; i++, v->n_copied++)
		if (((const uint8_t *)p)[i] != v->n_copied % 251)
			fail_msg("byte %zu is another one", v->n_copied);
	return 0;
}

static int list_one(void *arg, const struct fat_file *file, struct err *e)
{
	struct volume *v = arg;
	size_t used = strlen(v->names);
	struct err why = { 0 };

	(void)e;
	snprintf(v->names + used, sizeof(v->names) - used, "%s%s %u\n", file->name,
		 file->is_folder ? "/" : "", file->n_bytes);
	v->n_copied = 0;
	if (!v->copies || file->is_folder)
		return 0;
	if (fat_copy(&v->fat, file, check_pattern, v, &why) < 0)
		v->why = v->why.code ? v->why : why;
	else
		assert_int_equal(v->n_copied, file->n_bytes);
	return 0;
}

static void volume_done(struct volume *v)
{
	free(v->p);
}

static struct volume load(void)
{
	struct volume v = { .copies = true };
	struct err e = { 0 };
	char *text;

	assert_code(file_read(AT_FDCWD, "tests/data/fat/fat12.img", 1 << 20, &text, &v.n, &e), &e,
		    ERR_NONE, "image");
	v.p = (uint8_t *)text;
	return v;
}

static int list(struct volume *v, const char *path, struct err *e)
{
	int rc = fat_open(read_bytes, v, v->n, &v->fat, e);

	v->names[0] = '\0';
	return rc < 0 ? rc : fat_list(&v->fat, path, list_one, v, e);
}

static void real_one(void **state)
{
	static const struct { const char *path, *names; } cases[] = {
		{ "/", "LOADER/ 0\n" },
		{ "loader//", "extensions/ 0\n" },
		{ FOLDER, "many/ 0\nUPPER.RAW 1\n" LONG " 600\na.raw 1700\nempty.raw 0\n" },
		{ "/loader/extension", "" },
		{ "/loader/extensions/a.raw", "" },
		{ "/nothing/here", "" },
	};
	SCOPED(volume_done) struct volume v = load();
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_code(list(&v, cases[i].path, &e), &e, ERR_NONE, cases[i].path);
		if (strcmp(v.names, cases[i].names) != 0)
			fail_msg("'%s': got\n%s", cases[i].path, v.names);
		assert_int_equal(v.why.code, ERR_NONE);
	}
	/* A folder of several clusters: all thirty are seen. */
	assert_code(list(&v, FOLDER "/many", &e), &e, ERR_NONE, "many");
	for (int i = 1; i <= 30; i++) {
		char line[32];

		snprintf(line, sizeof(line), "number %d 1\n", i);
		assert_non_null(strstr(v.names, line));
	}
}

/* ---- damage ---- */

static void bad_beginnings(void **state)
{
	static const struct { const char *name; size_t at, n; uint32_t value; } cases[] = {
		{ "no signature", 510, 2, 0 },       { "odd sectors", 11, 2, 513 },
		{ "small sectors", 11, 2, 256 },     { "large sectors", 11, 2, 8192 },
		{ "no clusters' size", 13, 1, 0 },   { "odd clusters' size", 13, 1, 3 },
		{ "no table", 16, 1, 0 },            { "a small table", 19, 2, 4000 },
		{ "a long table", 22, 2, 200 },      { "a huge root", 17, 2, 0xffff },
		{ "more sectors than there are", 19, 2, 145 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		SCOPED(volume_done) struct volume v = load();
		struct err e = { 0 };

		memcpy(v.p + cases[i].at, &cases[i].value, cases[i].n);
		assert_code(fat_open(read_bytes, &v, v.n, &v.fat, &e), &e, ERR_EXTENSION_MALFORMED,
			    cases[i].name);
	}
}

/* The entry in a folder with this short name. */
static uint8_t *entry_of(struct volume *v, const char *name)
{
	for (size_t at = 0; at + 32 <= v->n; at += 32)
		if (memcmp(v->p + at, name, 11) == 0)
			return v->p + at;
	fail_msg("no '%s'", name);
	return NULL;
}

static void set12(struct volume *v, unsigned cluster, unsigned value)
{
	uint8_t *at = v->p + v->fat.table_at + cluster * 3 / 2;
	unsigned old = le16(at), shift = cluster % 2 ? 4 : 0, now;

	now = (old & ~(0xfffu << shift)) | value << shift;
	at[0] = (uint8_t)now;
	at[1] = (uint8_t)(now >> 8);
}

static void bad_chains(void **state)
{
	static const struct { const char *name; unsigned next; uint32_t n_bytes; const char *what; } cases[] = {
		{ "short", 0xfff, 1700, "a file is longer than its clusters" },
		{ "free", 0, 1700, "a chain of clusters breaks off" },
		{ "one", 1, 1700, "a chain of clusters breaks off" },
		{ "bad cluster", 0xff7, 1700, "a cluster is outside of it" },
	};
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		SCOPED(volume_done) struct volume v = load();
		uint8_t *entry = entry_of(&v, "A       RAW");
		char what[128];

		assert_code(fat_open(read_bytes, &v, v.n, &v.fat, &e), &e, ERR_NONE, "open");
		set12(&v, le16(entry + 26), cases[i].next);
		assert_code(list(&v, FOLDER, &e), &e, ERR_NONE, cases[i].name);
		assert_int_equal(v.why.code, ERR_EXTENSION_MALFORMED);
		snprintf(what, sizeof(what), "the FAT file system is damaged: %s", cases[i].what);
		assert_string_equal(v.why.what, what);
	}
}

static int ignore(void *arg, const void *p, size_t n, struct err *e)
{
	size_t *n_copied = arg;

	(void)p, (void)e;
	*n_copied += n;
	return 0;
}

/* A file or folder whose chain bites its tail: the walk ends. */
static void circles(void **state)
{
	SCOPED(volume_done) struct volume v = load();
	uint8_t *many = entry_of(&v, "MANY       ");
	struct fat_file file = { .name = "x", .n_bytes = UINT32_MAX };
	size_t n_copied = 0;
	struct err e = { 0 };
	int rc;

	(void)state;
	assert_code(fat_open(read_bytes, &v, v.n, &v.fat, &e), &e, ERR_NONE, "open");
	file.cluster = le16(many + 26);
	set12(&v, file.cluster, file.cluster);
	rc = fat_copy(&v.fat, &file, ignore, &n_copied, &e);
	assert_code(rc, &e, ERR_EXTENSION_MALFORMED, "file");
	assert_string_equal(e.what, "the FAT file system is damaged: a chain of clusters has no end");
	assert_int_equal(n_copied, v.fat.n_clusters * v.fat.cluster_bytes);
	assert_code(list(&v, FOLDER "/many", &e), &e, ERR_EXTENSION_MALFORMED, "folder");
}

/* ---- names ---- */

static void bad_long_names(void **state)
{
	/* In the first part of the long name, which is the entry before the short one. */
	static const struct { const char *name; size_t at; uint8_t value; const char *shown; } cases[] = {
		{ "as it is", 11, 0x0f, LONG },
		{ "other checksum", 13, 0, "ANAMEW~1.RAW" },
		{ "number 0 of 0", 0, 0x40, "ANAMEW~1.RAW" },
		{ "1 of 1", 0, 0x41, "a name with m" },
		{ "2 of 2", 0, 0x42, "ANAMEW~1.RAW" },
		{ "21 of 21", 0, 0x40 | 21, "ANAMEW~1.RAW" },
		{ "not the next", 0, 0x02, "ANAMEW~1.RAW" },
		{ "deleted", 0, 0xe5, "ANAMEW~1.RAW" },
		{ "a letter beyond ASCII", 1, 0xe4, NULL },
		{ "a control character", 1, 0x1b, NULL },
		{ "a slash", 1, '/', NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		SCOPED(volume_done) struct volume v = load();
		struct err e = { 0 };
		char line[64];

		(entry_of(&v, "ANAMEW~1RAW") - 32)[cases[i].at] = cases[i].value;
		assert_code(list(&v, FOLDER, &e), &e, ERR_NONE, cases[i].name);
		snprintf(line, sizeof(line), "\n%s 600\n", cases[i].shown ? cases[i].shown : "");
		if (!strstr(v.names, cases[i].shown ? line : "UPPER") ||
		    (!cases[i].shown && strstr(v.names, " 600")))
			fail_msg("'%s': got\n%s", cases[i].name, v.names);
	}
}

/* ---- wider tables ---- */

static void put(uint8_t *p, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(value >> 8 * i);
}

/* Sectors of 512 bytes, one a cluster; the file A.RAW of 1300 bytes in clusters 3, 5 and 4. */
static struct volume make(unsigned bits)
{
	static const unsigned clusters[] = { 3, 5, 4 };
	unsigned n_clusters = bits == 16 ? 4085 : 100, n_table = bits == 16 ? 16 : 1;
	unsigned first = 1 + n_table + (bits == 16), n_sectors = first + n_clusters;
	struct volume v = { .n = n_sectors * 512ul, .copies = true };
	uint8_t *p = v.p = calloc(1, v.n), *entry;

	assert_non_null(p);
	put(p + 11, 512, 2), put(p + 13, 1, 1), put(p + 14, 1, 2), put(p + 16, 1, 1);
	put(p + 17, bits == 16 ? 16 : 0, 2), put(p + 32, n_sectors, 4), put(p + 510, 0xaa55, 2);
	put(p + 22, bits == 16 ? n_table : 0, 2), put(p + 36, n_table, 4), put(p + 44, 2, 4);
	entry = p + (1 + n_table) * 512; /* FAT32: cluster 2, which is there, too */
	memcpy(entry, "A       RAW", 11);
	entry[12] = 0x10;
	put(entry + 20, bits == 16 ? 0xffff : 0, 2), put(entry + 26, 3, 2), put(entry + 28, 1300, 4);
	put(p + 512 + 2 * bits / 8, 0xfffffff, bits / 8);
	for (unsigned i = 0; i < 3; i++) {
		uint32_t next = i < 2 ? clusters[i + 1] : 0xfffffff;

		put(p + 512 + clusters[i] * bits / 8, next | 0xf0000000, bits / 8);
		for (unsigned n = 0; n < 512; n++)
			p[(first + clusters[i] - 2) * 512 + n] = (uint8_t)((i * 512 + n) % 251);
	}
	return v;
}

static void wide_ones(void **state)
{
	static const unsigned bits[] = { 16, 32 };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		SCOPED(volume_done) struct volume v = make(bits[i]);
		struct err e = { 0 };

		assert_code(list(&v, "/", &e), &e, ERR_NONE, "list");
		assert_int_equal(v.fat.bits, bits[i]);
		assert_string_equal(v.names, "A.raw 1300\n");
		assert_int_equal(v.why.code, ERR_NONE);
		assert_int_equal(v.n_copied, 1300);
	}
}

/* A folder in a circle that is shorter than all clusters ends after so many entries, and says so. */
static void endless_folder(void **state)
{
	SCOPED(volume_done) struct volume v = make(16);
	uint8_t *entry = entry_of(&v, "A       RAW");
	struct err e = { 0 };

	(void)state;
	assert_code(fat_open(read_bytes, &v, v.n, &v.fat, &e), &e, ERR_NONE, "open");
	assert_true(v.fat.n_clusters * 512 / 32 > FAT_MAX_ENTRIES);
	entry[11] = 0x10;
	put(v.p + v.fat.table_at + 3 * 2, 3, 2);
	memset(v.p + v.fat.data_at + 512, 0xe5, 512);
	assert_code(list(&v, "/a.raw", &e), &e, ERR_EXTENSION_MALFORMED, "endless");
	assert_string_equal(e.what, "the FAT file system is damaged: a folder has no end");
	put(v.p + v.fat.table_at + 3 * 2, 0xffff, 2);
	assert_code(list(&v, "/a.raw", &e), &e, ERR_NONE, "with an end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(real_one), UNIT_TEST(bad_beginnings), UNIT_TEST(bad_chains), UNIT_TEST(circles),
		UNIT_TEST(bad_long_names), UNIT_TEST(wide_ones), UNIT_TEST(endless_folder),
	};

	return cmocka_run_group_tests_name("fat", tests, NULL, NULL);
}
