/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include "modules/root/fstab.h"

static const struct {
	const char *text;
	enum fstab_result result;
	unsigned line;
	const char *where; /* of an entry */
	bool for_initrd;
} cases[] = {
	{ "", FSTAB_END, 0, NULL, false },
	{ "# a b c d\n \t\n\n\t# e f g h x-initrd.mount", FSTAB_END, 4, NULL, false },
	{ "a /b c d\n", FSTAB_ENTRY, 1, "/b", false },
	{ "a /b c d", FSTAB_ENTRY, 1, "/b", false },
	{ "\n#\n  a\t/b  c\td,x-initrd.mount 0 2 # more", FSTAB_ENTRY, 3, "/b", true },
	{ "a /b c x-initrd.mount\n", FSTAB_ENTRY, 1, "/b", true },
	{ "a /b c x-initrd.mounts,x-initrd.moun,xx-initrd.mount\n", FSTAB_ENTRY, 1, "/b", false },
	{ "a /b c x-initrd.mount,noauto\n", FSTAB_ENTRY, 1, "/b", false },
	{ "a / c x-initrd.mount\n", FSTAB_ENTRY, 1, "/", false },
	{ "a /// c x-initrd.mount\n", FSTAB_ENTRY, 1, "///", false },
	{ "a none swap x-initrd.mount\n", FSTAB_ENTRY, 1, "none", false },
	{ "a /usr c ro\n", FSTAB_ENTRY, 1, "/usr", true },
	{ "a //usr// c ro\n", FSTAB_ENTRY, 1, "//usr//", true },
	{ "a /usr/local c ro\n", FSTAB_ENTRY, 1, "/usr/local", false },
	{ "a /usrx c ro\n", FSTAB_ENTRY, 1, "/usrx", false },
	{ "a /us c ro\n", FSTAB_ENTRY, 1, "/us", false },
	{ "a /b\\040c\\134 c ro\n", FSTAB_ENTRY, 1, "/b c\\", false },
	{ "a /\\165sr c ro\n", FSTAB_ENTRY, 1, "/usr", true },
	{ "a /b\\04 c ro\n", FSTAB_ENTRY, 1, "/b\\04", false },
	{ "a /b\\", FSTAB_BAD, 1, NULL, false },
	{ "a /b\\000 c ro\n", FSTAB_BAD, 1, NULL, false },
	{ "a /b\\012 c ro\n", FSTAB_BAD, 1, NULL, false },
	{ "a /b\\777 c ro\n", FSTAB_BAD, 1, NULL, false },
	{ "a\n", FSTAB_BAD, 1, NULL, false },
	{ "a /b c\nd", FSTAB_BAD, 1, NULL, false },
};

static void lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fstab f = { .text = cases[i].text };
		struct fstab_entry entry = { 0 };
		enum fstab_result got = fstab_next(&f, &entry);

		if (got != cases[i].result || f.line != cases[i].line)
			fail_msg("'%s': %d, line %u", cases[i].text, (int)got, f.line);
		if (got != FSTAB_ENTRY)
			continue;
		assert_string_equal(entry.where, cases[i].where);
		if (fstab_is_for_initrd(&entry) != cases[i].for_initrd)
			fail_msg("'%s' is judged wrongly", cases[i].text);
	}
}

/* What is wrong with one line says nothing of the next. */
static void goes_on(void **state)
{
	struct fstab f = { .text = "bad\na /b c d\n\nbad again\ne /usr f g" };
	struct fstab_entry entry;

	(void)state;
	assert_int_equal(fstab_next(&f, &entry), FSTAB_BAD);
	assert_int_equal(fstab_next(&f, &entry), FSTAB_ENTRY);
	assert_string_equal(entry.what, "a");
	assert_int_equal(fstab_next(&f, &entry), FSTAB_BAD);
	assert_int_equal(f.line, 4);
	assert_int_equal(fstab_next(&f, &entry), FSTAB_ENTRY);
	assert_string_equal(entry.options, "g");
	assert_int_equal(fstab_next(&f, &entry), FSTAB_END);
	assert_int_equal(fstab_next(&f, &entry), FSTAB_END);
}

static void lengths(void **state)
{
	static const size_t max = FSTAB_PATH_BYTES - 1;
	char text[FSTAB_PATH_BYTES + 32], where[FSTAB_PATH_BYTES + 1];
	struct fstab_entry entry;

	(void)state;
	for (size_t n = max; n <= max + 1; n++) {
		struct fstab f = { .text = text };

		memset(where, 'b', n);
		where[0] = '/';
		where[n] = '\0';
		snprintf(text, sizeof(text), "a %s c d\n", where);
		assert_int_equal(fstab_next(&f, &entry), n == max ? FSTAB_ENTRY : FSTAB_BAD);
	}
}

