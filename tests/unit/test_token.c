/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tokens of a LUKS2 header: what real ones say, and what hostile ones do not get away with. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdlib.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "modules/luks/token.h"

#define DATA "tests/data/tokens/"

static struct bytes bytes_of(const char *text)
{
	return (struct bytes){ (const uint8_t *)text, strlen(text) };
}

/* ---- real ones ---- */

static void read_token(const char *name, struct token *ret)
{
	SCOPED(mem_free) char *text = NULL;
	char path[64];
	struct err e;
	size_t n;

	snprintf(path, sizeof(path), DATA "%s.json", name);
	assert_code(file_read(AT_FDCWD, path, 65536, &text, &n, &e), &e, ERR_NONE, path);
	assert_code(token_parse((struct bytes){ (uint8_t *)text, n }, ret, &e), &e, ERR_NONE, name);
}

static void reads_real_tokens(void **state)
{
	enum { P7 = 1 << 7, P11 = 1 << 11, SHA256 = 0x0b };
	static const struct {
		const char *name;
		unsigned keyslot;
		size_t n_blobs;
		uint32_t pcrs;
		uint16_t bank;
		uint32_t srk;
		bool has_pin;
		size_t n_salt;
		uint32_t memory_kib, signed_pcrs;
		const char *ref;
		bool has_pcrlock;
	} cases[] = {
		{ "literal", 1, 1, P7 | P11, SHA256, 0x81000001, false, 0, 0, 0, NULL, false },
		{ "signed", 2, 1, P7, SHA256, 0x81000001, false, 0, 0, P11, NULL, false },
		{ "pin", 3, 1, P7, SHA256, 0x81000001, true, 32, 0, 0, NULL, false },
		{ "signed-pin", 4, 1, 0, SHA256, 0x81000001, true, 32, 0, P11, NULL, false },
		{ "locked", 5, 1, 0, 0, 0x81000001, false, 0, 0, 0, NULL, true },
		{ "shards", 6, 2, P7, SHA256, 0x81000001, false, 0, 0, P11, NULL, true },
		{ "shards-pin", 7, 2, 0, SHA256, 0x81000001, true, 32, 0, P11, NULL, true },
		{ "import", 8, 1, P7, SHA256, 0x81000001, false, 0, 0, 0, NULL, false },
		{ "rsa", 1, 1, P7, SHA256, 0x81000001, false, 0, 0, 0, NULL, false },
		{ "old-rsa", 9, 1, P7, SHA256, 0, false, 0, 0, 0, NULL, false },
		{ "old-pin", 9, 1, P7, SHA256, 0, true, 0, 0, 0, NULL, false },
		{ "argon2id", 9, 1, P7, SHA256, 0, true, 32, 256, 0, NULL, false },
		{ "ref", 9, 1, 0, SHA256, 0, false, 0, 0, P11, "initrd", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct sealed *s;
		struct token t;

		read_token(cases[i].name, &t);
		s = &t.sealed;
		if (t.kind != TOKEN_TPM2 || t.keyslot != cases[i].keyslot || s->n_blobs != cases[i].n_blobs ||
		    s->pcrs != cases[i].pcrs || s->bank != cases[i].bank || s->srk.handle != cases[i].srk ||
		    s->has_pin != cases[i].has_pin || s->n_salt != cases[i].n_salt ||
		    s->argon2id.memory_kib != cases[i].memory_kib || s->signed_pcrs != cases[i].signed_pcrs ||
		    s->has_ref != !!cases[i].ref || s->has_pcrlock != cases[i].has_pcrlock)
			fail_msg("case '%s'", cases[i].name);
		for (size_t n = 0; n < s->n_blobs; n++)
			assert_in_range(s->blobs[n].n, 200, 400);
		assert_int_equal(s->srk.n_name, cases[i].srk ? 34 : 0);
		assert_int_equal(s->pcrlock_nv.handle >> 24, cases[i].has_pcrlock);
		assert_string_equal(s->ref, cases[i].ref ? cases[i].ref : "");
		assert_int_equal(s->n_pem, cases[i].signed_pcrs ? strlen(s->pem) + 1 : 0);
		assert_int_equal(strncmp(s->pem, "-----BEGIN PUBLIC KEY-----\n", 27) == 0, cases[i].signed_pcrs != 0);
		assert_int_equal(s->primary, strstr(cases[i].name, "rsa") ? SEALED_RSA : SEALED_ECC);
	}
}

/* ---- what is taken, and what is not ---- */

#define HASH "c0ffee00112233445566778899aabbccddeeff00112233445566778899aabbcc"
#define BLOB "\"tpm2-blob\":\"Zm9v\""
#define POLICY "\"tpm2-policy-hash\":\"" HASH "\""
#define PCRS "\"tpm2-pcrs\":[7]"
#define HEAD "{\"type\":\"systemd-tpm2\",\"keyslots\":[\"3\"],"
#define GOOD HEAD BLOB "," POLICY "," PCRS
#define WITH(more) GOOD "," more "}"
#define PEM "\"tpm2_pubkey\":\"Zm9v\",\"tpm2_pubkey_pcrs\":[11]"
#define TWO "[\"Zm9v\",\"YmFy\"]"
#define TWO_SHARDS HEAD "\"tpm2-blob\":" TWO ",\"tpm2-policy-hash\":[\"" HASH "\",\"" HASH "\"]," PCRS
#define SALTED "\"tpm2-pin\":true,\"tpm2_salt\":\"MTIzNDU2Nzg=\""
#define ARGON2(memory, iterations, lanes) "\"tpm2_argon2id_memcost\":" memory \
	",\"tpm2_argon2id_iterations\":" iterations ",\"tpm2_argon2id_lanes\":" lanes
#define RECOVERY(slots) "{\"type\":\"systemd-recovery\",\"keyslots\":" slots "}"

static const struct {
	const char *name, *json;
	enum err_code code;
	enum token_kind kind;
} cases[] = {
	{ "least", GOOD "}", ERR_NONE, TOKEN_TPM2 },
	{ "more", WITH("\"a\":{\"tpm2-pin\":7,\"b\":[1]},\"tpm2_later\":null"), ERR_NONE, TOKEN_TPM2 },
	{ "no PCRs", HEAD BLOB "," POLICY ",\"tpm2-pcrs\":[]}", ERR_NONE, TOKEN_TPM2 },
	{ "one shard in a list", HEAD "\"tpm2-blob\":[\"Zm9v\"],\"tpm2-policy-hash\":[\"" HASH "\"]," PCRS "}",
	  ERR_NONE, TOKEN_TPM2 },
	{ "key", WITH(PEM), ERR_NONE, TOKEN_TPM2 },
	{ "key and reference", WITH(PEM ",\"tpm2_pubkey_ref\":\"\""), ERR_NONE, TOKEN_TPM2 },
	{ "pcrlock", WITH("\"tpm2_pcrlock\":true"), ERR_NONE, TOKEN_TPM2 },
	{ "pcrlock index", WITH("\"tpm2_pcrlock\":true,\"tpm2_pcrlock_nv\":\"AaHZbAAEAAuqqg==\""), ERR_NONE, TOKEN_TPM2 },
	{ "shards", TWO_SHARDS ",\"tpm2_pcrlock\":true," PEM "}", ERR_NONE, TOKEN_TPM2 },
	{ "SRK", WITH("\"tpm2_srk\":\"gQAAAQAEAAuqqgAAAAE=\""), ERR_NONE, TOKEN_TPM2 },
	{ "argon2id", WITH(SALTED "," ARGON2("8192", "1", "1")), ERR_NONE, TOKEN_TPM2 },
	{ "argon2id, 4 GiB", WITH(SALTED "," ARGON2("4294967296", "1024", "64")), ERR_NONE, TOKEN_TPM2 },
	{ "recovery", RECOVERY("[\"0\"]"), ERR_NONE, TOKEN_RECOVERY },
	{ "recovery, last slot", RECOVERY("[\"31\"]"), ERR_NONE, TOKEN_RECOVERY },
	{ "another's", "{\"type\":\"clevis\",\"keyslots\":[\"1\",\"2\"],\"tpm2-pin\":7}", ERR_NONE, TOKEN_OTHER },
	{ "nearly ours", "{\"type\":\"systemd-tpm22\"}", ERR_NONE, TOKEN_OTHER },

	{ "nothing", "", ERR_UNSUPPORTED, 0 },
	{ "no object", "[]", ERR_UNSUPPORTED, 0 },
	{ "cut", GOOD, ERR_UNSUPPORTED, 0 },
	{ "followed", GOOD "} x", ERR_UNSUPPORTED, 0 },
	{ "no type", "{\"keyslots\":[\"1\"]}", ERR_UNSUPPORTED, 0 },
	{ "type is a number", "{\"type\":1}", ERR_UNSUPPORTED, 0 },
	{ "type with NUL", "{\"type\":\"systemd-recovery\\u0000\",\"keyslots\":[\"1\"]}", ERR_UNSUPPORTED, 0 },
	{ "type twice", "{\"type\":\"clevis\",\"type\":\"systemd-recovery\",\"keyslots\":[\"1\"]}", ERR_UNSUPPORTED, 0 },
	{ "no slot", RECOVERY("[]"), ERR_UNSUPPORTED, 0 },
	{ "two slots", RECOVERY("[\"1\",\"2\"]"), ERR_UNSUPPORTED, 0 },
	{ "slot is a number", RECOVERY("[1]"), ERR_UNSUPPORTED, 0 },
	{ "slot 32", RECOVERY("[\"32\"]"), ERR_UNSUPPORTED, 0 },
	{ "slot of 2^64", RECOVERY("[\"18446744073709551616\"]"), ERR_UNSUPPORTED, 0 },
	{ "slot -1", RECOVERY("[\"-1\"]"), ERR_UNSUPPORTED, 0 },
	{ "slot with more", RECOVERY("[\"1 \"]"), ERR_UNSUPPORTED, 0 },
	{ "slots no list", RECOVERY("\"1\""), ERR_UNSUPPORTED, 0 },
	{ "pcrs twice", WITH(PCRS), ERR_UNSUPPORTED, 0 },
	{ "unknown twice", WITH("\"x\":1,\"x\":1"), ERR_UNSUPPORTED, 0 },
	{ "no blob", HEAD POLICY "," PCRS "}", ERR_UNSUPPORTED, 0 },
	{ "no policy", HEAD BLOB "," PCRS "}", ERR_UNSUPPORTED, 0 },
	{ "PCRs missing", HEAD BLOB "," POLICY "}", ERR_UNSUPPORTED, 0 },
	{ "blob of 0 bytes", HEAD "\"tpm2-blob\":\"\"," POLICY "," PCRS "}", ERR_UNSUPPORTED, 0 },
	{ "blob no base64", HEAD "\"tpm2-blob\":\"Zm9\"," POLICY "," PCRS "}", ERR_UNSUPPORTED, 0 },
	{ "blob a number", HEAD "\"tpm2-blob\":1," POLICY "," PCRS "}", ERR_UNSUPPORTED, 0 },
	{ "no blob in a list", HEAD "\"tpm2-blob\":[]," POLICY "," PCRS "}", ERR_UNSUPPORTED, 0 },
	{ "three blobs", HEAD "\"tpm2-blob\":[\"Zm9v\",\"Zm9v\",\"Zm9v\"]," POLICY "," PCRS "}", ERR_UNSUPPORTED, 0 },
	{ "two blobs, one policy", HEAD "\"tpm2-blob\":" TWO "," POLICY "," PCRS "}", ERR_UNSUPPORTED, 0 },
	{ "two blobs, one policy, with reason", HEAD "\"tpm2-blob\":" TWO "," POLICY "," PCRS
	  ",\"tpm2_pcrlock\":true," PEM "}", ERR_UNSUPPORTED, 0 },
	{ "one blob, two policies", HEAD BLOB ",\"tpm2-policy-hash\":[\"" HASH "\",\"" HASH "\"]," PCRS "}",
	  ERR_UNSUPPORTED, 0 },
	{ "shards without reason", TWO_SHARDS "}", ERR_UNSUPPORTED, 0 },
	{ "shards without key", TWO_SHARDS ",\"tpm2_pcrlock\":true}", ERR_UNSUPPORTED, 0 },
	{ "one shard with both", WITH("\"tpm2_pcrlock\":true," PEM), ERR_UNSUPPORTED, 0 },
	{ "short policy", HEAD BLOB ",\"tpm2-policy-hash\":\"c0ffee\"," PCRS "}", ERR_UNSUPPORTED, 0 },
	{ "long policy", HEAD BLOB ",\"tpm2-policy-hash\":\"" HASH "00\"," PCRS "}", ERR_UNSUPPORTED, 0 },
	{ "PCR 24", HEAD BLOB "," POLICY ",\"tpm2-pcrs\":[7,24]}", ERR_UNSUPPORTED, 0 },
	{ "PCR -1", HEAD BLOB "," POLICY ",\"tpm2-pcrs\":[-1]}", ERR_UNSUPPORTED, 0 },
	{ "PCR 7.0", HEAD BLOB "," POLICY ",\"tpm2-pcrs\":[7.0]}", ERR_UNSUPPORTED, 0 },
	{ "PCR as text", HEAD BLOB "," POLICY ",\"tpm2-pcrs\":[\"7\"]}", ERR_UNSUPPORTED, 0 },
	{ "PCRs as a mask", HEAD BLOB "," POLICY ",\"tpm2-pcrs\":128}", ERR_UNSUPPORTED, 0 },
	{ "unknown bank", WITH("\"tpm2-pcr-bank\":\"md5\""), ERR_UNSUPPORTED, 0 },
	{ "bank ''", WITH("\"tpm2-pcr-bank\":\"\""), ERR_UNSUPPORTED, 0 },
	{ "unknown primary", WITH("\"tpm2-primary-alg\":\"dsa\""), ERR_UNSUPPORTED, 0 },
	{ "pin 1", WITH("\"tpm2-pin\":1"), ERR_UNSUPPORTED, 0 },
	{ "pin null", WITH("\"tpm2-pin\":null"), ERR_UNSUPPORTED, 0 },
	{ "pcrlock as text", WITH("\"tpm2_pcrlock\":\"true\""), ERR_UNSUPPORTED, 0 },
	{ "salt empty", WITH("\"tpm2-pin\":true,\"tpm2_salt\":\"\""), ERR_UNSUPPORTED, 0 },
	{ "key without PCRs", WITH("\"tpm2_pubkey\":\"Zm9v\""), ERR_UNSUPPORTED, 0 },
	{ "key for no PCRs", WITH("\"tpm2_pubkey\":\"Zm9v\",\"tpm2_pubkey_pcrs\":[]"), ERR_UNSUPPORTED, 0 },
	{ "PCRs without key", WITH("\"tpm2_pubkey_pcrs\":[11]"), ERR_UNSUPPORTED, 0 },
	{ "key with NUL", WITH("\"tpm2_pubkey\":\"AAAA\",\"tpm2_pubkey_pcrs\":[11]"), ERR_UNSUPPORTED, 0 },
	{ "reference without key", WITH("\"tpm2_pubkey_ref\":\"initrd\""), ERR_UNSUPPORTED, 0 },
	{ "reference null", WITH(PEM ",\"tpm2_pubkey_ref\":null"), ERR_UNSUPPORTED, 0 },
	{ "SRK short", WITH("\"tpm2_srk\":\"gQAAAQA=\""), ERR_UNSUPPORTED, 0 },
	{ "SRK name of 3 bytes", WITH("\"tpm2_srk\":\"gQAAAQADAAuq\""), ERR_UNSUPPORTED, 0 },
	{ "SRK name cut", WITH("\"tpm2_srk\":\"gQAAAQAFAAuqqg==\""), ERR_UNSUPPORTED, 0 },
	{ "SRK transient", WITH("\"tpm2_srk\":\"gAAAAQAEAAuqqg==\""), ERR_UNSUPPORTED, 0 },
	{ "SRK is an index", WITH("\"tpm2_srk\":\"AaHZbAAEAAuqqg==\""), ERR_UNSUPPORTED, 0 },
	{ "index without pcrlock", WITH("\"tpm2_pcrlock_nv\":\"AaHZbAAEAAuqqg==\""), ERR_UNSUPPORTED, 0 },
	{ "argon2id without salt", WITH("\"tpm2-pin\":true," ARGON2("8192", "1", "1")), ERR_UNSUPPORTED, 0 },
	{ "argon2id without PIN", WITH("\"tpm2_salt\":\"MTIzNDU2Nzg=\"," ARGON2("8192", "1", "1")), ERR_UNSUPPORTED, 0 },
	{ "argon2id, part", WITH(SALTED ",\"tpm2_argon2id_lanes\":1"), ERR_UNSUPPORTED, 0 },
	{ "argon2id, little memory", WITH(SALTED "," ARGON2("8191", "1", "1")), ERR_UNSUPPORTED, 0 },
	{ "argon2id, little for two", WITH(SALTED "," ARGON2("8192", "1", "2")), ERR_UNSUPPORTED, 0 },
	{ "argon2id, more than 4 GiB", WITH(SALTED "," ARGON2("4294968320", "1", "1")), ERR_UNSUPPORTED, 0 },
	{ "argon2id, no time", WITH(SALTED "," ARGON2("8192", "0", "1")), ERR_UNSUPPORTED, 0 },
	{ "argon2id, for ever", WITH(SALTED "," ARGON2("8192", "4294967296", "1")), ERR_UNSUPPORTED, 0 },
	{ "argon2id, no lane", WITH(SALTED "," ARGON2("8192", "1", "0")), ERR_UNSUPPORTED, 0 },
	{ "argon2id, 65 lanes", WITH(SALTED "," ARGON2("1048576", "1", "65")), ERR_UNSUPPORTED, 0 },
	{ "argon2id, float", WITH(SALTED "," ARGON2("8192.0", "1", "1")), ERR_UNSUPPORTED, 0 },
};

static void takes_and_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		/* In memory of its exact size: a read past the end is seen. */
		size_t n = strlen(cases[i].json);
		SCOPED(mem_free) uint8_t *copy = malloc(n + !n);
		struct err e = { 0 };
		struct token t;

		memcpy(copy, cases[i].json, n);
		assert_code(token_parse((struct bytes){ copy, n }, &t, &e), &e, cases[i].code, cases[i].name);
		if (cases[i].code == ERR_NONE && t.kind != cases[i].kind)
			fail_msg("case '%s': kind %d", cases[i].name, t.kind);
	}
}

