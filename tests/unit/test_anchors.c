/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "modules/trust/anchors.h"
#include "modules/trust/keyring.h"
#include "tests/unit/tree.h"

#define DATA "tests/data/trust/"

/* Makes a tree; "c PATH NAME" copies DATA NAME there, other lines are tree.h's. */
static void make(const char *const *lines, char ret[static 32])
{
	static const char *const nothing[] = { NULL };

	tree_make(nothing, ret);
	for (; *lines; lines++) {
		const char *const line[] = { *lines, NULL };
		const char *name = strrchr(*lines, ' ') + 1;
		char src[128], dst[192], parent[192];
		struct err e = { 0 };

		if (**lines != 'c') {
			tree_add(ret, line);
			continue;
		}
		snprintf(src, sizeof(src), DATA "%s", name);
		snprintf(dst, sizeof(dst), "%s/%.*s", ret, (int)(name - *lines - 3), *lines + 2);
		snprintf(parent, sizeof(parent), "%s", dst);
		*strrchr(parent, '/') = '\0';
		assert_int_equal(make_dirs(parent, 0755, &e), 0);
		assert_code(file_copy(src, dst, 0644, 65536, &e) == 1 ? 0 : -ERR_SYSTEM, &e, ERR_NONE, src);
	}
}

static const struct load_case {
	const char *name;
	const char *lines[8];
	enum err_code code;
	size_t n;
} load_cases[] = {
	{ "no folder", { NULL }, ERR_NONE, 0 },
	{ "empty folder", { "d etc/verity.d" }, ERR_NONE, 0 },
	{ "each kind of key", { "c usr/lib/verity.d/a.crt rsa2048.crt", "c usr/lib/verity.d/b.crt p256.crt",
	    "c usr/lib/verity.d/c.crt p384.crt", "c usr/lib/verity.d/d.crt p521.crt" }, ERR_NONE, 4 },
	{ "each folder", { "c etc/verity.d/a.crt rsa2048.crt", "c run/verity.d/b.crt p256.crt",
	    "c usr/local/lib/verity.d/c.crt p384.crt", "c usr/lib/verity.d/d.crt p521.crt" }, ERR_NONE, 4 },
	{ "expired: no clock to say so", { "c etc/verity.d/a.crt expired.crt" }, ERR_NONE, 1 },
	{ "other names", { "c etc/verity.d/a.pem rsa2048.crt", "f etc/verity.d/README x",
	    "c etc/verity.d/a.crt.bak rsa2048.crt", "f etc/verity.d/.crt x" }, ERR_NONE, 0 },
	{ "masked by another", { "c etc/verity.d/a.crt p256.crt", "c usr/lib/verity.d/a.crt rsa1024.crt" },
	  ERR_NONE, 1 },
	{ "masked by nothing", { "f etc/verity.d/a.crt", "c usr/lib/verity.d/a.crt rsa1024.crt" }, ERR_NONE, 0 },
	{ "masked by /dev/null", { "l run/verity.d/a.crt /dev/null", "c usr/lib/verity.d/a.crt rsa2048.crt" },
	  ERR_NONE, 0 },
	{ "not masked by a later one", { "f usr/lib/verity.d/a.crt", "c etc/verity.d/a.crt rsa2048.crt" },
	  ERR_NONE, 1 },

	{ "weak RSA", { "c etc/verity.d/a.crt rsa1024.crt" }, ERR_CERTIFICATE, 0 },
	{ "other curve", { "c etc/verity.d/a.crt k256.crt" }, ERR_CERTIFICATE, 0 },
	{ "ed25519", { "c etc/verity.d/a.crt ed25519.crt" }, ERR_CERTIFICATE, 0 },
	{ "two in a file", { "c etc/verity.d/a.crt two.crt" }, ERR_CERTIFICATE, 0 },
	{ "DER", { "c etc/verity.d/a.crt der.crt" }, ERR_CERTIFICATE, 0 },
	{ "text", { "f etc/verity.d/a.crt hello" }, ERR_CERTIFICATE, 0 },
	{ "damaged", { "f etc/verity.d/a.crt -----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n" },
	  ERR_CERTIFICATE, 0 },
	{ "one bad among good", { "c etc/verity.d/a.crt p256.crt", "f usr/lib/verity.d/z.crt x" },
	  ERR_CERTIFICATE, 0 },
	{ "dangling link", { "l etc/verity.d/a.crt nowhere" }, ERR_CERTIFICATE, 0 },
	{ "folder as a file", { "d etc/verity.d/a.crt" }, ERR_CERTIFICATE, 0 },
};

