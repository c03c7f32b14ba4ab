/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* whole_boot.h - the whole of PID 1 in a sandbox, from its main to the host's init or to the end of the
 * machine, as a table of boots. Include after "#define _GNU_SOURCE" and unit.h. */
#pragma once

#include <sys/mman.h>

#include "init/core/bytes.h"
#include "tests/component/sandbox.h"

#include "tests/component/machine.h"

/* The main of PID 1. */
int slipway_main(int argc, char *argv[], char *envp[]);

#define ESP_UUID "e5900000-0000-4000-8000-000000000001"
#define CONF "failure-delay=0\ndevice-timeout=1\n"
#define GLOBAL "8be4df61-93ca-11d2-aa0d-00e098032b8c"
#define LOADER "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
#define SYSTEMD "8cf2644b-4b0b-428f-9387-6d876050dc67"

#define DISK "slipway.disk=/dev/sda "

enum { MAX_SAYS = 8, MAX_EDITS = 2 };

struct boot_case {
	const char *name;
	const char *words, *conf;          /* words: NULL for the disk's name */
	const char *hash_word, *hash_of;   /* "roothash=" and whose */
	void (*prepare)(void);             /* in the sandbox, last */
	const char *disk;                  /* NULL: root.disk */
	bool again;                        /* the disk is there twice */
	struct machine machine;
	uint64_t break_at[MAX_EDITS];      /* bytes of the disk that are changed; 0 for none */
	void (*alter)(int disk);           /* alters it otherwise */
	const char *says[MAX_SAYS];        /* all of which is on the console, or is said by the host */
	const char *never;
};

struct run {
	const struct boot_case *c;
	int disk[2], number[2];
	int files[16]; /* what the sandbox has below /machine */
	char words[2048];
};

static const struct { const char *from, *to; } carried[] = {
	{ MACHINE "/vendor.crt", "/etc/verity.d/vendor.crt" },
	{ MACHINE "/open.fs", MACHINE_OPEN },
	{ MACHINE "/good.raw", "/machine/good.raw" },
	{ MACHINE "/other.raw", "/machine/other.raw" },
	{ MACHINE "/inusr.raw", "/machine/inusr.raw" },
	{ MACHINE "/good.beside/good.raw", "/machine/beside/good.raw" },
	{ MACHINE "/good.beside/good.verity", "/machine/beside/good.verity" },
	{ MACHINE "/good.beside/good.roothash", "/machine/beside/good.roothash" },
	{ MACHINE "/good.beside/good.roothash.p7s", "/machine/beside/good.roothash.p7s" },
	{ "build/component/hook", "/machine/hook" },
	{ "tests/data/tokens/signature.json", "/machine/tokens/signature.json" },
	{ "tests/data/pcrsig/rsa2048.pub", "/machine/pcrsig/public.pem" },
	{ "tests/data/pcrsig/signed.json", "/machine/pcrsig/signed.json" },
};

enum { N_CARRIED = sizeof(carried) / sizeof(*carried) };

static void copy(const char *from, const char *to, mode_t mode)
{
	char folder[128];
	struct err e;

	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(to, '/') - to), to);
	sandbox_mkdir(folder);
	REQUIRE(file_copy(from, to, mode, MACHINE_MAX_FILE, &e) == 1);
}

static void carry(const struct run *r)
{
	char from[32];

	for (size_t i = 0; i < N_CARRIED; i++) {
		snprintf(from, sizeof(from), "/proc/self/fd/%d", r->files[i]);
		copy(from, carried[i].to, 0755);
	}
}

static void write_two(const char *path, const char *a, const char *b)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s%s", a, b ? b : "");
	sandbox_write(path, text);
}

static void boot(const void *arg)
{
	static char *const argv[] = { (char *)"init", (char *)"splash", NULL };
	static char *const envp[] = { (char *)"HOME=/", NULL };
	const struct run *r = arg;

	machine = r->c->machine;
	if (!machine.verity_status)
		machine.verity_status = 'V';
	dup2(STDOUT_FILENO, STDERR_FILENO);
	machine_begin();
	carry(r);
	machine_show_disk(r->number[0], "sda");
	if (r->c->again)
		machine_show_disk(r->number[1], "sdb");
	machine_say("/proc/cmdline", r->words);
	machine_say("/proc/sys/kernel/printk_devkmsg", "ratelimit\n");
	sandbox_write("/etc/initrd-release", "ID=component\nVERSION_ID=1\n");
	write_two("/etc/slipway.conf", CONF, r->c->conf);
	if (r->c->prepare)
		r->c->prepare();
	(void)slipway_main(2, (char **)argv, (char **)envp);
	_exit(1);
}