/* Each member at its most, and one byte more. */
static void bounds(void **state)
{
	static const struct { const char *name, *head, *tail; size_t most; } members[] = {
		{ "blob", HEAD POLICY "," PCRS ",\"tpm2-blob\":\"", "\"}", SEALED_MAX_BLOB_BYTES / 3 * 4 },
		{ "salt", GOOD ",\"tpm2_salt\":\"", "\"}", SEALED_MAX_SALT_BYTES / 3 * 4 },
		{ "key", GOOD ",\"tpm2_pubkey_pcrs\":[1],\"tpm2_pubkey\":\"", "\"}", (SEALED_MAX_PEM_BYTES - 1) / 3 * 4 },
		{ "reference", GOOD "," PEM ",\"tpm2_pubkey_ref\":\"", "\"}", SEALED_MAX_REF_BYTES - 1 },
		{ "token", GOOD ",\"x\":\"", "\"}", TOKEN_MAX_BYTES - sizeof(GOOD ",\"x\":\"\"}") + 1 },
	};
	SCOPED(mem_free) char *text = malloc(2 * TOKEN_MAX_BYTES);

	(void)state;
	for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
		for (size_t more = 0; more <= 4; more += 4) {
			size_t n = strlen(members[i].head), letters = members[i].most + more;
			struct err e = { 0 };
			struct token t;

			memcpy(text, members[i].head, n);
			memset(text + n, 'a', letters);
			strcpy(text + n + letters, members[i].tail);
			assert_code(token_parse(bytes_of(text), &t, &e), &e, more ? ERR_UNSUPPORTED : ERR_NONE,
				    members[i].name);
		}
	}
	memset(text, '[', TOKEN_MAX_BYTES);
	assert_int_equal(token_parse((struct bytes){ (uint8_t *)text, TOKEN_MAX_BYTES }, &(struct token){ 0 },
				     &(struct err){ 0 }), -ERR_UNSUPPORTED);
	assert_int_equal(token_parse((struct bytes){ (const uint8_t *)GOOD "}\0", sizeof(GOOD "}") }, &(struct token){ 0 },
				     &(struct err){ 0 }), -ERR_UNSUPPORTED);
}

static void says_what_is_wrong(void **state)
{
	struct err e = { 0 };
	struct token t;

	(void)state;
	assert_int_equal(token_parse(bytes_of(WITH("\"tpm2_salt\":0,\"tpm2-pin\":1")), &t, &e), -ERR_UNSUPPORTED);
	assert_string_equal(e.what, "'tpm2-pin' of the token is not true or false");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(reads_real_tokens), UNIT_TEST(takes_and_refuses), UNIT_TEST(bounds),
		UNIT_TEST(says_what_is_wrong),
	};

	return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
