/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* NvPCRs: what defines them, who may begin them, and what swtpm makes of that. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <mbedtls/sha256.h>

#include "mkinitrd/pcrsig.h"
#include "modules/tpm/context.h"
#include "modules/tpm/nvindex.h"
#include "modules/trust/pkcs7.h"
#include "modules/verity/word.h"
#include "tests/unit/emulator.h"

#define KEYS "tests/data/pcrsig/"

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

static char *read_text(const char *path)
{
	char *text = NULL;
	struct err e;
	size_t n;

	assert_code(file_read(AT_FDCWD, path, 65536, &text, &n, &e), &e, ERR_NONE, path);
	return text;
}

/* ---- definitions ---- */

#define VERITY "{\"name\":\"verity\",\"algorithm\":\"sha256\",\"nvIndex\":30474754,\"priority\":300}"

static void parses_definitions(void **state)
{
	static const struct { const char *json, *stem; enum err_code code; unsigned priority; bool orderly; } cases[] = {
		{ VERITY, "verity", ERR_NONE, 300, true },
		{ VERITY "\n", "verity", ERR_NONE, 300, true },
		{ "{\"nvIndex\":30474754}", "x", ERR_NONE, 1000, true },
		{ "{\"nvIndex\":30474754,\"orderly\":false,\"more\":[1]}", "A-b_9", ERR_NONE, 1000, false },
		{ "{\"nvIndex\":16777216}", "first", ERR_NONE, 1000, true },
		{ "{\"nvIndex\":33554431}", "last", ERR_NONE, 1000, true },
		{ VERITY, "hardware", ERR_UNSUPPORTED, 0, false },
		{ "", "x", ERR_UNSUPPORTED, 0, false },
		{ "[]", "x", ERR_UNSUPPORTED, 0, false },
		{ "{}", "x", ERR_UNSUPPORTED, 0, false },
		{ "{\"nvIndex\":30474754", "x", ERR_UNSUPPORTED, 0, false },
		{ "{\"nvIndex\":[30474754]}", "x", ERR_UNSUPPORTED, 0, false },
		{ "{\"nvIndex\":16777215}", "x", ERR_UNSUPPORTED, 0, false },
		{ "{\"nvIndex\":33554432}", "x", ERR_UNSUPPORTED, 0, false },
		{ "{\"nvIndex\":30474754,\"algorithm\":\"sha1\"}", "x", ERR_UNSUPPORTED, 0, false },
		{ "{\"nvIndex\":30474754,\"name\":7}", "x", ERR_UNSUPPORTED, 0, false },
		{ "{\"nvIndex\":30474754,\"a\":[[[[1]]]]}", "x", ERR_UNSUPPORTED, 0, false },
		{ "{\"nvIndex\":30474754}", "", ERR_UNSUPPORTED, 0, false },
		{ "{\"nvIndex\":30474754}", "a:b", ERR_UNSUPPORTED, 0, false },
		{ "{\"nvIndex\":30474754}", "a234567890123456789012345678901", ERR_NONE, 1000, true },
		{ "{\"nvIndex\":30474754}", "a2345678901234567890123456789012", ERR_UNSUPPORTED, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct nvpcr n = { 0 };
		struct err e;

		assert_code(nvpcr_parse(bytes_of(cases[i].json), cases[i].stem, &n, &e), &e, cases[i].code,
			    cases[i].json);
		assert_int_equal(n.priority, cases[i].priority);
		assert_int_equal(n.orderly, cases[i].orderly);
		assert_string_equal(n.name, cases[i].code == ERR_NONE ? cases[i].stem : "");
	}
}

static void refuses_too_much(void **state)
{
	struct nvpcrs all = { 0 };
	struct nvpcr n = { .name = "a", .index = 0x1000000 };
	struct err e;

	(void)state;
	for (; all.n < NVPCR_MAX; n.index++) {
		snprintf(n.name, sizeof(n.name), "n%x", (unsigned)n.index);
		assert_code(nvpcrs_add(&all, &n, &e), &e, ERR_NONE, n.name);
	}
	snprintf(n.name, sizeof(n.name), "one-more");
	assert_code(nvpcrs_add(&all, &n, &e), &e, ERR_UNSUPPORTED, n.name);
	all.n--;
	n.index = 0x1000000;
	assert_code(nvpcrs_add(&all, &n, &e), &e, ERR_UNSUPPORTED, "same index");
}

/* By priority, then name; the earlier folder wins, an empty file is none. */
static void loads_in_order(void **state)
{
	static const char *const tree[] = {
		"f usr/lib/nvpcr/login.nvpcr {\"nvIndex\":30474755,\"priority\":800}",
		"f usr/lib/nvpcr/verity.nvpcr " VERITY,
		"f usr/lib/nvpcr/gone.nvpcr {\"nvIndex\":30474760}",
		"f usr/lib/nvpcr/b.nvpcr {\"nvIndex\":30474761}",
		"f usr/lib/nvpcr/a.nvpcr {\"nvIndex\":30474762}",
		"f usr/lib/nvpcr/README no definition",
		"f run/nvpcr/gone.nvpcr ",
		"f etc/nvpcr/login.nvpcr {\"nvIndex\":30474770,\"priority\":1}", NULL,
	};
	static const struct { const char *name; uint32_t index; } expected[] = {
		{ "login", 30474770 }, { "verity", 30474754 }, { "a", 30474762 }, { "b", 30474761 },
	};
	struct nvpcrs all;
	char root[32];
	struct err e;

	(void)state;
	tree_make(tree, root);
	assert_code(nvpcrs_load(root, &all, &e), &e, ERR_NONE, "load");
	assert_int_equal(all.n, 4);
	for (size_t i = 0; i < all.n; i++) {
		assert_string_equal(all.at[i].name, expected[i].name);
		assert_int_equal(all.at[i].index, expected[i].index);
	}
	assert_ptr_equal(nvpcrs_find(&all, "verity"), &all.at[1]);
	assert_null(nvpcrs_find(&all, "gone"));
	tree_remove(root);
}

/* ---- the key and what it signed ---- */

static void takes_rsa_keys(void **state)
{
	static const struct { const char *path; enum err_code code; } cases[] = {
		{ KEYS "rsa2048.pub", ERR_NONE }, { KEYS "rsa1024.pub", ERR_UNSUPPORTED },
		{ KEYS "p256.pub", ERR_UNSUPPORTED }, { KEYS "rsa2048.key", ERR_UNSUPPORTED },
		{ KEYS "README", ERR_UNSUPPORTED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		SCOPED(mem_free) char *pem = read_text(cases[i].path);
		struct pcr_key k;
		struct err e;

		assert_code(pcr_key_parse(bytes_of(pem), &k, &e), &e, cases[i].code, cases[i].path);
	}
}

/* PCR 11 after "enter-initrd", as in signed.json. */
static void policy_of(const char *word, const char *bank, uint8_t ret[static PCR_DIGEST_BYTES])
{
	struct pcr pcr = { .banks = 0xf };
	struct err e;
	size_t i = 0;

	while (strcmp(pcr_bank_name(i), bank) != 0)
		i++;
	assert_code(pcr_extend_text(&pcr, word, &e), &e, ERR_NONE, word);
	pcr_phase_policy(pcr_bank_tpm_id(i), (struct bytes){ pcr.value[i], pcr_bank_bytes(i) }, ret);
}

static void finds_the_signature(void **state)
{
	static const struct { const char *name, *bank, *word, *ref; enum err_code code; } cases[] = {
		{ "it", "sha256", "enter-initrd", "initrd", ERR_NONE },
		{ "another bank", "sha384", "enter-initrd", "initrd", ERR_NONE },
		{ "no such bank", "sha1", "enter-initrd", "initrd", ERR_UNSUPPORTED },
		{ "another phase", "sha256", "leave-initrd", "initrd", ERR_UNSUPPORTED },
		{ "another use", "sha256", "enter-initrd", "host", ERR_UNSUPPORTED },
		{ "no reference", "sha256", "enter-initrd", NULL, ERR_NONE },
		{ "an empty one, which is not none", "sha256", "enter-initrd", "", ERR_UNSUPPORTED },
	};
	SCOPED(mem_free) char *pem = read_text(KEYS "rsa2048.pub");
	SCOPED(mem_free) char *json = read_text(KEYS "signed.json");
	struct pcr_key k;
	uint8_t policy[PCR_DIGEST_BYTES], signature[PCR_KEY_BYTES];
	struct err e;

	(void)state;
	assert_code(pcr_key_parse(bytes_of(pem), &k, &e), &e, ERR_NONE, "key");
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		policy_of(cases[i].word, cases[i].bank, policy);
		assert_code(pcr_signature_find(bytes_of(json), &k, cases[i].bank, policy, cases[i].ref,
					       signature, &e),
			    &e, cases[i].code, cases[i].name);
	}
	policy_of("enter-initrd", "sha256", policy);
	k.fingerprint[0] ^= 1;
	assert_code(pcr_signature_find(bytes_of(json), &k, "sha256", policy, "initrd", signature, &e), &e,
		    ERR_UNSUPPORTED, "another key");
	k.fingerprint[0] ^= 1;
	assert_code(pcr_signature_find((struct bytes){ (const uint8_t *)json, strlen(json) - 2 }, &k, "sha256",
				       policy, "initrd", signature, &e), &e, ERR_UNSUPPORTED, "cut off");
}

/* ---- in a TPM ---- */

static const struct nvpcr verity = { .name = "verity", .index = 0x1d10202, .orderly = true };
static const struct nvpcr hardware = { .name = "hardware", .index = 0x1d10200 };

/* Computed with Python from the specification; the second one is not orderly. */
static void words_are_those_of_systemd(void **state)
{
	static const struct { const struct nvpcr *n; const char *word; } cases[] = {
		{ &verity, "nvpcr-init:verity:0x1d10202:000bc1b657faba35a9c7"
			   "3fcb2bd980206d738d601abc19c74eee10dd2ad8cb773431" },
		{ &hardware, "nvpcr-init:hardware:0x1d10200:000badfd2ef5653e08"
			     "b7b980532da24eab4b8d8038bb3534d2a830e15ffff067c18b" },
	};
	SCOPED(mem_free) char *pem = read_text(KEYS "rsa2048.pub");
	uint8_t authority[PCR_DIGEST_BYTES];
	struct pcr_key k;
	struct err e;

	(void)state;
	assert_code(pcr_key_parse(bytes_of(pem), &k, &e), &e, ERR_NONE, "key");
	nvpcr_authority(&k, authority);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char word[NVPCR_WORD_BYTES];

		nvpcr_word(cases[i].n, authority, word);
		assert_string_equal(word, cases[i].word);
	}
}