static void loads(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(load_cases) / sizeof(*load_cases); i++) {
		const struct load_case *c = &load_cases[i];
		struct anchors *a = NULL;
		struct err e = { 0 };
		char root[32];
		int rc;

		make(c->lines, root);
		rc = anchors_load(root, NULL, &a, &e);
		tree_remove(root);
		assert_code(rc, &e, c->code, c->name);
		if (rc == 0 && anchors_count(a) != c->n)
			fail_msg("case '%s': %zu certificates", c->name, anchors_count(a));
		if (rc < 0 && !strstr(e.what, "verity.d/"))
			fail_msg("case '%s' names no file: %s", c->name, e.what);
		anchors_free(a);
	}
}

enum { RSA = 1, P256 = 2, P384 = 4, P521 = 8, EXPIRED = 16, ISSUED = 32 };
static const char *const bits[] = { "rsa2048", "p256", "p384", "p521", "expired", "issued" };

static const struct verify_case {
	const char *signature;
	unsigned anchors;
	enum err_code code;
	const char *signer;
} verify_cases[] = {
	{ "rsa2048", RSA, ERR_NONE, "rsa2048" },
	{ "p256", P256, ERR_NONE, "p256" },
	{ "p384", P384, ERR_NONE, "p384" },
	{ "p521", P521, ERR_NONE, "p521" },
	{ "p384", RSA | P256 | P384 | P521, ERR_NONE, "p384" },
	{ "no-certificate", RSA | P256, ERR_NONE, "p256" },
	{ "expired", EXPIRED, ERR_NONE, "expired" },
	{ "issued", ISSUED, ERR_NONE, "issued" },

	{ "p256", 0, ERR_SIGNATURE_UNTRUSTED, NULL },
	{ "p256", RSA, ERR_SIGNATURE_UNTRUSTED, NULL },
	{ "attacker", RSA | P256, ERR_SIGNATURE_UNTRUSTED, NULL },
	{ "rsa1024", RSA | P256, ERR_SIGNATURE_UNTRUSTED, NULL },
	{ "other-content", P256, ERR_SIGNATURE_UNTRUSTED, NULL },
	{ "newline", P256, ERR_SIGNATURE_UNTRUSTED, NULL },
	{ "upper-case", P256, ERR_SIGNATURE_UNTRUSTED, NULL },
	{ "attributes", P256, ERR_SIGNATURE_MALFORMED, NULL },
	{ "attached", P256, ERR_SIGNATURE_MALFORMED, NULL },
	{ "two-signers", P256, ERR_SIGNATURE_MALFORMED, NULL },
	{ "two-certificates", P256, ERR_SIGNATURE_MALFORMED, NULL },
	{ "sha1", RSA, ERR_SIGNATURE_MALFORMED, NULL },
	{ "pss", RSA, ERR_SIGNATURE_MALFORMED, NULL },
};

static struct anchors *load_but(unsigned which, const struct digests *denied)
{
	char lines[6][64], root[32];
	const char *tree[7] = { NULL };
	struct anchors *a = NULL;
	struct err e = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < sizeof(bits) / sizeof(*bits); i++)
		if (which & 1u << i) {
			snprintf(lines[n], sizeof(lines[n]), "c etc/verity.d/%s.crt %s.crt", bits[i], bits[i]);
			tree[n] = lines[n];
			n++;
		}
	make(tree, root);
	assert_code(anchors_load(root, denied, &a, &e), &e, ERR_NONE, "load");
	tree_remove(root);
	return a;
}

static struct anchors *load(unsigned which)
{
	return load_but(which, NULL);
}