static void places(void **state)
{
	static const struct { const char *where, *clean; enum fstab_place place; } rows[] = {
		{ "/var", "/var", FSTAB_PLACE_DATA },
		{ "//var///lib/", "/var/lib", FSTAB_PLACE_DATA },
		{ "/devices", "/devices", FSTAB_PLACE_DATA },
		{ "/opt/..a", "/opt/..a", FSTAB_PLACE_DATA },
		{ "/usr/", "/usr", FSTAB_PLACE_USR },
		{ "/usr/local", "/usr/local", FSTAB_PLACE_SYSTEM },
		{ "/etc", "/etc", FSTAB_PLACE_SYSTEM },
		{ "/lib64", "/lib64", FSTAB_PLACE_SYSTEM },
		{ "/bin", "/bin", FSTAB_PLACE_SYSTEM },
		{ "/dev/shm", "/dev/shm", FSTAB_PLACE_NEVER },
		{ "/run", "/run", FSTAB_PLACE_NEVER },
		{ "/var/../usr", NULL, FSTAB_PLACE_NEVER },
		{ "/./var", NULL, FSTAB_PLACE_NEVER },
		{ "/", NULL, FSTAB_PLACE_NEVER },
		{ "var", NULL, FSTAB_PLACE_NEVER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char path[FSTAB_PATH_BYTES];

		if (fstab_place(rows[i].where, path) != rows[i].place)
			fail_msg("'%s' is another place", rows[i].where);
		if (rows[i].clean)
			assert_string_equal(path, rows[i].clean);
	}
}

static void options(void **state)
{
	static const struct { const char *text, *left; bool writable; } rows[] = {
		{ "defaults", "defaults", true },
		{ "ro", "", false },
		{ "noatime,ro,dev,subvol=/var", "noatime,subvol=/var", false },
		{ "ro,rw", "", true },
		{ "rw,nodev,,roo", "nodev,,roo", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fstab_entry entry = { 0 };
		char left[FSTAB_OPTIONS_BYTES];

		strcpy(entry.options, rows[i].text);
		assert_int_equal(fstab_options(&entry, left), rows[i].writable);
		assert_string_equal(left, rows[i].left);
	}
}

static void sources(void **state)
{
	static const struct { const char *what, *type; enum fstab_by by; const char *value; } rows[] = {
		{ "UUID=ab-cd", "ext4", FSTAB_BY_UUID, "ab-cd" },
		{ "/dev/disk/by-uuid/ab", "ext4", FSTAB_BY_UUID, "ab" },
		{ "LABEL=my data", "auto", FSTAB_BY_LABEL, "my data" },
		{ "UUID=", "ext4", FSTAB_BY_NOTHING, NULL },
		{ "PARTLABEL=data", "ext4", FSTAB_BY_PARTITION, NULL },
		{ "PARTUUID=57a7e000-51b1-4a7e-9d3a-6f1b6e3c1d0e", "ext4", FSTAB_BY_PARTITION, NULL },
		{ "PARTUUID=short", "ext4", FSTAB_BY_NOTHING, NULL },
		{ "/dev/vda3", "ext4", FSTAB_BY_PARTITION, NULL },
		{ "/dev/mapper/root", "btrfs", FSTAB_BY_ROOT, NULL },
		{ "/dev/mapper/other", "ext4", FSTAB_BY_NOTHING, NULL },
		{ "server:/x", "nfs", FSTAB_BY_NOTHING, NULL },
		{ "/srv/a", "none", FSTAB_BY_NOTHING, NULL },
		{ "tmpfs", "tmpfs", FSTAB_TMPFS, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct fstab_entry entry = { 0 };
		struct fstab_source s;

		strcpy(entry.what, rows[i].what);
		strcpy(entry.type, rows[i].type);
		s = fstab_source(&entry);
		if (s.by != rows[i].by || !s.value != !rows[i].value)
			fail_msg("'%s' is named otherwise", rows[i].what);
		if (s.value)
			assert_string_equal(s.value, rows[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { UNIT_TEST(lines), UNIT_TEST(goes_on), UNIT_TEST(lengths),
		UNIT_TEST(places), UNIT_TEST(options), UNIT_TEST(sources) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
