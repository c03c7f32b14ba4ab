/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a machine says of itself: whether it is confidential, and its OEM strings. */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "init/core/cleanup.h"
#include "modules/inputs/confidential.h"
#include "modules/inputs/credentials.h"
#include "modules/inputs/smbios.h"

#define N(a) (sizeof(a) / sizeof(*(a)))
#define RAW(text) text, sizeof(text) - 1

static void oem_strings(void **state)
{
	/* type 11, its formatted area with the count; then strings, each followed by '|' */
	static const struct { const char *name, *raw; size_t n; const char *expected; } cases[] = {
		{ "two", RAW("\x0b\x05\x00\x0e\x02" "one\0two\0\0"), "one|two|" },
		{ "longer area", RAW("\x0b\x07\x00\x0e\x01??" "one\0\0"), "one|" },
		{ "nothing behind the end", RAW("\x0b\x05\x00\x0e\x02" "one\0\0two\0"), "one|" },
		{ "no strings", RAW("\x0b\x05\x00\x0e\x00\0\0"), "" },
		{ "only an area", RAW("\x0b\x05\x00\x0e\x00"), "" },
		{ "last one cut off", RAW("\x0b\x05\x00\x0e\x02" "one\0two"), "one|" },
		{ "another type", RAW("\x01\x05\x00\x0e\x02" "one\0\0"), "none" },
		{ "area too short", RAW("\x0b\x03\x00\x0e\x02" "one\0\0"), "none" },
		{ "area too long", RAW("\x0b\xff\x00\x0e\x02" "one\0\0"), "none" },
		{ "header cut off", RAW("\x0b\x05\x00"), "none" },
		{ "empty", RAW(""), "none" },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		/* Exactly as long, so that a byte too far is seen. */
		SCOPED(mem_free) char *raw = malloc(cases[i].n ? cases[i].n : 1);
		char *end, *at, *text, got[64] = "";

		memcpy(raw, cases[i].raw, cases[i].n);
		at = smbios_oem_strings(raw, cases[i].n, &end);
		if (!at)
			strcpy(got, "none");
		while (at && (text = smbios_next(&at, end)))
			strcat(strcat(got, text), "|");
		if (strcmp(got, cases[i].expected) != 0)
			fail_msg("case '%s': got '%s'", cases[i].name, got);
	}
}

/* Where each structure of a table begins, as its type; what is not whole ends it. */
static void structures(void **state)
{
#define END "\x7f\x04\x00\x7f\0\0"
	static const struct { const char *name, *raw; size_t n; const char *expected; } cases[] = {
		{ "three", RAW("\x01\x05\0\1\2" "one\0two\0\0" "\x0b\x05\0\2\0" "\0\0" "\x0b\x04\0\3" "x\0\0"),
		  "1 11 11 " },
		{ "zeros in the area", RAW("\x01\x08\0\1\0\0\0\0" "one\0\0" "\x0b\x04\0\2" "\0\0"), "1 11 " },
		{ "nothing behind the end", RAW("\x01\x04\0\1\0\0" END "\x0b\x04\0\2" "x\0\0"), "1 " },
		{ "only the end", RAW(END), "" },
		{ "area too short", RAW("\x01\x03\0\1\0\0" "\x0b\x04\0\2" "x\0\0"), "" },
		{ "area too long", RAW("\x01\x04\0\1\0\0" "\x0b\xff\0\2" "x\0\0"), "1 " },
		{ "strings cut off", RAW("\x01\x04\0\1\0\0" "\x0b\x04\0\2" "x\0"), "1 " },
		{ "area cut off", RAW("\x01\x04\0\1\0\0" "\x0b\x06\0\2" "x"), "1 " },
		{ "header cut off", RAW("\x01\x04\0\1\0\0" "\x0b\x04\0"), "1 " },
		{ "empty", RAW(""), "" },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		SCOPED(mem_free) char *raw = malloc(cases[i].n ? cases[i].n : 1);
		char got[64] = "";

		memcpy(raw, cases[i].raw, cases[i].n);
		for (size_t at = 0, n; (n = smbios_structure_bytes(raw + at, cases[i].n - at)); at += n)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%d ", raw[at]);
		if (strcmp(got, cases[i].expected) != 0)
			fail_msg("case '%s': got '%s'", cases[i].name, got);
	}
}

static void prefixes(void **state)
{
	static const struct { const char *text, *rest; bool binary; } cases[] = {
		{ "io.systemd.credential:a=b", "a=b", false },
		{ "io.systemd.credential.binary:a=b", "a=b", true },
		{ "io.systemd.credential:", "", false },
		{ "io.systemd.credential", NULL, false },
		{ "io.systemd.credential.other:a=b", NULL, false },
		{ "io.systemd.stub.kernel-cmdline-extra=x", NULL, false },
		{ " io.systemd.credential:a=b", NULL, false },
	};

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		char text[64];
		bool binary;
		const char *rest = credential_in_oem_string(strcpy(text, cases[i].text), &binary);

		if (!rest != !cases[i].rest || (rest && strcmp(rest, cases[i].rest) != 0) ||
		    binary != cases[i].binary)
			fail_msg("'%s': '%s'", cases[i].text, rest ? rest : "none");
	}
}