static struct bytes read_data(const char *name, const char *suffix)
{
	char path[96], *p = NULL;
	struct err e = { 0 };
	size_t n = 0;

	snprintf(path, sizeof(path), DATA "%s%s", name, suffix);
	assert_code(file_read(AT_FDCWD, path, 65536, &p, &n, &e), &e, ERR_NONE, path);
	return (struct bytes){ (uint8_t *)p, n };
}

static void free_bytes(struct bytes b)
{
	free((void *)(uintptr_t)b.p);
}

static void verifies(void **state)
{
	struct bytes content = read_data("content", "");

	(void)state;
	for (size_t i = 0; i < sizeof(verify_cases) / sizeof(*verify_cases); i++) {
		const struct verify_case *c = &verify_cases[i];
		struct bytes der = read_data(c->signature, ".p7");
		struct anchors *a = load(c->anchors);
		struct signer got = { 0 };
		struct err e = { 0 };

		assert_code(anchors_verify(a, der, content, &got, &e), &e, c->code, c->signature);
		/* The kernel of this machine does not know the tests' keys, but perhaps an issuer. */
		if (got.known_to_kernel != (strcmp(c->signature, "issued") == 0))
			fail_msg("signature '%s': known to the kernel: %d", c->signature,
				 got.known_to_kernel);
		anchors_free(a);
		free_bytes(der);
	}
	free_bytes(content);
}

/* The one certificate that we have as DER, too: `openssl x509 -fingerprint -sha256`. */
static void tells_the_signer(void **state)
{
	struct bytes content = read_data("content", ""), der = read_data("no-certificate", ".p7");
	struct bytes expected = read_data("p256.sha256", "");
	char text[2 * FINGERPRINT_BYTES + 1];
	struct signer got;
	struct anchors *a = load(RSA | P256);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(anchors_verify(a, der, content, &got, &e), 0);
	hex_encode(got.fingerprint, sizeof(got.fingerprint), text);
	assert_memory_equal(text, expected.p, sizeof(text) - 1);
	anchors_free(a);
	free_bytes(content);
	free_bytes(der);
	free_bytes(expected);
}

/* The denied one is p256; its key signs nothing any more, and others are as they were. */
static void denies(void **state)
{
	static const struct verify_case cases[] = {
		{ "p256", RSA | P256, ERR_DENIED, NULL },
		{ "no-certificate", RSA | P256, ERR_DENIED, NULL },
		{ "no-certificate", P256, ERR_DENIED, NULL },
		{ "rsa2048", RSA | P256, ERR_NONE, NULL },
		{ "attacker", RSA | P256, ERR_SIGNATURE_UNTRUSTED, NULL },
		{ "attached", RSA | P256, ERR_SIGNATURE_MALFORMED, NULL },
		{ "p256", RSA, ERR_SIGNATURE_UNTRUSTED, NULL },
		{ "p256", 0, ERR_SIGNATURE_UNTRUSTED, NULL },
	};
	struct bytes content = read_data("content", ""), hex = read_data("p256.sha256", "");
	struct digests denied = { 0 };
	char text[65];

	(void)state;
	snprintf(text, sizeof(text), "%.64s", (const char *)hex.p);
	assert_true(digests_add(&denied, text, 32, 32));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct verify_case *c = &cases[i];
		struct bytes der = read_data(c->signature, ".p7");
		struct anchors *a = load_but(c->anchors, &denied);
		struct signer got = { 0 };
		struct err e = { 0 };

		assert_true(anchors_deny(a));
		assert_int_equal(anchors_count(a), __builtin_popcount(c->anchors));
		assert_code(anchors_verify(a, der, content, &got, &e), &e, c->code, c->signature);
		if (c->code == ERR_DENIED && !strstr(e.what, text))
			fail_msg("does not say which certificate: %s", e.what);
		anchors_free(a);
		free_bytes(der);
	}
	free_bytes(content);
	free_bytes(hex);
}

