/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "modules/inputs/cmdline.h"
#include "modules/inputs/config.h"
#include "modules/inputs/device_timeout.h"
#include "modules/inputs/firmware.h"
#include "modules/inputs/last_failure.h"
#include "modules/inputs/options.h"

#define HASH "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define OTHER "ff112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define ID "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
#define OTHER_ID "4f68bce3-e8cd-4db1-96e7-fbcaf984b70a"

static void words(void **state)
{
	/* "key" or "key|value", one a word, joined by commas */
	static const struct { const char *line, *expected; } cases[] = {
		{ "", "" },
		{ "  a  b\tc\n", "a,b,c" },
		{ "a=\"b c\" d", "a|b c,d" },
		{ "a='b \"c' d", "a|b \"c,d" },
		{ "x\"y z\"w=1", "xy zw|1" },
		{ "a=b=c", "a|b=c" },
		{ "a=", "a|" },
		{ "a=\"unbalanced b", "a|unbalanced b" },
		{ "a\\ b", "a\\,b" },
		{ "\"\" a", ",a" },
		{ "a ''", "a," },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct cmdline c;
		struct err e;
		char got[256] = "";

		assert_int_equal(cmdline_parse(cases[i].line, strlen(cases[i].line), &c, &e), 0);
		for (size_t j = 0; j < c.n_words; j++) {
			strcat(got, j ? "," : "");
			strcat(got, c.words[j].key);
			if (c.words[j].value)
				strcat(strcat(got, "|"), c.words[j].value);
		}
		if (strcmp(got, cases[i].expected) != 0)
			fail_msg("'%s': got '%s'", cases[i].line, got);
		cmdline_done(&c);
	}
}

static int parse(const char *line, struct options *o, struct err *e)
{
	struct cmdline c;
	int rc = cmdline_parse(line, strlen(line), &c, e);

	if (rc >= 0) {
		rc = options_parse(&c, o, e);
		cmdline_done(&c);
	}
	return rc;
}

static void refusals(void **state)
{
	static const struct { const char *line; enum err_code code; } cases[] = {
		{ "BOOT_IMAGE=x unknown.word=1 slipway.nonsense=2 \"unbalanced", ERR_NONE },
		{ "root=dissect", ERR_NONE },
		{ "root=gpt-auto-force", ERR_NONE },
		{ "root=PARTUUID=" ID, ERR_NONE },
		{ "root=PARTUUID=123", ERR_CMDLINE },
		{ "root=UUID=" ID, ERR_UNSUPPORTED },
		{ "root=LABEL=root", ERR_UNSUPPORTED },
		{ "root=tmpfs", ERR_UNSUPPORTED },
		{ "root=/dev/nfs/x", ERR_CMDLINE },
		{ "root=192.168.0.1:/export", ERR_UNSUPPORTED },
		{ "root=bind:/x", ERR_UNSUPPORTED },
		{ "root", ERR_NONE /* needs a value: warned about, ignored */ },
		{ "roothash=" HASH " roothash=" HASH, ERR_NONE },
		{ "roothash=" HASH " roothash=" OTHER, ERR_CMDLINE },
		{ "roothash=abcd", ERR_CMDLINE },
		{ "roothash=xyz", ERR_CMDLINE },
		{ "usrhash=" HASH, ERR_NONE },
		{ "mount.usr=dissect", ERR_NONE },
		{ "mount.usrflags=nosuid", ERR_NONE },
		{ "mount.usr=dissect root=tmpfs", ERR_NONE },
		{ "mount.usr=dissect root=dissect", ERR_NONE },
		{ "mount.usr=dissect root=tmpfs root=dissect", ERR_NONE },
		{ "mount.usr=dissect systemd.volatile=yes", ERR_NONE },
		{ "mount.usr=dissect systemd.volatile=overlay", ERR_UNSUPPORTED },
		{ "mount.usr=dissect systemd.volatile root=PARTUUID=" ID, ERR_UNSUPPORTED },
		{ "mount.usr=UUID=" ID " root=tmpfs", ERR_CMDLINE },
		{ "mount.usr=192.168.0.1:/usr root=tmpfs", ERR_CMDLINE },
		{ "mount.usr root=dissect", ERR_NONE /* needs a value: warned about, ignored */ },
		{ "usrhash=" HASH " root=tmpfs", ERR_NONE },
		{ "usrhash=" HASH " usrhash=" OTHER " root=tmpfs", ERR_CMDLINE },
		{ "usrhash=" HASH " roothash=" HASH " root=tmpfs", ERR_UNSUPPORTED },
		{ "roothash=" HASH " root=tmpfs", ERR_UNSUPPORTED },
		{ "systemd.image-filter=root=a_*", ERR_NONE },
		{ "systemd.restrict_filesystem_access=yes", ERR_UNSUPPORTED },
		{ "rd.luks.name=x=y", ERR_CMDLINE },
		{ "rd.luks.name=" ID, ERR_UNSUPPORTED },
		{ "rd.luks.name=" ID "=home", ERR_UNSUPPORTED },
		{ "rd.luks.name=" ID "x=root", ERR_CMDLINE },
		{ "rd.luks.name=" ID "=root luks.uuid=luks-" ID, ERR_NONE },
		{ "rd.luks.name=" ID "=root luks.uuid=" OTHER_ID, ERR_CMDLINE },
		{ "rd.luks.uuid=luks-x", ERR_CMDLINE },
		{ "rd.luks.uuid=" ID "=", ERR_CMDLINE },
		{ "rd.luks.uuid=" ID "=x", ERR_CMDLINE },
		{ "rd.luks.data=" ID "=/dev/vda1", ERR_UNSUPPORTED },
		{ "rd.luks.key=" ID "=/etc/key", ERR_NONE },
		{ "rd.luks.key=" ID "=/key:LABEL=x", ERR_UNSUPPORTED },
		{ "rd.luks.options=discard,,luks,tpm2-device=auto,x-initrd.attach", ERR_NONE },
		{ "rd.luks.options=" ID "=discard luks.uuid=" OTHER_ID, ERR_CMDLINE },
		{ "rd.luks.options=tpm2-measure-pcr=no", ERR_UNSUPPORTED },
		{ "rd.luks.options=discard,cipher=null", ERR_UNSUPPORTED },
		{ "rd.luks.options=discards", ERR_UNSUPPORTED },
		{ "rd.luks.options=read-only", ERR_UNSUPPORTED },
		{ "rd.luks.options=fixate-volume-key=12", ERR_CMDLINE },
		{ "rd.luks.options=fixate-volume-key=" HASH, ERR_NONE },
		{ "rd.luks.options=fixate-volume-key=" HASH " luks.options=fixate-volume-key=" OTHER, ERR_CMDLINE },
		{ "rd.luks=perhaps", ERR_CMDLINE },
		{ "ostree=/ostree/boot.1/x", ERR_UNSUPPORTED },
		{ "rd.systemd.break=pre-mount rd.emergency rd.systemd.debug-shell", ERR_NONE },
		{ "systemd.verity=maybe", ERR_CMDLINE },
		{ "init=relative", ERR_CMDLINE },
		{ "slipway.timeout=99999", ERR_CMDLINE },
		{ "slipway.timeout=-1", ERR_CMDLINE },
		{ "slipway.failure=shell", ERR_CMDLINE },
		{ "slipway.disk=PARTUUID=" ID, ERR_NONE },
		{ "slipway.disk=/dev/a/b", ERR_CMDLINE },
		{ "slipway.disk=/dev/vdb", ERR_NONE },
		{ "slipway.disk=PARTLABEL=esp", ERR_CMDLINE },
		{ "systemd.volatile=perhaps", ERR_CMDLINE },
		{ "rd.systemd.sysext=perhaps", ERR_CMDLINE },
		{ "rd.systemd.confext=perhaps", ERR_CMDLINE },
		{ "systemd.confext=perhaps", ERR_NONE },
		{ "systemd.sysext=perhaps", ERR_NONE /* the host's */ },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct options o;
		struct err e;

		assert_code(parse(cases[i].line, &o, &e), &e, cases[i].code, cases[i].line);
	}
}