struct machine {
	struct emulator em;
	struct tpm *t;
	char *pem, *json;
	struct nvpcr_permit permit;
};

/* A TPM where PCR 11 is what was signed; false if there is no swtpm here. */
static bool machine_start(struct machine *m, uint32_t banks, const char *word)
{
	struct measurement ignored;
	struct err e;

	if (!emulator_start(&m->em))
		return false;
	m->t = connect_to(&m->em, banks);
	m->pem = read_text(KEYS "rsa2048.pub");
	m->json = read_text(KEYS "signed.json");
	assert_code(tpm_measure(m->t, 11, word, "phase", &ignored, &e), &e, ERR_NONE, word);
	return true;
}

static void machine_stop(struct machine *m)
{
	tpm_close(m->t);
	emulator_stop(&m->em);
	free(m->pem);
	free(m->json);
}

static int allow(struct machine *m, struct err *e)
{
	return nvpcr_allow(m->t, bytes_of(m->pem), bytes_of(m->json), &m->permit, e);
}

static void put_index(uint8_t *p, uint32_t index)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(index >> (24 - 8 * i));
}

/* Its value, read with the empty password. */
static void read_value(struct tpm *t, uint32_t index, uint8_t ret[static 32])
{
	uint8_t command[] = { 0x80, 2, 0, 0, 0, 35, 0, 0, 1, 0x4e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9,
			      0x40, 0, 0, 9, 0, 0, 0, 0, 0, 0, 32, 0, 0 };
	struct tpm_answer a;

	put_index(command + 10, index);
	put_index(command + 14, index);
	assert_int_equal(tpm_run(t, command, sizeof(command), 10000, &a), TSS2_RC_SUCCESS);
	memcpy(ret, a.bytes + 16, 32);
}