/* The CPU that the next question is asked of; leaves that are not listed are zero. */
struct leaf {
	uint32_t leaf;
	struct cpuid is;
};

static const struct leaf *cpu;

static void read_leaf(uint32_t leaf, struct cpuid *ret)
{
	*ret = (struct cpuid){ 0 };
	for (const struct leaf *l = cpu; l->is.eax | l->is.ebx | l->is.ecx; l++)
		if (l->leaf == leaf)
			*ret = l->is;
}

#define GUEST { 1, { 0x663, 0, 1u << 31, 0 } }
#define METAL { 1, { 0x663, 0, 0, 0 } }
#define INTEL(highest) { 0, { highest, 0x756e6547, 0x6c65746e, 0x49656e69 } } /* "Genu" "ntel" "ineI" */
#define AMD { 0, { 0x10, 0x68747541, 0x444d4163, 0x69746e65 } }               /* "Auth" "cAMD" "enti" */
#define TDX { 0x21, { 0, 0x65746e49, 0x20202020, 0x5844546c } }               /* "Inte" "    " "lTDX" */
#define EXTENDED(highest) { 0x80000000, { highest, 0, 0, 0 } }
#define SEV(bits) { 0x8000001f, { bits, 0, 1, 0 } }
#define HYPERV { 0x40000000, { 0x4000000c, 0x7263694d, 0x666f736f, 0x76482074 } } /* "Micr" "osof" "t Hv" */
#define HYPERV_FEATURES(bits) { 0x40000003, { 1, bits, 0, 0 } }
#define HYPERV_ISOLATION(type) { 0x4000000c, { 1, type, 0, 0 } }

static void confidential(void **state)
{
	static const struct {
		const char *name;
		struct leaf leaves[7];
		enum confidential expected;
	} tries[] = {
		{ "metal with SEV", { METAL, AMD, EXTENDED(0x8000001f), SEV(2) }, CONFIDENTIAL_NO },
		{ "metal with TDX", { METAL, INTEL(0x21), TDX }, CONFIDENTIAL_NO },
		{ "guest without SEV", { GUEST, AMD, EXTENDED(0x8000001f), SEV(1) }, CONFIDENTIAL_NO },
		{ "leaf beyond the highest", { GUEST, AMD, EXTENDED(0x8000001e), SEV(2) }, CONFIDENTIAL_NO },
		{ "SEV", { GUEST, AMD, EXTENDED(0x8000001f), SEV(2) }, CONFIDENTIAL_OTHER },
		{ "Intel guest", { GUEST, INTEL(0x21), EXTENDED(0x80000008) }, CONFIDENTIAL_NO },
		{ "TDX", { GUEST, INTEL(0x21), TDX, EXTENDED(0x80000008) }, CONFIDENTIAL_TDX },
		{ "TDX beyond the highest", { GUEST, INTEL(0x20), TDX }, CONFIDENTIAL_NO },
		{ "Hyper-V", { GUEST, AMD, HYPERV, HYPERV_FEATURES(0), HYPERV_ISOLATION(2) }, CONFIDENTIAL_NO },
		{ "SNP on Hyper-V",
		  { GUEST, AMD, HYPERV, HYPERV_FEATURES(1 << 22), HYPERV_ISOLATION(2) }, CONFIDENTIAL_OTHER },
		{ "TDX on Hyper-V",
		  { GUEST, INTEL(0x20), HYPERV, HYPERV_FEATURES(1 << 22), HYPERV_ISOLATION(3) }, CONFIDENTIAL_TDX },
		{ "not isolated",
		  { GUEST, AMD, HYPERV, HYPERV_FEATURES(1 << 22), HYPERV_ISOLATION(0x10) }, CONFIDENTIAL_NO },
		{ "Hyper-V's manager",
		  { GUEST, AMD, HYPERV, HYPERV_FEATURES(1 << 22 | 1 << 12), HYPERV_ISOLATION(2) },
		  CONFIDENTIAL_NO },
	};

	(void)state;
	for (size_t i = 0; i < N(tries); i++) {
		cpu = tries[i].leaves;
		if (confidential_decide(read_leaf) != tries[i].expected)
			fail_msg("case '%s': %d", tries[i].name, confidential_decide(read_leaf));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(oem_strings), UNIT_TEST(structures), UNIT_TEST(prefixes), UNIT_TEST(confidential),
	};

	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