static void tells_what_has_expired(void **state)
{
	/* `openssl x509 -fingerprint -sha256` */
	static const char hex[] = "c8486806cda0011de1c901d2b8fed8cb8f453b54f64cb8f6cd220ef204835b4d";
	static const struct {
		const char *name;
		mbedtls_x509_time to;
		int64_t clock;
		bool over;
	} cases[] = {
		{ "a day ago", { 2010, 12, 31, 0, 0, 0 }, 1293840000, true },
		{ "a second ago", { 2010, 12, 31, 23, 59, 59 }, 1293840000, true },
		{ "now", { 2011, 1, 1, 0, 0, 0 }, 1293840000, false },
		{ "in a second", { 2011, 1, 1, 0, 0, 1 }, 1293840000, false },
		{ "in a month that is a smaller number", { 2012, 1, 1, 0, 0, 0 }, 1322697600, false },
		{ "a clock that never ran", { 2011, 1, 1, 0, 0, 0 }, 0, false },
		{ "a clock before all clocks", { 2011, 1, 1, 0, 0, 0 }, INT64_MIN, false },
		{ "no last day", { 9999, 12, 31, 23, 59, 59 }, 4102444800, false },
	};
	struct digests denied = { 0 };
	struct anchors *a = load(P256 | EXPIRED);
	const struct expired *x = anchors_expired(a);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (expired_by(&cases[i].to, cases[i].clock) != cases[i].over)
			fail_msg("case '%s'", cases[i].name);
	assert_int_equal(x->n, 1);
	assert_non_null(strstr(x->all[0].path, "/etc/verity.d/expired.crt"));
	assert_string_equal(x->all[0].valid_to, "2011-01-01");
	assert_string_equal(x->all[0].fingerprint, hex);
	anchors_free(a);

	assert_true(digests_add(&denied, hex, 32, 32));
	a = load_but(P256 | EXPIRED, &denied);
	assert_int_equal(anchors_expired(a)->n, 0);
	anchors_free(a);
	a = load(P256);
	assert_int_equal(anchors_expired(a)->n, 0);
	anchors_free(a);
}

/* Whatever byte of the signature or the content is changed, cut off or added, it no longer holds. */
static void every_byte_counts(void **state)
{
	struct bytes content = read_data("content", ""), der = read_data("no-certificate", ".p7");
	uint8_t *copy = malloc(der.n + 1);
	struct signer got;
	struct anchors *a = load(P256);
	struct err e = { 0 };

	(void)state;
	for (size_t n = 0; n < der.n; n++) {
		memcpy(copy, der.p, der.n);
		assert_true(anchors_verify(a, (struct bytes){ copy, n }, content, &got, &e) < 0);
	}
	copy[der.n] = 0;
	assert_code(anchors_verify(a, (struct bytes){ copy, der.n + 1 }, content, &got, &e), &e,
		    ERR_SIGNATURE_MALFORMED, "a byte more");
	for (size_t i = 0; i < content.n; i++) {
		((uint8_t *)(uintptr_t)content.p)[i] ^= 1;
		assert_code(anchors_verify(a, der, content, &got, &e), &e, ERR_SIGNATURE_UNTRUSTED, "content");
		((uint8_t *)(uintptr_t)content.p)[i] ^= 1;
	}
	assert_int_equal(anchors_verify(a, der, content, &got, &e), 0);
	anchors_free(a);
	free(copy);
	free_bytes(content);
	free_bytes(der);
}

static void finds_the_keyring(void **state)
{
	static const char keys[] =
		"0c1f7ac4 I------     1 perm 1f0b0000     0     0 keyring   .builtin_trusted_keys: 2\n"
		"1d7a5a5a I--Q---     2 perm 3f030000     0     0 user      .dm-verity: 7\n"
		"2e4f5c6d I------     1 perm 1f030000     0     0 asymmetri .dm-verity: X509.rsa 0a\n"
		"3b1f0a2c I------     1 perm 1f0f0000     0     0 keyring   .dm-verity-not: empty\n"
		"3f1f0a2c I------ 1h 1 perm\n"
		"34ab0a2c I------     1 perm 1f0f0000     0     0 keyring   .dm-verity: empty\n";

	(void)state;
	assert_int_equal(keyring_find(keys, ".dm-verity"), 0x34ab0a2c);
	assert_int_equal(keyring_find(keys, ".builtin_trusted_keys"), 0x0c1f7ac4);
	assert_int_equal(keyring_find(keys, ".dm"), 0);
	assert_int_equal(keyring_find("", ".dm-verity"), 0);
	assert_int_equal(keyring_find("garbage\n\n", ".dm-verity"), 0);
	assert_int_equal(keyring_find("34ab0a2c I------ 1 perm 1f0f0000 0 0 keyring", ".dm-verity"), 0);
}