/* What the TPM calls the index, as in the word. */
static void check_name(struct machine *m, const struct nvpcr *n)
{
	uint8_t command[] = { 0x80, 1, 0, 0, 0, 14, 0, 0, 1, 0x69, 0, 0, 0, 0 };
	char word[NVPCR_WORD_BYTES], hex[2 * 34 + 1], expected[256];
	struct tpm_answer a;

	put_index(command + 10, n->index);
	assert_int_equal(tpm_run(m->t, command, sizeof(command), 10000, &a), TSS2_RC_SUCCESS);
	hex_encode(a.bytes + 10 + 2 + NVPCR_PUBLIC_BYTES + 2, 34, hex);
	snprintf(expected, sizeof(expected), "nvpcr-init:%s:0x%x:%s", n->name, (unsigned)n->index, hex);
	nvpcr_word(n, m->permit.authority, word);
	assert_string_equal(word, expected);
}

static void extend_here(uint8_t value[static 32], const uint8_t digest[static 32])
{
	uint8_t both[64];

	memcpy(both, value, 32);
	memcpy(both + 32, digest, 32);
	assert_int_equal(mbedtls_sha256(both, sizeof(both), value, 0), 0);
}

static void begins_and_extends(void **state)
{
	static const uint32_t banks[] = { TPM_BANK_SHA256, TPM_BANK_SHA384, ALL_BANKS };
	static const uint8_t zeros[32];

	(void)state;
	for (size_t i = 0; i < sizeof(banks) / sizeof(*banks); i++) {
		const struct nvpcr *n = i % 2 ? &hardware : &verity;
		uint8_t here[32] = { 0 }, there[32], digest[32];
		struct machine m;
		struct measurement got;
		struct err e;

		if (!machine_start(&m, banks[i], "enter-initrd"))
			skip();
		assert_code(allow(&m, &e), &e, ERR_NONE, "allow");
		assert_code(nvpcr_begin(m.t, n, &m.permit, &e), &e, ERR_NONE, "begin");
		check_name(&m, n);
		extend_here(here, zeros);
		read_value(m.t, n->index, there);
		assert_memory_equal(there, here, 32);
		for (int k = 0; k < 2; k++) {
			assert_code(nvpcr_measure(m.t, n, m.permit.authority, "a word", "dm-verity", &got, &e),
				    &e, ERR_NONE, "measure");
			mbedtls_sha256((const uint8_t *)"a word", 6, digest, 0);
			extend_here(here, digest);
			assert_memory_equal(got.digests[0].bytes, digest, 32);
		}
		read_value(m.t, n->index, there);
		assert_memory_equal(there, here, 32);
		assert_code(nvpcr_begin(m.t, n, &m.permit, &e), &e, ERR_UNSUPPORTED, "again");
		assert_non_null(strstr(e.what, "was begun before"));
		machine_stop(&m);
	}
}

