/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include "modules/trust/verdict.h"

#define READ_ONLY (UINT64_C(1) << 60)
#define GROWFS (UINT64_C(1) << 59)
enum { ANY_DATA = USE_OPEN & ~(USE_VERITY | USE_SIGNED), PLAIN = USE_UNPROTECTED };

/* What one designator is allowed to be after parsing. */
static const struct parse_case {
	const char *text;
	enum policy_designator d;
	unsigned use;
} parse_cases[] = {
	/* whole-string forms */
	{ "", POLICY_ROOT, USE_IGNORE },
	{ "-", POLICY_ROOT_VERITY, USE_IGNORE },
	{ "*", POLICY_ROOT, USE_OPEN },
	{ "*", POLICY_HOME, ANY_DATA },
	{ "*", POLICY_ROOT_VERITY_SIG, PLAIN | USE_IGNORE },
	{ "~", POLICY_USR, USE_ABSENT },
	{ "~", POLICY_USR_VERITY, USE_ABSENT },
	/* single rules */
	{ "root=verity", POLICY_ROOT, USE_VERITY },
	{ "root=verity+signed+encrypted+encryptedwithintegrity+unprotected+unused+absent", POLICY_ROOT, USE_OPEN },
	{ "root=open", POLICY_ROOT, USE_OPEN },
	{ "root=ignore", POLICY_ROOT, USE_IGNORE },
	{ "root=", POLICY_ROOT, USE_OPEN },
	{ "root=-", POLICY_ROOT, USE_OPEN },
	{ "root=read-only-on", POLICY_ROOT, USE_OPEN },
	{ "root=ext4", POLICY_ROOT, USE_OPEN },
	{ "root=signed", POLICY_USR, USE_IGNORE },
	/* the default */
	{ "=absent", POLICY_VAR, USE_ABSENT },
	{ "root=verity:=unprotected", POLICY_SRV, PLAIN },
	{ "=encrypted:root=verity", POLICY_ROOT, USE_VERITY },
	{ "=signed", POLICY_HOME, USE_IGNORE },
	/* hash and signature follow their data */
	{ "root=verity", POLICY_ROOT_VERITY, PLAIN },
	{ "root=verity", POLICY_ROOT_VERITY_SIG, USE_IGNORE },
	{ "root=signed", POLICY_ROOT_VERITY, PLAIN },
	{ "root=signed", POLICY_ROOT_VERITY_SIG, PLAIN },
	{ "usr=signed+absent", POLICY_USR_VERITY_SIG, PLAIN | USE_ABSENT },
	{ "usr=signed", POLICY_ROOT_VERITY_SIG, USE_IGNORE },
	{ "root=verity+signed", POLICY_ROOT_VERITY, PLAIN },
	{ "root=verity+signed", POLICY_ROOT_VERITY_SIG, PLAIN | USE_ABSENT },
	{ "root=verity+encrypted", POLICY_ROOT_VERITY, PLAIN | USE_ABSENT },
	{ "root=encrypted", POLICY_ROOT_VERITY, USE_IGNORE },
	{ "root=encrypted:=absent", POLICY_ROOT_VERITY, USE_ABSENT },
	{ "=verity", POLICY_USR_VERITY, PLAIN },
	{ "root=signed:root-verity-sig=absent", POLICY_ROOT_VERITY_SIG, USE_ABSENT },
	{ "root-verity=signed+unused", POLICY_ROOT_VERITY, USE_UNUSED },
	{ "esp=verity+unprotected", POLICY_ESP, PLAIN },
};

static void parses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(parse_cases) / sizeof(*parse_cases); i++) {
		const struct parse_case *c = &parse_cases[i];
		char got[96], expected[96];
		struct policy p = { 0 };
		struct err e = { 0 };

		assert_code(policy_parse(c->text, &p, &e), &e, ERR_NONE, c->text);
		if (p.use[c->d] != c->use)
			fail_msg("'%s', designator %d: got %s, expected %s", c->text, (int)c->d,
				 policy_uses(p.use[c->d], got, sizeof(got)),
				 policy_uses(c->use, expected, sizeof(expected)));
		for (int d = 0; d < POLICY_N_DESIGNATORS; d++)
			if (!p.use[d])
				fail_msg("'%s' leaves nothing for %d", c->text, d);
	}
}

