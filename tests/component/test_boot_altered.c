/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Boots from disks that somebody altered at random: each ends in a host of the vendor's, or with a
 * reason and a reboot, and no sanitizer has anything to say.
 *
 * ALTERED_BOOTS (20) is how many, ALTERED_SEED (1) which. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include "tests/component/whole_boot.h"
#include "tests/unit/gpt_image.h"

enum { SECTOR = 512, DISK_BYTES = 16 * 1024 * 1024, MAX_ALTERED = 4 };

static uint64_t random_state;

/* xorshift64: the same boots for the same seed, everywhere. */
static uint64_t pick(uint64_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % n;
}

/* Where something is read that decides: tables, content, hash trees and signatures. */
static const struct { uint32_t at, n; } places[] = {
	{ 0, 34 * SECTOR }, { DISK_BYTES - 33 * SECTOR, 33 * SECTOR }, { SECTOR, 92 }, { 2 * SECTOR, 8 * 128 },
	{ DATA_1, 64 * 1024 }, { DATA_2, 64 * 1024 }, { HASH_2, 8 * 1024 }, { HASH_2, 512 },
	{ SIGNATURE_2, 4 * 1024 }, { SIGNATURE_2, 200 },
};

static void write_at(int fd, const void *p, size_t n, uint64_t at)
{
	assert_int_equal(pwrite(fd, p, n, (off_t)at), n);
}

/* With right checksums, so that it is not those that decide. */
static void seal(int fd, uint64_t header_at, uint64_t entries_at)
{
	static uint8_t entries[IMAGE_ARRAY_BYTES];
	uint8_t header[SECTOR];

	assert_int_equal(pread(fd, header, sizeof(header), (off_t)header_at), sizeof(header));
	assert_int_equal(pread(fd, entries, sizeof(entries), (off_t)entries_at), sizeof(entries));
	image_seal(header, sizeof(header), entries, sizeof(entries));
	write_at(fd, header, sizeof(header), header_at);
}

static void alter(int fd)
{
	unsigned n = 1 + (unsigned)pick(MAX_ALTERED);

	for (unsigned i = 0; i < n; i++) {
		size_t place = pick(sizeof(places) / sizeof(*places));
		uint8_t byte = (uint8_t)pick(256);

		write_at(fd, &byte, 1, places[place].at + pick(places[place].n));
	}
	if (pick(2))
		return;
	seal(fd, SECTOR, 2 * SECTOR);
	seal(fd, DISK_BYTES - SECTOR, DISK_BYTES - SECTOR - IMAGE_ARRAY_BYTES);
}

static uint64_t number_of(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static bool is_vendors(const char *out)
{
	return strstr(out, STARTED) && strstr(out, "\"proven_by\":\"certificate\"") &&
	       (strstr(out, "\"label\":\"system_1\"") || strstr(out, "\"label\":\"system_2\""));
}

static bool is_refused(const char *out)
{
	return strstr(out, "slipway: FAILED stage ") && strstr(out, REBOOTED) && !strstr(out, "host: ");
}

static void altered_disks(void **state)
{
	const struct boot_case c = { "altered", .alter = alter };
	uint64_t n = number_of("ALTERED_BOOTS", 20), n_started = 0, n_refused = 0;

	(void)state;
	/* Never 0, which would stay it. */
	random_state = number_of("ALTERED_SEED", 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
	for (uint64_t i = 0; i < n; i++) {
		const char *out = boot_and_hear(&c);

		if (!out)
			skip();
		n_started += is_vendors(out);
		n_refused += is_refused(out);
		if (n_started + n_refused != i + 1)
			fail_msg("boot %llu ended otherwise:\n%s", (unsigned long long)i, out);
	}
	print_message("%llu altered disks: %llu boot what the vendor signed, %llu are refused\n",
		      (unsigned long long)n, (unsigned long long)n_started, (unsigned long long)n_refused);
	/* Else nothing of it was a test. */
	assert_true(n < 20 || (n_started && n_refused));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(altered_disks),
	};

	sandbox_may_end_machine = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