static void edit(int fd, uint64_t at)
{
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
}

static int disk_of(const struct boot_case *c, int *ret_number)
{
	SCOPED(fd_close) int file = machine_copy(c->disk ? c->disk : MACHINE "/root.disk");

	for (size_t i = 0; i < MAX_EDITS && c->break_at[i]; i++)
		edit(file, c->break_at[i]);
	if (c->alter)
		c->alter(file);
	return machine_loop(file, LO_FLAGS_PARTSCAN, ret_number);
}

static void words_of(const struct boot_case *c, char ret[static 2048])
{
	char path[64], hash[80] = "";

	if (c->hash_of) {
		snprintf(path, sizeof(path), MACHINE "/%s.roothash", c->hash_of);
		assert_true(file_read_text(path, hash, sizeof(hash)) > 0);
	}
	snprintf(ret, 2048, "%s %s%s\n", c->words ? c->words : DISK,
		 c->hash_word ? c->hash_word : "", hash);
}

/* Takes back the breaks of long lines in the block that tells a failure. */
static void join_lines(char *out)
{
	static const char indent[] = "\n         ";

	for (char *at; (at = strstr(out, indent));) {
		*at = ' ';
		memmove(at + 1, at + strlen(indent), strlen(at + strlen(indent)) + 1);
	}
}

static inline bool is_said(const struct boot_case *c, const char *out)
{
	for (size_t i = 0; i < MAX_SAYS && c->says[i]; i++)
		if (!strstr(out, c->says[i])) {
			print_error("case '%s': not said: '%s'\n", c->name, c->says[i]);
			return false;
		}
	if (!c->never || !strstr(out, c->never))
		return true;
	print_error("case '%s': said: '%s'\n", c->name, c->never);
	return false;
}

/* Boots, and gives what was said; NULL where there are no loop devices. */
static char *boot_and_hear(const struct boot_case *c)
{
	static char out[SANDBOX_OUTPUT_BYTES];
	struct run r = { .c = c, .disk = { -1, -1 } };

	r.disk[0] = disk_of(c, &r.number[0]);
	if (r.disk[0] < 0)
		return NULL;
	if (c->again)
		r.disk[1] = disk_of(c, &r.number[1]);
	words_of(c, r.words);
	for (size_t i = 0; i < N_CARRIED; i++)
		r.files[i] = machine_copy(carried[i].from);
	sandbox_run(boot, NULL, &r, out);
	for (size_t i = 0; i < N_CARRIED; i++)
		close(r.files[i]);
	fd_close(&r.disk[0]);
	fd_close(&r.disk[1]);
	join_lines(out);
	return out;
}

static inline bool boot_one(const struct boot_case *c)
{
	const char *out = boot_and_hear(c);

	if (!out)
		skip();
	if (is_said(c, out))
		return true;
	print_error("in\n%s\n", out);
	return false;
}

/* All of them, so that one run shows all that is wrong. */
static inline void boot_all(const struct boot_case *cases, size_t n)
{
	size_t n_bad = 0;

	for (size_t i = 0; i < n; i++)
		n_bad += !boot_one(&cases[i]);
	assert_int_equal(n_bad, 0);
}

#define STARTED "host: word /sbin/init\n"
#define FAILED(stage, code) "slipway: FAILED stage " stage "  [" code "]"
#define REBOOTED "sandbox: rebooted"
#define BOOT_ALL(cases) boot_all(cases, sizeof(cases) / sizeof(*(cases)))

/* Where partitions of root.disk begin. */
enum { DATA_1 = 10240 * 512, DATA_2 = 16384 * 512, HASH_2 = 18432 * 512, SIGNATURE_2 = 20480 * 512 };