static void refuses_bad_syntax(void **state)
{
	static const char *const bad[] = {
		"root", "root=verity:", ":root=verity", "root=verity::usr=verity", "root=verity+",
		"root=+verity", "root=verity++signed", "root=verified", "rot=verity", "ROOT=verity",
		"root=verity:root=verity", "=open:=open", "root==verity", "root=verity usr=verity",
		" root=verity", "root=ext3", "**", "~:root=verity", "root=verity\n", "root-verity=verity",
		"esp=signed", "swap=verity+signed", "root-verity-sig=signed", "root=-+verity",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct policy p;
		struct err e = { 0 };

		assert_code(policy_parse(bad[i], &p, &e), &e, ERR_POLICY_SYNTAX, bad[i]);
		assert_true(strlen(e.what) > 0);
	}
}

static const struct check_case {
	const char *text;
	unsigned found;
	uint64_t attributes;
	const char *filesystem;
	enum err_code code;
} check_cases[] = {
	{ "root=signed", USE_VERITY | USE_SIGNED, 0, NULL, ERR_NONE },
	{ "root=signed", USE_VERITY, 0, NULL, ERR_POLICY_REFUSED },
	{ "root=verity", USE_VERITY | USE_SIGNED, 0, NULL, ERR_NONE },
	{ "root=verity", USE_UNPROTECTED, 0, NULL, ERR_POLICY_REFUSED },
	{ "root=verity+absent", USE_ABSENT, 0, NULL, ERR_NONE },
	{ "root=verity", USE_ABSENT, 0, NULL, ERR_POLICY_REFUSED },
	{ "~", USE_VERITY | USE_SIGNED, 0, NULL, ERR_POLICY_REFUSED },
	{ "-", USE_VERITY | USE_SIGNED, 0, NULL, ERR_POLICY_REFUSED },
	{ "*", USE_UNPROTECTED, READ_ONLY | GROWFS, NULL, ERR_NONE },
	{ "root=read-only-on", USE_VERITY, READ_ONLY, NULL, ERR_NONE },
	{ "root=read-only-on", USE_VERITY, GROWFS, NULL, ERR_POLICY_REFUSED },
	{ "root=read-only-on+absent", USE_ABSENT, 0, NULL, ERR_NONE },
	{ "root=read-only-off", USE_VERITY, READ_ONLY, NULL, ERR_POLICY_REFUSED },
	{ "root=read-only-off+read-only-on", USE_VERITY, READ_ONLY, NULL, ERR_NONE },
	{ "root=growfs-off", USE_VERITY, GROWFS, NULL, ERR_POLICY_REFUSED },
	{ "root=growfs-on", USE_VERITY, GROWFS, NULL, ERR_NONE },
	{ "root=erofs+squashfs", USE_VERITY, 0, "erofs", ERR_NONE },
	{ "root=erofs+squashfs", USE_VERITY, 0, "ext4", ERR_POLICY_REFUSED },
	{ "root=erofs+squashfs", USE_VERITY, 0, "erofs2", ERR_POLICY_REFUSED },
	{ "root=verity", USE_VERITY, 0, "ext4", ERR_NONE },
	{ "root=btrfs", USE_VERITY, 0, "btrfs", ERR_NONE },
	{ "root=f2fs", USE_VERITY, 0, "f2fs", ERR_NONE },
	{ "root=vfat", USE_VERITY, 0, "vfat", ERR_NONE },
	{ "root=xfs", USE_VERITY, 0, "xfs", ERR_NONE },
	{ "root=btrfs+f2fs+vfat+xfs+ext4+erofs", USE_VERITY, 0, "squashfs", ERR_POLICY_REFUSED },
	{ "root=btrfs+f2fs+vfat+xfs+ext4+erofs+squashfs", USE_VERITY, 0, "ntfs", ERR_POLICY_REFUSED },
	{ "root=encrypted", USE_ENCRYPTED, 0, NULL, ERR_NONE },
	{ "root=encrypted", USE_ENCRYPTED | USE_ENCRYPTED_INTEGRITY, 0, NULL, ERR_NONE },
	{ "root=encryptedwithintegrity", USE_ENCRYPTED | USE_ENCRYPTED_INTEGRITY, 0, NULL, ERR_NONE },
	{ "root=encryptedwithintegrity", USE_ENCRYPTED, 0, NULL, ERR_POLICY_REFUSED },
	{ "root=encrypted", USE_UNPROTECTED, 0, NULL, ERR_POLICY_REFUSED },
	{ "root=unprotected", USE_ENCRYPTED, 0, NULL, ERR_POLICY_REFUSED },
	{ "root=signed", USE_ENCRYPTED, 0, NULL, ERR_POLICY_REFUSED },
	{ "root=verity+signed", USE_UNPROTECTED, 0, NULL, ERR_POLICY_REFUSED },
	{ "root=absent", USE_ABSENT, 0, NULL, ERR_NONE },
	{ "root=absent", USE_VERITY | USE_SIGNED, 0, NULL, ERR_POLICY_REFUSED },
	{ "root=unused", USE_VERITY | USE_SIGNED, 0, NULL, ERR_POLICY_REFUSED },
	{ "root=unused+absent", USE_ABSENT, 0, NULL, ERR_NONE },
};