/* What does not happen is said, and is not what was meant by a word that is obeyed. */
static void notices(void **state)
{
	static const struct { const char *word, *said; } cases[] = {
		{ "roothashsig=base64:xx", "signature" }, { "usrhashsig=/x", "signature" },
		{ "luks.crypttab=no", "crypttab" }, { "rd.luks.crypttab=no", "crypttab" },
		{ "systemd.swap-extra=/dev/x", "swap" }, { "rd.systemd.swap_extra=/dev/x", "swap" },
		{ "resume=/dev/x", "does not resume" }, { "resume-offset=1", "does not resume" }, { "noresume", "does not resume" },
		{ "systemd.tpm2-wait=no", "awaited" }, { "rd.systemd.tpm2_wait=no", "awaited" },
		{ "systemd.tpm2_software_fallback=yes", "software" },
		{ "systemd.tpm2_allow_clear=yes", "clears" },
		{ "systemd.credentials-boot-policy=x", "credentials" },
		{ "rd.systemd.pull=x", "network" }, { "rd.systemd.unit=x", "units" },
		{ "rd.systemd.mask=x.service", "units" }, { "rd.systemd.wants=x.service", "units" },
		{ "rd.systemd.run=/bin/sh", "program" },
		{ "rd.systemd.break=pre-mount", "shell" }, { "rd.systemd.debug-shell", "shell" },
		{ "rd.break", "shell" }, { "emergency", "shell" }, { "rd.emergency", "shell" },
		{ "rescue", "shell" }, { "rd.rescue", "shell" },
		{ "SYSTEMD_SYSEXT_MUTABLE_MODE=ephemeral", "writable" },
		{ "SYSTEMD_CONFEXT_MUTABLE_MODE=yes", "writable" },
		{ "slipway.nonsense=2", "no word of ours" },
		/* The host's alone, or somebody's */
		{ "systemd.mask=x.service", NULL }, { "systemd.run=/bin/sh", NULL }, { "quiet", NULL },
		{ "luks=no", NULL }, { "roothash-sig=x", NULL }, { "rd-emergency", NULL }, { "fstab=no", NULL }, { "fstab.x=no", NULL },
		{ "systemd_sysext_mutable_mode=yes", NULL },
	};

	(void)state;
	log_open(memfd_create("what the tests before said", MFD_CLOEXEC), false);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int fd = memfd_create("log", MFD_CLOEXEC);
		char text[512] = "", quoted[64];
		struct options o;
		struct err e;

		log_open(fd, false);
		assert_code(parse(cases[i].word, &o, &e), &e, ERR_NONE, cases[i].word);
		assert_true(pread(fd, text, sizeof(text) - 1, 0) >= 0);
		log_close();
		snprintf(quoted, sizeof(quoted), "'%.*s'", (int)strcspn(cases[i].word, "="), cases[i].word);
		if (cases[i].said ? !strstr(text, quoted) || !strstr(text, cases[i].said) : *text != '\0')
			fail_msg("'%s': logged '%s'", cases[i].word, text);
	}
}

