/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An encrypted root: by which keys it opens, and what is refused. What the TPM keeps is in
 * test_boot_tpm.c. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include "tests/component/whole_boot.h"

#define OPEN "image-policy=root=encrypted:=open\n"
#define LUKS MACHINE "/luks.disk"

static void with_key(void)
{
	sandbox_mkdir("/etc/cryptsetup-keys.d");
	sandbox_write("/etc/cryptsetup-keys.d/root.key", "open sesame");
}

static void with_wrong_key(void)
{
	sandbox_mkdir("/etc/cryptsetup-keys.d");
	sandbox_write("/etc/cryptsetup-keys.d/root.key", "shut sesame");
}

static void with_key_elsewhere(void)
{
	sandbox_write("/etc/key", "open sesame");
}

static void with_empty_key(void)
{
	sandbox_mkdir("/etc/cryptsetup-keys.d");
	sandbox_write("/etc/cryptsetup-keys.d/root.key", "");
}

/* At a terminal of its own: types a line whenever it is asked. */
static void person(const char *const lines[])
{
	char piece[256];
	int master, one = 0;
	char *slave;

	sandbox_mkdir("/terminals");
	REQUIRE(mount("devpts", "/terminals", "devpts", 0, "ptmxmode=0666") == 0);
	master = open("/terminals/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	REQUIRE(master >= 0 && ioctl(master, TIOCSPTLCK, &one) == 0);
	REQUIRE(asprintf(&slave, "/terminals/%d", 0) > 0 && symlink(slave, "/dev/console") == 0);
	free(slave);
	if (fork() != 0)
		return; /* keeps its end open, too, so that the terminal is there before anybody sits at it */
	for (; *lines; lines++) {
		ssize_t n;

		do
			n = read(master, piece, sizeof(piece) - 1);
		while (n < 0 ? errno == EIO : !memmem(piece, (size_t)n, "3): ", 4));
		REQUIRE(n > 0 && write_full(master, *lines, strlen(*lines)) == 0);
	}
	while (read(master, piece, sizeof(piece)) > 0 || errno == EIO)
		;
	_exit(0);
}

static void person_knows(void)
{
	person((const char *const[]){ "open sesame\n", NULL });
}

static void person_remembers(void)
{
	person((const char *const[]){ "shut sesame\n", "\n", "open sesame\n", NULL });
}

static void person_guesses(void)
{
	person((const char *const[]){ "one\n", "two\n", "three\n", NULL });
}

#define OPENED "opened the root by key slot 0"
#define CREDENTIAL DISK "systemd.set_credential_binary=cryptsetup.passphrase:"
#define ASKING OPEN "luks-prompt=yes\n"
#define HEADER (2048 * 512)

static const struct boot_case luks_cases[] = {
	{ "key file", .disk = LUKS, .conf = OPEN, .prepare = with_key, .says = { OPENED, STARTED } },
	{ "key file, writable", .disk = LUKS, .conf = OPEN, .prepare = with_key, .words = DISK "rw luks.options=discard",
	  .says = { OPENED, "slipway: " } },
	{ "wrong key file", .disk = LUKS, .conf = OPEN, .prepare = with_wrong_key,
	  .says = { FAILED("prove", "LUKS_LOCKED"), "does not fit" } },
	{ "empty key file", .disk = LUKS, .conf = OPEN, .prepare = with_empty_key,
	  .says = { FAILED("prove", "LUKS_LOCKED") } },
	{ "no key", .disk = LUKS, .conf = OPEN,
	  .says = { FAILED("prove", "LUKS_LOCKED"), "the TPM is not asked" } },
	{ "key file of the command line", .disk = LUKS, .conf = OPEN, .prepare = with_key_elsewhere, .words = DISK "luks.key=/etc/key",
	  .says = { OPENED, STARTED } },
	{ "no key file of the command line", .disk = LUKS, .conf = OPEN, .words = DISK "luks.key=/etc/key",
	  .says = { FAILED("prove", "LUKS_LOCKED"), "there is no key file '/etc/key'" } },
	{ "not allowed", .disk = LUKS, .prepare = with_key, .says = { FAILED("choose", "POLICY_REFUSED") } },
	{ "forbidden by a word", .disk = LUKS, .conf = OPEN, .prepare = with_key, .words = DISK "luks=no",
	  .says = { FAILED("choose", "CMDLINE") } },
	{ "another UUID", .disk = LUKS, .conf = OPEN, .prepare = with_key,
	  .words = DISK "luks.uuid=00000000-1111-4000-8000-000000000001",
	  .says = { FAILED("prove", "LUKS_UUID") } },
	{ "another key", .disk = LUKS, .conf = OPEN "luks-volume-key=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n",
	  .prepare = with_key, .says = { FAILED("prove", "LUKS_KEY") } },
	{ "no terminal", .disk = LUKS, .conf = ASKING,
	  .says = { FAILED("prove", "LUKS_LOCKED"), "is no terminal to ask at" } },
	{ "passphrase", .disk = LUKS, .conf = ASKING, .prepare = person_knows, .says = { OPENED ": passphrase", STARTED } },
	{ "passphrase at last", .disk = LUKS, .conf = ASKING, .prepare = person_remembers,
	  .says = { "this does not open 'root'", OPENED ": passphrase", STARTED } },
	{ "no passphrase", .disk = LUKS, .conf = ASKING, .prepare = person_guesses,
	  .says = { FAILED("prove", "LUKS_LOCKED"), "3 wrong answers" }, .never = STARTED },
	{ "credential", .disk = LUKS, .conf = OPEN, .words = CREDENTIAL "b3BlbiBzZXNhbWU=",
	  .says = { OPENED ": credential", STARTED } },
	{ "wrong credential", .disk = LUKS, .conf = OPEN, .words = CREDENTIAL "c2h1dCBzZXNhbWU=",
	  .says = { FAILED("prove", "LUKS_LOCKED"), "cryptsetup.passphrase" }, .never = STARTED },
	{ "first header", .disk = LUKS, .conf = OPEN, .prepare = with_key, .break_at = { HEADER + 4096 },
	  .says = { "going on by its second copy", STARTED } },
	{ "both headers", .disk = LUKS, .conf = OPEN, .prepare = with_key, .break_at = { HEADER + 4096, HEADER + 16384 + 4096 },
	  .says = { FAILED("prove", "LUKS_HEADER") } },
	{ "no dm-crypt", .disk = LUKS, .conf = OPEN, .prepare = with_key, .machine.activate_errno = ENOTSUP,
	  .says = { FAILED("prove", "LUKS_FAILED") } },
};

static void encrypted(void **state)
{
	(void)state;
	BOOT_ALL(luks_cases);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(encrypted),
	};

	sandbox_may_end_machine = true;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