static void checks(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(check_cases) / sizeof(*check_cases); i++) {
		const struct check_case *c = &check_cases[i];
		struct policy p;
		struct err e = { 0 };
		int rc = policy_parse(c->text, &p, &e);

		assert_code(rc, &e, ERR_NONE, c->text);
		rc = policy_check(&p, POLICY_ROOT, c->found, c->attributes, "root", &e);
		if (rc == 0 && c->filesystem)
			rc = policy_check_filesystem(&p, POLICY_ROOT, c->filesystem, &e);
		assert_code(rc, &e, c->code, c->text);
	}
}

static void says_what_is_missing(void **state)
{
	struct policy p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(policy_parse("root=signed", &p, &e), 0);
	assert_int_equal(policy_check(&p, POLICY_ROOT, USE_VERITY, 0, "root", &e), -ERR_POLICY_REFUSED);
	assert_string_equal(e.what, "policy allows 'signed' for 'root', but the disk holds 'verity'");
}

static const struct narrow_case {
	const char *floor, *asked;
	enum err_code code;
	unsigned use; /* of the root afterwards */
} narrow_cases[] = {
	{ "root=signed+encrypted", "*", ERR_NONE, USE_SIGNED | USE_ENCRYPTED },
	{ "*", "root=signed", ERR_NONE, USE_SIGNED },
	{ "root=signed+encrypted", "root=verity+signed", ERR_NONE, USE_SIGNED },
	{ "root=signed", "root=verity", ERR_POLICY_REFUSED, 0 },
	{ "root=signed", "~", ERR_POLICY_REFUSED, 0 },
	{ "root=signed", "-", ERR_POLICY_REFUSED, 0 },
	{ "root=signed+absent", "~", ERR_NONE, USE_ABSENT },
	{ "root=signed", "root=signed:home=encrypted", ERR_POLICY_REFUSED, 0 },
	{ "root=signed:=open", "root=signed:home=encrypted", ERR_NONE, USE_SIGNED },
	{ "root=signed:=open", "root=verity:home=encrypted", ERR_POLICY_REFUSED, 0 },
	{ "root=read-only-on", "root=read-only-off", ERR_POLICY_REFUSED, 0 },
	{ "root=growfs-off", "root=open", ERR_NONE, USE_OPEN },
	{ "root=erofs", "root=ext4", ERR_POLICY_REFUSED, 0 },
	{ "root=erofs+ext4", "root=ext4+xfs", ERR_NONE, USE_OPEN },
};