static void is_logged(void **state)
{
	SCOPED(mem_free) char *log = NULL;
	struct json_object *o, *content;
	struct machine m;
	struct measurement got;
	struct err e;

	(void)state;
	if (!machine_start(&m, TPM_BANK_SHA256, "enter-initrd"))
		skip();
	assert_code(allow(&m, &e), &e, ERR_NONE, "allow");
	assert_code(nvpcr_begin(m.t, &verity, &m.permit, &e), &e, ERR_NONE, "begin");
	assert_code(nvpcr_measure(m.t, &verity, m.permit.authority, "w", "dm-verity", &got, &e), &e, ERR_NONE,
		    "measure");
	log = read_text(m.em.log);
	o = json_tokener_parse(strrchr(log, 0x1e) + 1);
	content = json_object_object_get(o, "content");
	assert_int_equal(json_object_get_int(json_object_object_get(o, "nv_index")), verity.index);
	assert_null(json_object_object_get(o, "pcr"));
	assert_string_equal(json_object_get_string(json_object_object_get(content, "nvIndexName")), "verity");
	json_object_put(o);
	machine_stop(&m);
}

/* After a reset the index is there, empty, and only who is signed begins it again. */
static void is_used_again_after_a_reset(void **state)
{
	struct machine m;
	struct measurement got;
	struct err e;

	(void)state;
	if (!machine_start(&m, TPM_BANK_SHA256, "enter-initrd"))
		skip();
	assert_code(allow(&m, &e), &e, ERR_NONE, "allow");
	assert_code(nvpcr_begin(m.t, &verity, &m.permit, &e), &e, ERR_NONE, "begin");
	tpm_close(m.t);
	emulator_power_off(&m.em);
	emulator_power_on(&m.em, "not-need-init,startup-clear");
	m.t = connect_to(&m.em, TPM_BANK_SHA256);
	assert_code(nvpcr_measure(m.t, &verity, m.permit.authority, "w", "dm-verity", &got, &e), &e,
		    ERR_TPM_FAILED, "not begun");
	/* The permit is no ticket for every phase: the TPM looks at PCR 11 itself. */
	assert_code(nvpcr_begin(m.t, &verity, &m.permit, &e), &e, ERR_TPM_FAILED, "before the phase");
	assert_code(allow(&m, &e), &e, ERR_UNSUPPORTED, "before the phase");
	assert_code(tpm_measure(m.t, 11, "enter-initrd", "phase", &got, &e), &e, ERR_NONE, "enter");
	assert_code(allow(&m, &e), &e, ERR_NONE, "allow again");
	assert_code(nvpcr_begin(m.t, &verity, &m.permit, &e), &e, ERR_NONE, "begin again");
	check_name(&m, &verity);
	machine_stop(&m);
}