static void values(void **state)
{
	struct options o;
	struct err e;

	(void)state;
	assert_int_equal(parse("", &o, &e), 0);
	assert_true(o.verity && o.luks.may_open && o.fstab && o.gpt_auto && o.allow_user_space);
	assert_int_equal(parse("rd.fstab=no", &o, &e), 0);
	assert_false(o.fstab);
	assert_true(o.fsck_repair == 'a' && !o.fsck_force && !o.fsck_skip);
	assert_int_equal(parse("fsck.mode=force rd.fsck.repair=yes", &o, &e), 0);
	assert_true(o.fsck_repair == 'y' && o.fsck_force && !o.fsck_skip);
	assert_int_equal(parse("fsck.mode=force fsck.mode=skip fsck.repair=no fsck.mode=x fsck.repair=x", &o, &e), 0);
	assert_true(o.fsck_repair == 'n' && !o.fsck_force && o.fsck_skip);
	assert_int_equal(parse("fsck.repair=0 fsck.repair=preen fsck.mode=skip fsck.mode=auto", &o, &e), 0);
	assert_true(o.fsck_repair == 'a' && !o.fsck_force && !o.fsck_skip);
	assert_int_equal(parse("rd.luks=no", &o, &e), 0);
	assert_false(o.luks.may_open);
	assert_int_equal(parse("luks=no luks", &o, &e), 0);
	assert_true(o.luks.may_open);
	assert_int_equal(parse("", &o, &e), 0);
	assert_false(o.writable || o.measure);
	assert_int_equal(o.failure_delay_s, -1);

	assert_int_equal(parse("rootflags=a rootflags=b,c rw ro systemd.volatile systemd.gpt-auto=0 "
			       "rd.systemd.verity=no init=/a init=/b quiet debug "
			       "systemd.allow-userspace-verity=garbage systemd.tpm2_measured_os=1 "
			       "systemd.tpm2-measured-os=0 rootfstype=erofs",
			       &o, &e), 0);
	assert_string_equal(o.root_flags, "a,b,c");
	assert_string_equal(o.init, "/b");
	assert_string_equal(o.root_type, "erofs");
	assert_int_equal(o.volatile_mode, VOLATILE_YES);
	assert_int_equal(o.log_level, LOG_DEBUG);
	assert_false(o.writable || o.gpt_auto || o.verity || o.allow_user_space);
	assert_true(o.measure); /* "no" cannot take it back */

	assert_true(o.sysext);
	assert_true(o.confext);
	assert_int_equal(parse("rd.systemd.sysext=0", &o, &e), 0);
	assert_false(o.sysext);
	assert_true(o.confext);
	assert_int_equal(parse("rd.systemd.confext=0 systemd.sysext=0", &o, &e), 0);
	assert_false(o.confext);
	assert_true(o.sysext);
	assert_int_equal(parse("rd.systemd.sysext=0 rd.systemd.sysext systemd.sysext=0", &o, &e), 0);
	assert_true(o.sysext);

	assert_false(o.has_factory_reset);
	assert_int_equal(parse("systemd.factory-reset", &o, &e), 0);
	assert_true(o.has_factory_reset && o.factory_reset);
	assert_int_equal(parse("systemd.factory_reset=1 systemd.factory_reset=0", &o, &e), 0);
	assert_true(o.has_factory_reset && !o.factory_reset);
	assert_int_equal(parse("systemd.factory_reset=perhaps", &o, &e), 0);
	assert_false(o.has_factory_reset || o.factory_reset);

	/* '-' stays '-' where systemd compares literally. */
	assert_int_equal(parse("root-fstype=x rootfs-type=y", &o, &e), 0);
	assert_string_equal(o.root_type, "");

	assert_int_equal(parse("root=/dev/vda2 root=dissect", &o, &e), 0);
	assert_string_equal(o.root.node, "");
	assert_int_equal(parse("root=dissect root=/dev/vda2", &o, &e), 0);
	assert_string_equal(o.root.node, "vda2");
	assert_false(o.has_usr || o.root_is_tmpfs);
	assert_int_equal(parse("mount.usr=/dev/vda3 mount.usrflags=a mount.usrflags=b usrhash=" HASH
			       " mount.usrfstype=erofs rootflags=size=1G systemd.volatile",
			       &o, &e), 0);
	assert_true(o.has_usr && o.root_is_tmpfs && !o.has_state);
	assert_int_equal(parse("usrhash=" HASH " root=/dev/vda4", &o, &e), 0);
	assert_true(o.has_usr && o.has_state && !o.root_is_tmpfs);
	assert_int_equal(parse("root=/dev/vda4", &o, &e), 0);
	assert_false(o.has_state);
	assert_int_equal(parse("mount.usr=/dev/vda3 mount.usrflags=a mount.usrflags=b usrhash=" HASH
			       " mount.usrfstype=erofs rootflags=size=1G systemd.volatile", &o, &e), 0);
	assert_string_equal(o.usr.node, "vda3");
	assert_string_equal(o.usr_type, "erofs");
	assert_string_equal(o.usr_flags, "a,b");
	assert_string_equal(o.root_flags, "size=1G");
	assert_int_equal(o.root_hash_bytes, 32);
	assert_int_equal(parse("systemd.image_policy=", &o, &e), 0);
	assert_string_equal(o.image_policy, "-");
}