static void narrows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(narrow_cases) / sizeof(*narrow_cases); i++) {
		const struct narrow_case *c = &narrow_cases[i];
		struct policy floor, p, before;
		struct err e = { 0 };
		int rc;

		assert_int_equal(policy_parse(c->floor, &floor, &e), 0);
		assert_int_equal(policy_parse(c->asked, &p, &e), 0);
		before = p;
		rc = policy_narrow(&p, &floor, &e);
		assert_code(rc, &e, c->code, c->asked);
		if (rc < 0)
			assert_memory_equal(&p, &before, sizeof(p));
		else
			assert_int_equal(p.use[POLICY_ROOT], c->use);
	}
}

static void narrows_the_rest(void **state)
{
	struct policy floor, p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(policy_parse("root=erofs+ext4+read-only-on", &floor, &e), 0);
	assert_int_equal(policy_parse("root=ext4+xfs", &p, &e), 0);
	assert_int_equal(policy_narrow(&p, &floor, &e), 0);
	assert_int_equal(policy_check_filesystem(&p, POLICY_ROOT, "ext4", &e), 0);
	assert_int_equal(policy_check_filesystem(&p, POLICY_ROOT, "xfs", &e), -ERR_POLICY_REFUSED);
	assert_int_equal(policy_check(&p, POLICY_ROOT, USE_VERITY, 0, "root", &e), -ERR_POLICY_REFUSED);
	assert_int_equal(policy_check(&p, POLICY_ROOT, USE_VERITY, READ_ONLY, "root", &e), 0);
}

/* The cases of systemd's own test, with what they are there; "" is ignore, as "-". */
static void agrees_with_systemd(void **state)
{
	static const struct { const char *text; unsigned all; } same[] = {
		{ "", USE_IGNORE }, { "-", USE_IGNORE }, { "*", USE_OPEN }, { "~", USE_ABSENT },
		{ "=absent", USE_ABSENT }, { "=open", USE_OPEN }, { "=", USE_OPEN }, { "=-", USE_OPEN },
		{ "=ignore", USE_IGNORE }, { "=absent+unused", USE_IGNORE },
		{ "=unused+absent", USE_IGNORE }, { "root=ignore:=ignore", USE_IGNORE },
		{ "=verity+signed+encrypted+encryptedwithintegrity+unprotected+unused+absent", USE_OPEN },
		{ "=signed+verity+encrypted+encryptedwithintegrity+unused+unprotected+absent", USE_OPEN },
		{ "=verity+signed+encrypted+unprotected+unused+absent", USE_OPEN & ~USE_ENCRYPTED_INTEGRITY },
	};
	static const char *const bad[] = {
		"pfft", "\303\266\303\244\303\274\303\237", ":", "a=", "=a", "==",
		"root=verity:root=encrypted", "root=grbl", "wowza=grbl",
	};
	struct policy p;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		assert_code(policy_parse(same[i].text, &p, &e), &e, ERR_NONE, same[i].text);
		assert_int_equal(p.use[POLICY_ROOT], same[i].all);
		assert_int_equal(p.use[POLICY_USR], same[i].all);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_code(policy_parse(bad[i], &p, &e), &e, ERR_POLICY_SYNTAX, bad[i]);
	assert_code(policy_parse("swap=open:root=signed+read-only-on+growfs-off:=absent", &p, &e), &e,
		    ERR_NONE, "swap");
	assert_int_equal(p.use[POLICY_SWAP], ANY_DATA);
	assert_int_equal(p.use[POLICY_ROOT], USE_SIGNED);
	assert_int_equal(p.use[POLICY_HOME], USE_ABSENT);
	assert_int_equal(p.read_only[POLICY_ROOT], 1);
	assert_int_equal(p.growfs[POLICY_ROOT], 0);
}

#define EVERY_WAY "verity+signed+encrypted+encryptedwithintegrity+unprotected+absent"
#define NO_VERITY "encrypted+encryptedwithintegrity+unprotected+absent"
#define SYSTEMS "root=" EVERY_WAY ":usr=" EVERY_WAY
#define SERVICE SYSTEMS ":home=" NO_VERITY ":srv=" NO_VERITY ":tmp=" NO_VERITY ":var=" NO_VERITY
#define CONTAINER SERVICE ":esp=unprotected+absent:xbootldr=unprotected+absent"
#define HOST CONTAINER ":swap=" NO_VERITY
#define STRICT "root=signed+absent:usr=signed+absent"