static const struct listed_case {
	const char *name, *keys;
	struct bytes id;
	bool listed;
} listed_cases[] = {
#define ID(...) { (const uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ }) }
#define LINE "1d2e3f40 I------     1 perm 1f030000     0     0 asymmetri "
	{ "its identifier", LINE "Vendor: Root: 5cbb419e: X509.rsa 5cbb419e []\n", ID(0x5c, 0xbb, 0x41, 0x9e), true },
	{ "on the last of two lines", LINE "A: 01: X509.rsa 01 []\n" LINE "B: 02: X509.ecdsa 02 []\n",
	  ID(0x02), true },
	{ "another", LINE "Vendor: 5cbb419f: X509.rsa 5cbb419f []\n", ID(0x5c, 0xbb, 0x41, 0x9e), false },
	{ "the end of a longer one", LINE "Vendor: 115cbb419e: X509.rsa 5cbb419e []\n",
	  ID(0x5c, 0xbb, 0x41, 0x9e), false },
	{ "the start of a longer one", LINE "Vendor: 5cbb419e11: X509.rsa bb419e11 []\n",
	  ID(0x5c, 0xbb, 0x41, 0x9e), false },
	{ "a key that is no certificate's", LINE "Vendor: 5cbb419e: \n", ID(0x5c, 0xbb, 0x41, 0x9e), false },
	{ "a zero that is not shown", LINE "Vendor: 8cbb: X509.rsa []\n", ID(0x00, 0x8c, 0xbb), true },
	{ "a zero that is shown", LINE "Vendor: 008cbb: X509.rsa []\n", ID(0x00, 0x8c, 0xbb), true },
	{ "no keys", "", ID(0x5c), false },
	{ "no identifier: who knows", "", { NULL, 0 }, true },
	{ "an identifier too long to look for", "", { (const uint8_t[65]){ 0 }, 65 }, true },
#undef LINE
#undef ID
};

static void knows_what_the_kernel_holds(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(listed_cases) / sizeof(*listed_cases); i++) {
		const struct listed_case *c = &listed_cases[i];

		if (keyring_lists(c->keys, c->id) != c->listed)
			fail_msg("case '%s'", c->name);
	}
}

/* A keyring of ours stands for the kernel's. */
static void seals_what_may_be_sealed(void **state)
{
	int32_t keyring = (int32_t)syscall(SYS_add_key, "keyring", "slipway-test", NULL, 0,
					   KEY_SPEC_PROCESS_KEYRING);
	struct err e = { 0 };

	(void)state;
	if (keyring < 0)
		skip(); /* no keys in this kernel or container */
	assert_true(syscall(SYS_add_key, "user", "before", "x", 1, keyring) > 0);
	assert_int_equal(keyring_seal(keyring, "slipway-test", &e), 0);
	assert_int_equal(syscall(SYS_add_key, "user", "after", "x", 1, keyring), -1);
	assert_int_equal(errno, EPERM);
	assert_code(keyring_seal(keyring, "slipway-test", &e), &e, ERR_NONE, "sealed twice");
	assert_code(keyring_seal(0x7ffffffe, "nowhere", &e), &e, ERR_SYSTEM, "no keyring");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(loads), UNIT_TEST(verifies), UNIT_TEST(tells_the_signer),
		UNIT_TEST(denies), UNIT_TEST(tells_what_has_expired),
		UNIT_TEST(every_byte_counts), UNIT_TEST(finds_the_keyring),
		UNIT_TEST(knows_what_the_kernel_holds), UNIT_TEST(seals_what_may_be_sealed),
	};

	return cmocka_run_group_tests_name("anchors", tests, NULL, NULL);
}