/* It is another's, or of another kind or key. */
static void other_indices(void **state)
{
	/* No password; an index that the owner writes as a whole. */
	static const uint8_t define[] = { 0x80, 2, 0, 0, 0, 45, 0, 0, 1, 0x2a, 0x40, 0, 0, 1, 0, 0, 0, 9,
					  0x40, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 14, 1, 0xd1, 2, 2, 0, 0x0b,
					  0, 2, 0, 2, 0, 0, 0, 32 };
	struct tpm_answer a;
	struct nvpcr other = verity;
	struct machine m;
	struct err e;

	(void)state;
	if (!machine_start(&m, TPM_BANK_SHA256, "enter-initrd"))
		skip();
	assert_code(allow(&m, &e), &e, ERR_NONE, "allow");
	assert_int_equal(tpm_run(m.t, define, sizeof(define), 10000, &a), TSS2_RC_SUCCESS);
	assert_code(nvpcr_begin(m.t, &verity, &m.permit, &e), &e, ERR_UNSUPPORTED, "something else");
	assert_non_null(strstr(e.what, "in use for something else"));
	other.index++;
	other.orderly = false;
	assert_code(nvpcr_begin(m.t, &other, &m.permit, &e), &e, ERR_NONE, "not orderly");
	other.orderly = true;
	assert_code(nvpcr_begin(m.t, &other, &m.permit, &e), &e, ERR_NONE, "made anew");
	check_name(&m, &other);
	machine_stop(&m);
}

static void is_full(void **state)
{
	struct nvpcr n = hardware;
	struct machine m;
	struct err e;
	int rc = 0;

	(void)state;
	if (!machine_start(&m, TPM_BANK_SHA256, "enter-initrd"))
		skip();
	assert_code(allow(&m, &e), &e, ERR_NONE, "allow");
	for (unsigned i = 0; i < 4096 && rc == 0; i++, n.index++)
		rc = nvpcr_begin(m.t, &n, &m.permit, &e);
	assert_code(rc, &e, ERR_TPM_FAILED, "full");
	assert_int_equal(e.errnum, ENOSPC);
	machine_stop(&m);
}

/* A signature by nobody, and sessions that the TPM must not keep. */
static void forged_signatures(void **state)
{
	struct machine m;
	struct err e;
	char *sig;

	(void)state;
	if (!machine_start(&m, TPM_BANK_SHA256, "enter-initrd"))
		skip();
	for (sig = m.json; (sig = strstr(sig, "\"sig\":\"")); sig += 7)
		sig[7] = sig[7] == 'A' ? 'B' : 'A';
	for (int i = 0; i < 8; i++)
		assert_code(allow(&m, &e), &e, ERR_TPM_FAILED, "forged");
	free(m.json);
	m.json = read_text(KEYS "signed.json");
	assert_code(allow(&m, &e), &e, ERR_NONE, "genuine");
	m.permit.policy[0] ^= 1;
	for (int i = 0; i < 8; i++)
		assert_code(nvpcr_begin(m.t, &verity, &m.permit, &e), &e, ERR_TPM_FAILED, "another policy");
	m.permit.policy[0] ^= 1;
	assert_code(nvpcr_begin(m.t, &verity, &m.permit, &e), &e, ERR_NONE, "begin");
	machine_stop(&m);
}