/* The texts that it takes apart and puts together again, those of its own policies among them.
 *
 * Of the rest of what its test calls nothing is here: a policy is only ever narrowed, so there is no
 * union; ignore_designators is for mounting a part of an image, and every partition is judged here;
 * graceful parsing is for later versions' words in files, and a word that is not known ends the boot;
 * determine_fstype takes the type of a file system from the policy, and here it is found and then judged;
 * new_from_dissected makes a policy of what was found, so that it can be found again. */
static void says_what_systemd_says(void **state)
{
	static const struct { const char *text; enum policy_designator d; const char *words; } all[] = {
		{ "swap=open", POLICY_SWAP, "open" },
		{ "swap=open", POLICY_ROOT, "unused+absent" },
		{ "swap=open:root=signed", POLICY_SWAP, "open" },
		{ "swap=open:root=signed", POLICY_ROOT, "signed" },
		{ "swap=open:root=signed", POLICY_ROOT_VERITY_SIG, "unprotected" },
		{ "swap=open:root=signed+read-only-on+growfs-off:=absent", POLICY_ROOT,
		  "signed+read-only-on+growfs-off" },
		{ "swap=open:root=signed+read-only-on+growfs-off:=absent", POLICY_VAR, "absent" },
		{ "=-", POLICY_HOME, "open" },
		{ "=", POLICY_HOME, "open" },
		{ "root=ext4+squashfs+verity", POLICY_ROOT, "verity+ext4+squashfs" },
		{ "root=ext4+squashfs+verity", POLICY_ROOT_VERITY, "unprotected" },
		{ "usr=encrypted+erofs+read-only-off", POLICY_USR, "encrypted+read-only-off+erofs" },
		{ "home=unprotected+btrfs", POLICY_HOME, "unprotected+btrfs" },
		{ "=vfat+erofs", POLICY_ESP, "open+erofs+vfat" },
		{ "=vfat+erofs", POLICY_ROOT, "open+erofs+vfat" },
		/* what is not said is open: uses, attributes, both */
		{ "root=unprotected", POLICY_ROOT, "unprotected" },
		{ "root=unprotected+read-only-on", POLICY_ROOT, "unprotected+read-only-on" },
		{ "root=unprotected+read-only-on+growfs-off", POLICY_ROOT, "unprotected+read-only-on+growfs-off" },
		{ "root=growfs-on", POLICY_ROOT, "open+growfs-on" },
		{ "root=read-only-on+read-only-off+growfs-on+growfs-off", POLICY_ROOT, "open" },
		/* host, container, service, sysext, sysext-strict, confext, confext-strict */
		{ HOST, POLICY_ROOT, EVERY_WAY }, { HOST, POLICY_USR, EVERY_WAY }, { HOST, POLICY_SWAP, NO_VERITY },
		{ HOST, POLICY_XBOOTLDR, "unprotected+absent" },
		{ HOST, POLICY_ROOT_VERITY, "unprotected+absent" },
		{ CONTAINER, POLICY_ESP, "unprotected+absent" }, { CONTAINER, POLICY_SWAP, "unused+absent" },
		{ SERVICE, POLICY_VAR, NO_VERITY }, { SERVICE, POLICY_ESP, "unused+absent" },
		{ SYSTEMS, POLICY_USR, EVERY_WAY }, { SYSTEMS, POLICY_HOME, "unused+absent" },
		{ STRICT, POLICY_USR, "signed+absent" }, { STRICT, POLICY_ESP, "unused+absent" },
		{ STRICT, POLICY_USR_VERITY_SIG, "unprotected+absent" },
		{ "root=" EVERY_WAY, POLICY_USR, "unused+absent" },
		{ "root=signed+absent", POLICY_ROOT_VERITY, "unprotected+absent" },
		{ "root=signed+absent", POLICY_USR_VERITY, "unused+absent" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		char words[POLICY_WORDS_BYTES];
		struct policy p;
		struct err e = { 0 };

		assert_code(policy_parse(all[i].text, &p, &e), &e, ERR_NONE, all[i].text);
		if (strcmp(policy_words(&p, all[i].d, words, sizeof(words)), all[i].words) != 0)
			fail_msg("'%s' says '%s', and not '%s'", all[i].text, words, all[i].words);
	}
}

/* Its intersections; what comes of them allows the same as the third policy. */
static void intersects_as_systemd(void **state)
{
	static const char *const all[][3] = {
		{ "", "", "" }, { "-", "-", "-" }, { "*", "*", "*" }, { "~", "~", "~" },
		{ "root=verity+signed", "root=signed+verity", "root=verity+signed" },
		{ "root=verity+signed", "root=signed", "root=signed" },
		{ "root=verity+signed", "root=verity", "root=verity" },
		{ "root=open", "root=verity", "root=verity" },
		{ "root=open", "=verity+ignore", "root=verity+ignore:=ignore" },
		{ "root=verity+signed:=open", "root=verity", "root=verity" },
		{ "root=verity+signed:=open", "root=verity:=open", "root=verity:=open" },
		{ "root=open:=ignore", "=verity+signed+ignore", "root=verity+signed+ignore:=ignore" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct policy p, floor, expected;
		struct err e = { 0 };

		assert_int_equal(policy_parse(all[i][0], &p, &e), 0);
		assert_int_equal(policy_parse(all[i][1], &floor, &e), 0);
		assert_int_equal(policy_parse(all[i][2], &expected, &e), 0);
		assert_code(policy_narrow(&p, &floor, &e), &e, ERR_NONE, all[i][0]);
		assert_memory_equal(p.use, expected.use, sizeof(p.use));
	}
}

static void tells_weak_ones(void **state)
{
	static const struct { const char *asked, *floor; bool is_weak; } all[] = {
		{ "root=verity+signed+absent", "root=signed:=open", true },
		{ "root=verity+signed", "root=signed:=open", true },
		{ "*", "root=signed:=open", true },
		{ "root=signed+unprotected", "root=signed+absent", true },
		{ "root=signed", "root=signed:=open", false },
		{ "root=signed+absent", "root=signed:=open", false },
		{ "root=absent", "root=signed:=open", false },
		{ "root=verity+signed", "root=verity+signed:=open", false },
		{ "usr=verity", "root=signed:=open", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct policy p, floor;
		struct err e = { 0 };

		assert_int_equal(policy_parse(all[i].asked, &p, &e), 0);
		assert_int_equal(policy_parse(all[i].floor, &floor, &e), 0);
		if (policy_is_weak(&p, &floor, POLICY_ROOT) != all[i].is_weak)
			fail_msg("'%s' under '%s'", all[i].asked, all[i].floor);
	}
}

static const struct explain_case {
	const char *floor, *asked;
	enum policy_designator d;
	unsigned found;
	uint64_t attributes;
	const char *filesystem;
	const char *says; /* found, allowed, rule, whose, verdict; "": nothing */
} explain_cases[] = {
	{ "root=signed:=open", "*", POLICY_ROOT, USE_VERITY | USE_SIGNED, 0, NULL,
	  "verity+signed, signed, explicit, initrd, accepted" },
	{ "root=signed:=open", "*", POLICY_ROOT, USE_VERITY, READ_ONLY, NULL,
	  "verity, signed, explicit, initrd, refused" },
	{ "root=signed:=open", "*", POLICY_ROOT_VERITY_SIG, PLAIN, 0, NULL,
	  "unprotected, unprotected, derived, initrd, accepted" },
	{ "root=signed:=open", "*", POLICY_ESP, PLAIN, 0, NULL,
	  "unprotected, open, default, initrd, accepted" },
	{ "root=signed:=open+growfs-off", "*", POLICY_HOME, PLAIN, 0, NULL,
	  "unprotected+growfs-off, open+growfs-off, default, initrd, accepted" },
	{ "root=signed:=open", "root=signed+absent:=ignore", POLICY_ROOT, USE_SIGNED, 0, NULL,
	  "signed, signed, explicit, initrd, accepted" },
	{ "root=signed:=open", "root=signed:=absent", POLICY_HOME, PLAIN, 0, NULL,
	  "unprotected, absent, default, command line, refused" },
	{ "root=signed:=open", "root=signed:home=encrypted", POLICY_HOME, USE_ABSENT, 0, NULL,
	  "absent, encrypted, explicit, command line, refused" },
	{ "root=verity+signed:=open", "root=signed", POLICY_ROOT_VERITY_SIG, PLAIN, 0, NULL,
	  "unprotected, unprotected, derived, command line, accepted" },
	{ "*", "*", POLICY_USR, USE_ABSENT, 0, NULL, "" },
	{ "root=signed+read-only-on+growfs-off", "*", POLICY_ROOT, USE_SIGNED, GROWFS, NULL,
	  "signed+read-only-off+growfs-on, signed+read-only-on+growfs-off, explicit, initrd, refused" },
	{ "root=signed+read-only-on+absent", "*", POLICY_ROOT, USE_ABSENT, 0, NULL, "" },
	{ "root=signed+xfs:=open", "root=signed+read-only-on+xfs+erofs:=open", POLICY_ROOT, 0, 0, "ext4",
	  "ext4, signed+read-only-on+xfs, explicit, initrd, refused" },
	/* one word of a rule may be the initrd's and another the command line's */
	{ "root=signed:=open", "root=signed+erofs:=open", POLICY_ROOT, 0, 0, "ext4",
	  "ext4, signed+erofs, explicit, command line, refused" },
	{ "root=signed:=open", "=open+erofs", POLICY_ROOT, 0, 0, "ext4",
	  "ext4, signed+erofs, default, command line, refused" },
	{ "root=signed:=open", "root=signed+erofs:=open", POLICY_ROOT, USE_SIGNED, 0, NULL,
	  "signed, signed+erofs, explicit, initrd, accepted" },
	{ "root=signed:=open", "root=signed+growfs-off:=open", POLICY_ROOT, USE_SIGNED, GROWFS, NULL,
	  "signed+growfs-on, signed+growfs-off, explicit, command line, refused" },
	{ "root=signed+erofs", "*", POLICY_ROOT, 0, 0, "erofs",
	  "erofs, signed+erofs, explicit, initrd, accepted" },
	{ "root=signed", "*", POLICY_ROOT, 0, 0, "erofs", "" },
};

static void explains(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(explain_cases) / sizeof(*explain_cases); i++) {
		const struct explain_case *c = &explain_cases[i];
		struct policy_verdicts all = { 0 };
		struct policy floor, p;
		struct err e = { 0 };
		char found[POLICY_WORDS_BYTES], allowed[POLICY_WORDS_BYTES], got[512] = "";
		int rc;

		assert_int_equal(policy_parse(c->floor, &floor, &e), 0);
		assert_int_equal(policy_parse(c->asked, &p, &e), 0);
		assert_int_equal(policy_narrow(&p, &floor, &e), 0);
		rc = c->filesystem ? policy_judge_filesystem(&p, c->d, c->filesystem, &all, &e) :
				     policy_judge(&p, c->d, c->found, c->attributes, "x", &all, &e);
		for (size_t k = 0; k < all.n; k++)
			snprintf(got, sizeof(got), "%s, %s, %s, %s, %s",
				 verdict_found(&p, &all.of[k], found, sizeof(found)),
				 policy_words(&p, all.of[k].designator, allowed, sizeof(allowed)),
				 verdict_rule(&p, &all.of[k]), verdict_source(&p, &all.of[k]),
				 all.of[k].refused ? "refused" : "accepted");
		if (strcmp(got, c->says) != 0 || (rc < 0) != (strstr(c->says, "refused") != NULL))
			fail_msg("'%s' under '%s' says '%s'", c->asked, c->floor, got);
	}
}

/* The longest words fit; in less room they are cut, and never too long. */
static void words_fit(void **state)
{
	static const char all[] = "root=verity+signed+encrypted+encryptedwithintegrity+unprotected+unused+"
				  "read-only-off+growfs-off+btrfs+erofs+ext4+f2fs+squashfs+vfat+xfs";
	char whole[POLICY_WORDS_BYTES];
	struct policy p;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(policy_parse(all, &p, &e), 0);
	policy_words(&p, POLICY_ROOT, whole, sizeof(whole));
	assert_string_equal(whole, all + strlen("root="));
	for (size_t n = 1; n < sizeof(whole); n++) {
		char cut[POLICY_WORDS_BYTES] = "";

		policy_words(&p, POLICY_ROOT, cut, n);
		assert_true(strlen(cut) < n);
		assert_memory_equal(cut, whole, strlen(cut));
	}
}

/* Where the system is in a /usr, what the floor says of the root counts for it. */
static void floors_hold_for_usr(void **state)
{
	static const struct { const char *floor, *usr, *signature; } all[] = {
		{ "root=signed+erofs:=open", "signed+erofs", "unprotected" },
		{ "root=signed+read-only-on", "signed+read-only-on", "unprotected+read-only-on" },
		{ "usr=verity+signed:root=signed:=open", "verity+signed", "unprotected+absent" },
		{ "root=signed:usr-verity-sig=absent:=open", "signed", "absent" },
		{ "=signed", "signed", "unprotected" },
	};
	char words[POLICY_WORDS_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct policy floor;
		struct err e;

		assert_int_equal(policy_floor(all[i].floor, POLICY_USR, true, false, &floor, &e), 0);
		assert_string_equal(policy_words(&floor, POLICY_USR, words, sizeof(words)), all[i].usr);
		assert_string_equal(policy_words(&floor, POLICY_USR_VERITY_SIG, words, sizeof(words)),
				    all[i].signature);
	}
}

/* Without a rule of its own the partition of the system has the default beside that for all others. */
static void floors_have_a_rule_for_the_system(void **state)
{
	static const struct { const char *floor; bool certificates; const char *root; } all[] = {
		{ "", true, "signed" }, { "", false, "verity+signed" },
		{ "home=encrypted:=open", true, "signed" }, { "home=encrypted:=open", false, "verity+signed" },
		{ "*", true, "signed" }, { "=signed", false, "signed" }, { "=verity+absent", false, "verity" },
		{ "root=open", true, "open" }, { "root=encrypted:=open", true, "encrypted" },
		{ "usr=open:=open", true, "signed" }, { "=open+read-only-on+erofs", true, "signed+read-only-on+erofs" },
		{ "=encrypted", true, NULL }, { "home=encrypted", true, NULL }, { "~", true, NULL },
		{ "=unprotected", false, NULL },
	};
	char words[POLICY_WORDS_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct policy floor;
		struct err e = { 0 };
		int rc = policy_floor(all[i].floor, POLICY_ROOT, all[i].certificates, false, &floor, &e);

		assert_code(rc, &e, all[i].root ? ERR_NONE : ERR_POLICY_REFUSED, all[i].floor);
		if (all[i].root)
			assert_string_equal(policy_words(&floor, POLICY_ROOT, words, sizeof(words)), all[i].root);
		else if (!strstr(e.where, "has no rule for 'root'"))
			fail_msg("'%s' says '%s'", all[i].floor, e.where);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(floors_have_a_rule_for_the_system),
		UNIT_TEST(parses), UNIT_TEST(floors_hold_for_usr), UNIT_TEST(refuses_bad_syntax), UNIT_TEST(checks),
		UNIT_TEST(says_what_is_missing), UNIT_TEST(narrows), UNIT_TEST(narrows_the_rest),
		UNIT_TEST(agrees_with_systemd), UNIT_TEST(says_what_systemd_says), UNIT_TEST(intersects_as_systemd),
		UNIT_TEST(tells_weak_ones), UNIT_TEST(explains), UNIT_TEST(words_fit),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