static void device_timeouts(void **state)
{
	static const struct { const char *options; int rc; unsigned s; } cases[] = {
		{ "", 0, 0 }, { "x-systemd.device-timeout", 0, 0 }, { "ro,x-initrd.mount", 0, 0 },
		{ "xx-systemd.device-timeout=5", 0, 0 },
		{ "x-systemd.device-timeout=5", 1, 5 }, { "ro,x-systemd.device-timeout=5s,nosuid", 1, 5 },
		{ "x-systemd.device-timeout=5,x-systemd.device-timeout=7", 1, 7 },
		{ "x-systemd.device-timeout=1min 30s", 1, 90 }, { "x-systemd.device-timeout=1min30", 1, 90 },
		{ "x-systemd.device-timeout= 2 minutes ", 1, 120 }, { "x-systemd.device-timeout=1h", 1, 3600 },
		{ "x-systemd.device-timeout=1ms", 1, 1 }, { "x-systemd.device-timeout=1500ms", 1, 2 },
		{ "x-systemd.device-timeout=3601", 1, 3600 }, { "x-systemd.device-timeout=2hours", 1, 3600 },
		{ "x-systemd.device-timeout=0", 1, 3600 }, { "x-systemd.device-timeout=infinity", 1, 3600 },
		{ "x-systemd.device-timeout=10000000h 10000000h", 1, 3600 },
		{ "x-systemd.device-timeout=", -ERR_CMDLINE, 0 }, { "x-systemd.device-timeout= ", -ERR_CMDLINE, 0 },
		{ "x-systemd.device-timeout=s", -ERR_CMDLINE, 0 }, { "x-systemd.device-timeout=-1", -ERR_CMDLINE, 0 },
		{ "x-systemd.device-timeout=1.5s", -ERR_CMDLINE, 0 },
		{ "x-systemd.device-timeout=5weeks", -ERR_CMDLINE, 0 },
		{ "x-systemd.device-timeout=5 infinity", -ERR_CMDLINE, 0 },
		{ "x-systemd.device-timeout=5\"", -ERR_CMDLINE, 0 },
		{ "x-systemd.device-timeout=99999999999999999999", -ERR_CMDLINE, 0 },
		{ "x-systemd.device-timeout=5,x-systemd.device-timeout=a", -ERR_CMDLINE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		unsigned s = 0;
		struct err e;
		int rc = device_timeout_parse(cases[i].options, &s, &e);

		if (rc != cases[i].rc || (rc > 0 && s != cases[i].s))
			fail_msg("'%s': %d, %u s", cases[i].options, rc, s);
	}
}

/* The options stay what they are: no file system sees any that begins with "x-". */
static void disk_timeout(void **state)
{
	struct options o;
	struct err e;

	(void)state;
	assert_int_equal(parse("slipway.timeout=7 rootflags=nosuid", &o, &e), 0);
	assert_int_equal(o.disk_timeout_s, 0);
	assert_int_equal(parse("rootflags=x-systemd.device-timeout=5 slipway.timeout=7 rootflags=nosuid", &o, &e), 0);
	assert_int_equal(o.disk_timeout_s, 5);
	assert_int_equal(o.timeout_s, 7);
	assert_int_equal(parse("\"rootflags=x-systemd.device-timeout=1min 5s\" root=tmpfs "
			       "mount.usrflags=ro,x-systemd.device-timeout=9", &o, &e), 0);
	assert_int_equal(o.disk_timeout_s, 9);
	assert_string_equal(o.root_flags, "x-systemd.device-timeout=1min 5s");
	assert_int_equal(parse("rootflags=x-systemd.device-timeout=soon", &o, &e), -ERR_CMDLINE);
	assert_int_equal(parse("mount.usrflags=x-systemd.device-timeout=soon root=tmpfs", &o, &e), -ERR_CMDLINE);
}

static void luks_values(void **state)
{
	char text[UUID_TEXT_BYTES];
	struct options o;
	struct err e;

	(void)state;
	assert_int_equal(parse("rw", &o, &e), 0);
	assert_false(o.luks.has_uuid || o.luks.discard || o.luks.has_fixed_key);
	assert_int_equal(parse("rd.luks.name=" ID "=root luks.key=" ID "=/etc/a rd.luks.options=" ID
			       "=discard,no-read-workqueue,fixate-volume-key=" HASH, &o, &e), 0);
	assert_true(o.luks.has_uuid && o.luks.discard && o.luks.no_read_workqueue && o.luks.has_fixed_key);
	assert_false(o.luks.no_write_workqueue);
	assert_string_equal(uuid_format(&o.luks.uuid, text), ID);
	assert_string_equal(o.luks.key, "/etc/a");
	assert_int_equal(o.luks.fixed_key[0], 0x00);
	assert_int_equal(o.luks.fixed_key[31], 0xff);
}

static void lockdown_states(void **state)
{
	static const struct { const char *text; int level; } states[] = {
		{ "[none] integrity confidentiality\n", LOCKDOWN_NONE },
		{ "none [integrity] confidentiality\n", LOCKDOWN_INTEGRITY },
		{ "none integrity [confidentiality]\n", LOCKDOWN_CONFIDENTIALITY },
		{ "none integrity confidentiality\n", -1 }, { "", -1 }, { "[]", -1 }, { "[none", -1 },
		{ "[all]", -1 }, { "[confidentialityandmore]", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		enum lockdown got = LOCKDOWN_NONE;
		bool known = lockdown_parse_state(states[i].text, &got);

		assert_int_equal(known ? (int)got : -1, states[i].level);
	}
}

/* One too many would not be denied: it must not be accepted. */
static void denies_as_many_as_fit(void **state)
{
	static const char line[] = "deny-root-hash=" HASH "\n";
	char text[(DIGESTS_MAX + 1) * sizeof(line)] = "";
	struct config c;
	struct err e;

	(void)state;
	for (size_t i = 0; i < DIGESTS_MAX; i++)
		strcat(text, line);
	assert_int_equal(config_parse(text, strlen(text), &c, &e), 0);
	assert_int_equal(c.denied_root_hashes.n, DIGESTS_MAX);
	strcat(text, line);
	assert_int_equal(config_parse(text, strlen(text), &c, &e), -ERR_CONFIG);
}

#define KEY43 "0123456789abcdefghijklmnopqrstuvwxyzABCDEF."
#define KEY86 KEY43 KEY43

static void configuration(void **state)
{
	static const struct { const char *text; enum err_code code; } cases[] = {
		{ "", ERR_NONE },
		{ "# comment\n\n tpm=required\nfailure=halt\n", ERR_NONE },
		{ "tpm=required", ERR_NONE /* no newline at the end */ },
		{ "tpm=maybe\n", ERR_CONFIG },
		{ "srk=yes\n", ERR_NONE }, { "srk=no\n", ERR_NONE }, { "srk=1\n", ERR_CONFIG },
		{ "exitrd=yes\n", ERR_NONE }, { "exitrd=no\n", ERR_NONE }, { "exitrd=1\n", ERR_CONFIG },
		{ "pcr-scheme=257\n", ERR_NONE }, { "pcr-scheme=261\n", ERR_NONE },
		{ "pcr-scheme=258\n", ERR_CONFIG }, { "pcr-scheme=\n", ERR_CONFIG },
		{ "unknown=1\n", ERR_CONFIG },
		{ "tpm\n", ERR_CONFIG },
		{ "device-timeout=0\n", ERR_CONFIG },
		{ "luks-in-verity=yes\n", ERR_NONE },
		{ "luks-in-verity=always\n", ERR_CONFIG },
		{ "fsck-timeout=0\n", ERR_CONFIG },
		{ "fsck-timeout=86401\n", ERR_CONFIG },
		{ "fsck-timeout=86400\n", ERR_NONE },
		{ "corruption=ignore\n", ERR_CONFIG },
		{ "failure=shell\n", ERR_CONFIG },
		{ "keep-failure=efi\n", ERR_NONE }, { "keep-failure=no\n", ERR_NONE },
		{ "keep-failure=yes\n", ERR_CONFIG },
		{ "keep-failure=efi\nfailure-limit=3\n", ERR_NONE },
		{ "failure-limit=1 poweroff\nkeep-failure=efi\n", ERR_NONE },
		{ "keep-failure=efi\nfailure-limit=100 halt\n", ERR_NONE },
		{ "failure-limit=no\n", ERR_NONE },
		{ "failure-limit=3\n", ERR_CONFIG /* nothing counts */ },
		{ "keep-failure=efi\nfailure-limit=0\n", ERR_CONFIG },
		{ "keep-failure=efi\nfailure-limit=101\n", ERR_CONFIG },
		{ "keep-failure=efi\nfailure-limit=\n", ERR_CONFIG },
		{ "keep-failure=efi\nfailure-limit=yes\n", ERR_CONFIG },
		{ "keep-failure=efi\nfailure-limit=3 reboot\n", ERR_CONFIG /* no end */ },
		{ "keep-failure=efi\nfailure-limit=3  halt\n", ERR_CONFIG },
		{ "keep-failure=efi\nfailure-limit=3 halt \n", ERR_NONE },
		{ "keep-failure=efi\nfailure-limit=no halt\n", ERR_CONFIG },
		{ "failure=next-slot\n", ERR_CONFIG /* and then? */ },
		{ "failure.TPM_MISSING=poweroff\n", ERR_NONE },
		{ "failure.proof=next-slot\n", ERR_NONE },
		{ "failure.root=next-slot halt\n", ERR_NONE },
		{ "failure.disk=retry reboot\n", ERR_NONE },
		{ "failure.disk=retry next-slot\n", ERR_CONFIG },
		{ "failure.disk=halt retry\n", ERR_CONFIG },
		{ "failure.disk=retry  halt\n", ERR_CONFIG },
		{ "failure.disk=retr halt\n", ERR_CONFIG },
		{ "failure.disk=\n", ERR_CONFIG },
		{ "failure.NONE=halt\n", ERR_CONFIG },
		{ "failure.=halt\n", ERR_CONFIG },
		{ "failure.dis=halt\n", ERR_CONFIG },
		{ "failure.SIGNATURE=halt\n", ERR_CONFIG },
		{ "failure.TPM=halt\n", ERR_CONFIG },
		{ "deny-certificate=" HASH "\n", ERR_NONE },
		{ "deny-certificate=" HASH "00\n", ERR_CONFIG },
		{ "deny-certificate=0123\n", ERR_CONFIG },
		{ "deny-certificate=\n", ERR_CONFIG },
		{ "deny-root-hash=" HASH HASH "\n", ERR_NONE },
		{ "deny-root-hash=" HASH HASH "00\n", ERR_CONFIG },
		{ "deny-root-hash=0011223344556677889900112233\n", ERR_CONFIG },
		{ "minimum-version=3.2~rc1\n", ERR_NONE },
		{ "minimum-version=\n", ERR_CONFIG },
		{ "minimum-version=a b\n", ERR_CONFIG },
		{ "minimum-version=a_1\n", ERR_CONFIG },
		{ "secure-boot=required\n", ERR_NONE },
		{ "secure-boot=yes\n", ERR_CONFIG },
		{ "lockdown=integrity\n", ERR_NONE },
		{ "lockdown=all\n", ERR_CONFIG },
		{ "esp-extensions=/loader/extensions\n", ERR_NONE },
		{ "esp-extensions=\n", ERR_NONE },
		{ "esp-extensions=/a loader\n", ERR_CONFIG },
		{ "esp-extensions-max=1\n", ERR_NONE },
		{ "esp-extensions-max=1048576\n", ERR_NONE },
		{ "esp-extensions-max=1048577\n", ERR_CONFIG },
		{ "esp-extensions-max=0\n", ERR_CONFIG },
		{ "esp-extensions-max=64M\n", ERR_CONFIG },
		{ "esp-extensions-max=\n", ERR_CONFIG },
		{ "host-extensions=/1 /2 /3 /4 /5 /6 /7 /8\n", ERR_NONE },
		{ "host-extensions=\n", ERR_NONE },
		{ "host-extensions=yes\n", ERR_CONFIG },
		{ "host-extensions=/1 /2 /3 /4 /5 /6 /7 /8 /9\n", ERR_CONFIG },
		{ "required-extensions=a b\n", ERR_NONE },
		{ "debug-key=$6$abcdefgh$" KEY86 "\n", ERR_NONE },
		{ "debug-key=$6$rounds=500000$abcdefgh12345678$" KEY86 "\n", ERR_NONE },
		{ "debug-key=$6$abcdefg$" KEY86 "\n", ERR_CONFIG /* not much of a salt */ },
		{ "debug-key=$6$abcdefgh123456789$" KEY86 "\n", ERR_CONFIG },
		{ "debug-key=$6$rounds=999$abcdefgh$" KEY86 "\n", ERR_CONFIG },
		{ "debug-key=$6$rounds=12345678$abcdefgh$" KEY86 "\n", ERR_CONFIG },
		{ "debug-key=$6$rounds=5000,abcdefgh$" KEY86 "\n", ERR_CONFIG },
		{ "debug-key=$6$abcdefgh$" KEY86 "a\n", ERR_CONFIG },
		{ "debug-key=$6$abcdefgh$abc\n", ERR_CONFIG },
		{ "debug-key=$5$abcdefgh$" KEY86 "\n", ERR_CONFIG },
		{ "debug-key=open-sesame\n", ERR_CONFIG /* never the key itself */ },
		{ "debug-key=\n", ERR_CONFIG },
		{ "required-extensions=1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7\n", ERR_CONFIG },
		{ "esp-extensions=/1 /2 /3 /4 /5 /6 /7 /8\n", ERR_NONE },
		{ "esp-extensions=/1 /2 /3 /4 /5 /6 /7 /8 /9\n", ERR_CONFIG },
	};
	struct config c;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_code(config_parse(cases[i].text, strlen(cases[i].text), &c, &e), &e,
			    cases[i].code, cases[i].text);
	assert_int_equal(config_parse("tpm=required\0", 13, &c, &e), -ERR_CONFIG);

	assert_int_equal(config_parse("modules=a  bc d\nfailure-delay=3\n", 32, &c, &e), 0);
	assert_int_equal(c.n_modules, 3);
	assert_memory_equal(c.modules, "a\0bc\0d\0", 7);
	assert_int_equal(c.failure_delay_s, 3);
	assert_int_equal(c.timeout_s, 90);
	assert_int_equal(c.fsck_timeout_s, 1800);
	assert_int_equal(c.n_esp_folders, 0);
	assert_int_equal(c.esp_max_mib, 0);
	assert_int_equal(c.n_host_folders, 0);
	assert_int_equal(config_parse("esp-extensions=/a /b\n", 21, &c, &e), 0);
	assert_int_equal(c.n_esp_folders, 2);
	assert_memory_equal(c.esp_folders, "/a\0/b\0", 6);
}

/* The last line that names a reason counts; a class is what stands below its head in err.def. */
static void failure_rules(void **state)
{
	static const char text[] = "failure.VERITY_CORRUPTED=halt\n"
				   "failure.proof=next-slot\n"
				   "failure.DENIED=poweroff\n"
				   "failure=halt\n"
				   "failure.disk=retry reboot\n";
	static const struct { enum err_code code; struct failure_rule rule; } cases[] = {
		{ ERR_SYSTEM, { ATTEMPT_NONE, FAILURE_UNSET } },
		{ ERR_TPM_FAILED, { ATTEMPT_NONE, FAILURE_UNSET } },
		{ ERR_BOOT_DISK_UNKNOWN, { ATTEMPT_RETRY, FAILURE_REBOOT } },
		{ ERR_POLICY_REFUSED, { ATTEMPT_RETRY, FAILURE_REBOOT } },
		{ ERR_SIGNATURE_MISSING, { ATTEMPT_NEXT_SLOT, FAILURE_UNSET } },
		{ ERR_DENIED, { ATTEMPT_NONE, FAILURE_POWEROFF } },
		{ ERR_VERITY_CORRUPTED, { ATTEMPT_NEXT_SLOT, FAILURE_UNSET } },
		{ ERR_EXTENSION_UNPROVEN, { ATTEMPT_NONE, FAILURE_UNSET } },
		{ ERR_ROOT_MOUNT, { ATTEMPT_NONE, FAILURE_UNSET } },
	};
	struct config c;
	struct err e;

	(void)state;
	assert_int_equal(config_parse(text, strlen(text), &c, &e), 0);
	assert_int_equal(c.failure, FAILURE_HALT);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct failure_rule *rule = &c.failure_rules.by_code[cases[i].code];

		if (rule->attempt != cases[i].rule.attempt || rule->action != cases[i].rule.action)
			fail_msg("%s: %d, %d", err_name(cases[i].code), rule->attempt, rule->action);
	}
	assert_string_equal(failure_class(ERR_NONE), "");
	assert_string_equal(failure_class(ERR_SYSTEM), "machine");
	assert_string_equal(failure_class(ERR_TPM_FAILED), "tpm");
	assert_string_equal(failure_class(ERR_N_CODES - 1), "root");
	assert_true(failure_rules_set(&c.failure_rules, "root", "halt"));
	assert_int_equal(c.failure_rules.by_code[ERR_N_CODES - 1].action, FAILURE_HALT);
}

static void efi_text(void **state)
{
#define V(attributes, text) (const uint8_t *)attributes "\0\0\0" text, sizeof(attributes "\0\0\0" text) - 1
	static const struct { const char *name; const uint8_t *p; size_t n; enum err_code code; const char *text; } cases[] = {
		{ "plain", V("\x06", "1\0" "1\0"), ERR_NONE, "11" },
		{ "with NUL", V("\x06", "1\0" "1\0\0\0"), ERR_NONE, "11" },
		{ "empty", V("\x06", ""), ERR_NONE, "" },
		{ "short", (const uint8_t *)"\x06\0", 2, ERR_EFI_VARIABLE, NULL },
		{ "odd", V("\x06", "1\0" "1"), ERR_EFI_VARIABLE, NULL },
		{ "non-volatile", V("\x07", "1\0" "1\0"), ERR_EFI_VARIABLE, NULL },
		{ "not ASCII", V("\x06", "1\1"), ERR_EFI_VARIABLE, NULL },
		{ "embedded NUL", V("\x06", "1\0\0\0" "1\0"), ERR_EFI_VARIABLE, NULL },
		{ "long", V("\x06", "1\0" "1\0" "1\0" "1\0" "1\0" "1\0" "1\0" "1\0"), ERR_EFI_VARIABLE, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[8];
		struct err e;

		assert_code(efivar_text(cases[i].name, cases[i].p, cases[i].n, text, sizeof(text), &e),
			    &e, cases[i].code, cases[i].name);
		if (cases[i].text)
			assert_string_equal(text, cases[i].text);
	}
}

/* As the kernel judges it: what is not exactly that leaves Secure Boot on. */
static void shim_was_told_to_check_nothing(void **state)
{
#define S(content) (const uint8_t *)content, sizeof(content) - 1
	static const struct { const char *name; const uint8_t *p; size_t n; bool expected; } cases[] = {
		{ "insecure", S("\6\0\0\0\1"), true },
		{ "seen by nobody", S("\2\0\0\0\1"), true },
		{ "secure", S("\6\0\0\0\0"), false },
		{ "another value", S("\6\0\0\0\2"), false },
		{ "stored for ever", S("\7\0\0\0\1"), false },
		{ "empty", S("\6\0\0\0"), false },
		{ "too long", S("\6\0\0\0\1\1"), false },
		{ "no attributes", S("\6\0\0"), false },
		{ "nothing", S(""), false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (firmware_shim_is_insecure(cases[i].p, cases[i].n) != cases[i].expected)
			fail_msg("case '%s'", cases[i].name);
}

static void efi_numbers(void **state)
{
	static const struct { const char *pcr; enum err_code code; } pcrs[] = {
		{ "11", ERR_NONE }, { "12", ERR_EFI_VARIABLE }, { "1", ERR_EFI_VARIABLE }, { "", ERR_EFI_VARIABLE },
		{ "011", ERR_EFI_VARIABLE }, { "11 ", ERR_EFI_VARIABLE }, { "0xb", ERR_EFI_VARIABLE },
	};
	static const struct { const char *text; enum err_code code; uint32_t banks; } banks[] = {
		{ "0", ERR_NONE, 0 }, { "0x00000000", ERR_NONE, 0 }, { "3", ERR_NONE, 3 },
		{ "0x00000006", ERR_NONE, 6 }, { "0000000000000006", ERR_NONE, 6 },
		{ "0xffffffff", ERR_NONE, UINT32_MAX }, { "FFFFFFFF", ERR_NONE, UINT32_MAX },
		{ "", ERR_EFI_VARIABLE, 0 }, { "0x", ERR_EFI_VARIABLE, 0 }, { "0x0x2", ERR_EFI_VARIABLE, 0 },
		{ "100000000", ERR_EFI_VARIABLE, 0 }, { "ffffffffffffffff", ERR_EFI_VARIABLE, 0 },
		{ "10000000000000000", ERR_EFI_VARIABLE, 0 }, { "-0", ERR_EFI_VARIABLE, 0 },
		{ "+2", ERR_EFI_VARIABLE, 0 }, { " 2", ERR_EFI_VARIABLE, 0 }, { "2 ", ERR_EFI_VARIABLE, 0 },
		{ "sha256", ERR_EFI_VARIABLE, 0 },
	};
	struct firmware f;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(pcrs) / sizeof(*pcrs); i++) {
		f = (struct firmware){ 0 };
		assert_code(firmware_set_stub_pcr(&f, pcrs[i].pcr, &e), &e, pcrs[i].code, pcrs[i].pcr);
		assert_int_equal(f.stub_measured, pcrs[i].code == ERR_NONE);
	}
	for (size_t i = 0; i < sizeof(banks) / sizeof(*banks); i++) {
		f = (struct firmware){ 0 };
		assert_code(firmware_set_banks(&f, banks[i].text, &e), &e, banks[i].code, banks[i].text);
		assert_int_equal(f.has_banks, banks[i].code == ERR_NONE);
		assert_int_equal(f.banks, banks[i].banks);
	}
}

static void tpm_is_announced(void **state)
{
	static const struct { const char *banks; bool stub, acpi, confidential; const char *by; } cases[] = {
		{ "0x2", false, false, false, "LoaderTpm2ActivePcrBanks" },
		{ "0xffffffff", false, false, false, "LoaderTpm2ActivePcrBanks" },
		{ "0", false, true, false, NULL }, /* the loader asked the firmware itself */
		{ "0", true, true, true, NULL },
		{ "0", true, false, false, "StubPcrKernelImage" },
		{ NULL, false, true, false, "the ACPI table TPM2" },
		{ NULL, true, true, false, "the ACPI table TPM2" },
		{ NULL, true, false, false, "StubPcrKernelImage" },
		{ NULL, true, false, true, NULL },
		{ NULL, false, false, false, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct firmware f = { .stub_measured = cases[i].stub };
		struct err e;

		if (cases[i].banks)
			assert_int_equal(firmware_set_banks(&f, cases[i].banks, &e), 0);
		firmware_find_tpm(&f, cases[i].acpi, cases[i].confidential);
		if (f.tpm_announced != (cases[i].by != NULL) ||
		    (cases[i].by && strcmp(f.tpm_source, cases[i].by) != 0))
			fail_msg("case %zu: by %s", i, f.tpm_announced ? f.tpm_source : "nobody");
	}
}

/* A reset is what makes a loop; an end is never made a reset. */
static void failure_limits(void **state)
{
	static const struct {
		const char *text; unsigned before; enum failure_action ruled, end;
	} cases[] = {
		{ "", 99, FAILURE_REBOOT, FAILURE_REBOOT /* nothing is kept */ },
		{ "keep-failure=efi\n", 8, FAILURE_REBOOT, FAILURE_REBOOT },
		{ "keep-failure=efi\n", 9, FAILURE_REBOOT, FAILURE_HALT /* 10 by default */ },
		{ "keep-failure=efi\nfailure-limit=no\n", 100, FAILURE_REBOOT, FAILURE_REBOOT },
		{ "keep-failure=efi\nfailure-limit=3\n", 1, FAILURE_REBOOT, FAILURE_REBOOT },
		{ "keep-failure=efi\nfailure-limit=3\n", 2, FAILURE_REBOOT, FAILURE_HALT },
		{ "keep-failure=efi\nfailure-limit=3\n", 100, FAILURE_REBOOT, FAILURE_HALT },
		{ "keep-failure=efi\nfailure-limit=3\n", 2, FAILURE_POWEROFF, FAILURE_POWEROFF },
		{ "keep-failure=efi\nfailure-limit=3 poweroff\n", 2, FAILURE_REBOOT, FAILURE_POWEROFF },
		{ "keep-failure=efi\nfailure-limit=3 poweroff\n", 2, FAILURE_HALT, FAILURE_HALT },
		{ "keep-failure=efi\nfailure-limit=1\n", 0, FAILURE_REBOOT, FAILURE_HALT },
	};
	struct config c;
	struct err e;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(config_parse(cases[i].text, strlen(cases[i].text), &c, &e), 0);
		if (failure_limited(&c.failure_limit, cases[i].ruled, cases[i].before) != cases[i].end)
			fail_msg("case %zu", i);
	}
	/* No more is counted than the limit asks for: what is the same is not written again. */
	assert_int_equal(failure_count(&c.failure_limit, 0), 1);
	assert_int_equal(failure_count(&c.failure_limit, 1), 1);
	c.failure_limit.n = 3;
	assert_int_equal(failure_count(&c.failure_limit, 1), 2);
	assert_int_equal(failure_count(&c.failure_limit, 3), 3);
	c.failure_limit.n = 0;
	assert_int_equal(failure_count(&c.failure_limit, 7), 1);
}

static void kept_failure(void **state)
{
#define F(text) (const uint8_t *)"\7\0\0\0" text, sizeof("\7\0\0\0" text) - 1
	static const struct { const uint8_t *p; size_t n; const char *what; unsigned count; } cases[] = {
		{ F("ROOT_NO_OS\ncheck\nno os-release\n1"), "no os-release", 1 },
		{ F("EXTENSION_MERGE\nextend-root\nno overlay\n1"), "no overlay", 1 },
		{ F("A_LATER_1\nx\ny\033[2J\n99"), "y?[2J", 99 },
		{ F("A_LATER_1\nx\ny\n100\n"), "y", 100 },
		{ F(""), NULL, 0 }, { F("CODE"), NULL, 0 }, { F("CODE\nstage"), NULL, 0 }, { F("CODE\nstage\n"), NULL, 0 },
		{ F("CODE\n\nwhat\n1"), NULL, 0 }, { F("\nstage\nwhat\n1"), NULL, 0 }, { F("CODE\nstage\nwhat\nmore"), NULL, 0 },
		{ F("CODE\nstage\nwhat"), NULL, 0 }, { F("CODE\nstage\nwhat\n"), NULL, 0 },
		{ F("CODE\nstage\nwhat\n0"), NULL, 0 }, { F("CODE\nstage\nwhat\n101"), NULL, 0 },
		{ F("CODE\nstage\nwhat\n-1"), NULL, 0 }, { F("CODE\nstage\nwhat\n0001"), NULL, 0 },
		{ F("CODE\nstage\nwhat\n1\nmore"), NULL, 0 },
		{ F("Code\nstage\nwhat\n1"), NULL, 0 }, { F("CODE\nsta ge\nwhat\n1"), NULL, 0 },
		{ F("CODE\nstage\nwh\0at\n1"), NULL, 0 }, { F("CODE\nabcdefghijklmnop\nwhat\n1"), NULL, 0 },
		{ (const uint8_t *)"\7\0\0", 3, NULL, 0 },
	};
	struct last_failure f;
	struct efivar v;
	struct err e, failure;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int rc = last_failure_parse(cases[i].p, cases[i].n, &f, &e);

		if (rc != (cases[i].what ? 0 : -ERR_EFI_VARIABLE))
			fail_msg("case %zu: %d", i, rc);
		if (cases[i].what)
			assert_string_equal(f.what, cases[i].what);
		if (cases[i].what && f.count != cases[i].count)
			fail_msg("case %zu: %u", i, f.count);
	}
	/* The longest there is comes back as it was. */
	assert_int_equal(err_set(&failure, ERR_SIGNATURE_UNTRUSTED, 0, "%0400d", 7), -ERR_SIGNATURE_UNTRUSTED);
	last_failure_format("a-stage-of-thirty-characters--", &failure, 100, &v);
	assert_int_equal(last_failure_parse(v.bytes, v.n, &f, &e), 0);
	assert_string_equal(f.stage, "a-stage-of-thir");
	last_failure_format("discover", &failure, 100, &v);
	assert_int_equal(last_failure_parse(v.bytes, v.n, &f, &e), 0);
	assert_string_equal(f.code, "SIGNATURE_UNTRUSTED");
	assert_string_equal(f.stage, "discover");
	assert_string_equal(f.what, failure.what);
	assert_int_equal(f.count, 100);
#undef F
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(words), UNIT_TEST(refusals), UNIT_TEST(notices), UNIT_TEST(values), UNIT_TEST(device_timeouts), UNIT_TEST(disk_timeout),
		UNIT_TEST(luks_values), UNIT_TEST(lockdown_states), UNIT_TEST(denies_as_many_as_fit), UNIT_TEST(configuration),
		UNIT_TEST(failure_rules), UNIT_TEST(failure_limits), UNIT_TEST(kept_failure),
		UNIT_TEST(efi_text), UNIT_TEST(shim_was_told_to_check_nothing), UNIT_TEST(efi_numbers), UNIT_TEST(tpm_is_announced),
	};

	return cmocka_run_group_tests_name("inputs", tests, NULL, NULL);
}