/* ---- the root ---- */

#define RSA2048 "02143eb36bd59efa02eaaa82eefc4a6835dac358fcb0/MB8xHTAbBgNVBAMMFHNsaXB3YXkgdGVzdCByc2EyMDQ4"
#define P256 "02141f290dafd0536698bb1ecb135892ff6ffc160dd5/MBwxGjAYBgNVBAMMEXNsaXB3YXkgdGVzdCBwMjU2"
#define ATTACKER "02141a7b07ea3a5e97926f4419f8cb715ff95e99e9eb/MCAxHjAcBgNVBAMMFXNsaXB3YXkgdGVzdCBhdHRhY2tlcg=="

static void names_the_signers(void **state)
{
	static const struct { const char *signature, *word; enum err_code code; } cases[] = {
		{ NULL, "verity:root:0123:", ERR_NONE },
		{ "rsa2048.p7", "verity:root:0123:" RSA2048, ERR_NONE },
		{ "two-signers.p7", "verity:root:0123:" P256 "," ATTACKER, ERR_NONE },
		{ "content", NULL, ERR_SIGNATURE_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		SCOPED(mem_free) char *der = NULL;
		char path[64], word[VERITY_WORD_BYTES];
		struct err e;
		size_t n = 0;
		int rc = 0;

		snprintf(path, sizeof(path), "tests/data/trust/%s", cases[i].signature);
		if (cases[i].signature)
			rc = file_read(AT_FDCWD, path, 65536, &der, &n, &e);
		assert_code(rc, &e, ERR_NONE, path);
		rc = verity_word("root", "0123", (struct bytes){ (const uint8_t *)der, n }, word, &e);
		assert_code(rc, &e, cases[i].code, path);
		if (rc == 0)
			assert_string_equal(word, cases[i].word);
	}
}

/* A PKCS#7 may be signed by nobody. That is no signature, and no text. */
static void nobody_is_no_signer(void **state)
{
	static const uint8_t der[] = {
		0x30, 0x30, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02, 0xa0, 0x23,
		0x30, 0x21, 0x02, 0x01, 0x01,                                     /* version */
		0x31, 0x0d, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
		0x30, 0x0b, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01, /* content */
		0x31, 0x00,                                                       /* signers */
	};
	char text[64];
	struct err e;

	(void)state;
	assert_code(pkcs7_signers((struct bytes){ der, sizeof(der) }, text, sizeof(text), &e), &e,
		    ERR_SIGNATURE_MALFORMED, "signers");
}

/* Any buffer that is too small is noticed, and nothing is written behind it. */
static void signers_need_their_room(void **state)
{
	const size_t needed = strlen(P256 "," ATTACKER) + 1;
	char *der;
	size_t n;
	struct err e;

	(void)state;
	assert_code(file_read(AT_FDCWD, "tests/data/trust/two-signers.p7", 65536, &der, &n, &e), &e, ERR_NONE,
		    "read");
	for (size_t max = 1; max <= needed; max++) {
		char *text = malloc(max);

		assert_non_null(text);
		assert_code(pkcs7_signers((struct bytes){ (const uint8_t *)der, n }, text, max, &e), &e,
			    max < needed ? ERR_SIGNATURE_MALFORMED : ERR_NONE, "room");
		free(text);
	}
	free(der);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(parses_definitions),
		UNIT_TEST(refuses_too_much),
		UNIT_TEST(loads_in_order),
		UNIT_TEST(takes_rsa_keys),
		UNIT_TEST(finds_the_signature),
		UNIT_TEST(words_are_those_of_systemd),
		UNIT_TEST(begins_and_extends),
		UNIT_TEST(is_logged),
		UNIT_TEST(is_used_again_after_a_reset),
		UNIT_TEST(other_indices),
		UNIT_TEST(is_full),
		UNIT_TEST(forged_signatures),
		UNIT_TEST(names_the_signers),
		UNIT_TEST(nobody_is_no_signer),
		UNIT_TEST(signers_need_their_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
