/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/unit/unit.h"

#include "modules/disk/dps.h"

#define X86_64 "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
#define X86_64_HASH "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"
#define X86_64_USR "8484680c-9521-48c6-9c11-b0720656f69e"
#define ARM64 "b921b045-1df0-41c3-af44-4c6f280d3fae"
#define ESP "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
#define NATIVE NULL /* the root of the architecture that the test runs on */

static struct uuid uuid_of(const char *text)
{
	struct uuid u;

	assert_true(uuid_from_text(text, &u));
	return u;
}

/* From UAPI.2's table: all of one architecture, and one of each other. */
static const struct { const char *type, *name; } names[] = {
	{ X86_64, "root-x86-64" },
	{ X86_64_HASH, "root-x86-64-verity" },
	{ "41092b05-9fc8-4523-994f-2def0408b176", "root-x86-64-verity-sig" },
	{ X86_64_USR, "usr-x86-64" },
	{ "77ff5f63-e7b6-4633-acf4-1565b864c0e6", "usr-x86-64-verity" },
	{ "e7bb33fb-06cf-4e81-8273-e543b413e2e2", "usr-x86-64-verity-sig" },
	{ ARM64, "root-arm64" },
	{ "c23ce4ff-44bd-4b00-b2d4-b41b3419e02a", "usr-arm64-verity-sig" },
	{ "b6ed5582-440b-4209-b8da-5ff7c419ea3d", "root-riscv64-verity" },
	{ "42b0455f-eb11-491d-98d3-56145ba9d037", "root-arm-verity-sig" },
	{ "15bb03af-77e7-4d4a-b12b-c0d084f7491c", "usr-ppc64-le" },
	{ "31741cc4-1a2a-4111-a581-e00b447d2d06", "usr-s390x-verity" },
	{ "77055800-792c-4f94-b39a-98c91b762bb6", "root-loongarch64" },
	{ "974a71c0-de41-43c3-be5d-5c5ccd1ad2c0", "usr-x86-verity-sig" },
	{ ESP, "esp" },
	{ "bc13c2ff-59e6-4262-a352-b275fd6f7172", "xbootldr" },
	{ "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", "swap" },
	{ "0fc63daf-8483-4772-8e79-3d69d8477de4", "linux-generic" },
	{ "11111111-2222-4333-8444-555555555555", "unknown" },
	{ "00000000-0000-0000-0000-000000000000", "unknown" },
};

static void type_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct uuid u = uuid_of(names[i].type);

		assert_string_equal(dps_type_name(&u), names[i].name);
		assert_int_equal(dps_is_esp_or_xbootldr(&u), i == 14 || i == 15);
	}
}

static void label_versions(void **state)
{
	static const struct { const char *label, *minimum; enum err_code code; } labels[] = {
		{ "os_3.2", "3.2", ERR_NONE }, { "os_3.10", "3.2", ERR_NONE },
		{ "os_3.1", "3.2", ERR_ROLLBACK }, { "os_99_3.1", "3.2", ERR_ROLLBACK },
		{ "os_", "1", ERR_ROLLBACK }, { "os", "1", ERR_NONE }, { "", "1", ERR_NONE },
		{ "os_1", "", ERR_NONE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(labels) / sizeof(*labels); i++) {
		struct partition p = { .number = 1 };
		struct err e = { 0 };

		snprintf(p.label, sizeof(p.label), "%s", labels[i].label);
		assert_code(dps_check_version(&p, labels[i].minimum, &e), &e, labels[i].code,
			    labels[i].label);
	}
}

static void native_types(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "root-%s-verity", dps_architecture());
	assert_string_equal(dps_type_name(dps_type(DPS_ROOT, DPS_HASH)), name);
	snprintf(name, sizeof(name), "usr-%s", dps_architecture());
	assert_string_equal(dps_type_name(dps_type(DPS_USR, DPS_DATA)), name);
#ifdef __x86_64__
	assert_string_equal(dps_architecture(), "x86-64");
#endif
}

struct entry {
	const char *type, *label;
	uint64_t attributes;
	bool overlaps;
	const char *why; /* the expected verdict */
};

struct choose_case {
	const char *name;
	struct entry entries[4]; /* up to the first without a label */
	enum designator designator;
	unsigned wish_number; /* by the UUID of this partition */
	const char *wish_label, *wish_device;
	enum err_code code;
	unsigned chosen;
	const char *says;
};

#define P(type_, label_, ...) { .type = type_, .label = label_, __VA_ARGS__ }

static const struct choose_case choose_cases[] = {
	{ "one root",
	  { P(ESP, "esp", .why = "not a root partition"), P(NATIVE, "root", .why = "chosen") },
	  .chosen = 2 },
	{ "the newest of three",
	  { P(NATIVE, "root_9", .why = "an older version than the newest one"),
	    P(NATIVE, "root_10", .why = "chosen"),
	    P(NATIVE, "root_10~rc1", .why = "an older version than the newest one") },
	  .chosen = 2 },
	{ "equal versions that are not the newest",
	  { P(NATIVE, "root_1"), P(NATIVE, "root_1"), P(NATIVE, "root_2", .why = "chosen") },
	  .chosen = 3 },
	{ "equal versions",
	  { P(NATIVE, "root_1"), P(NATIVE, "root_2", .why = "the newest version"),
	    P(NATIVE, "root_2", .why = "the newest version") },
	  .code = ERR_ROOT_AMBIGUOUS, .says = "2 'root_2' and 3 'root_2'" },
	{ "versions that are spelled differently", { P(NATIVE, "root_02"), P(NATIVE, "root+2") },
	  .code = ERR_ROOT_AMBIGUOUS },
	{ "no labels", { P(NATIVE, ""), P(NATIVE, "") }, .code = ERR_ROOT_AMBIGUOUS },
	{ "no-auto",
	  { P(NATIVE, "root_2", .attributes = GPT_ATTR_NO_AUTO,
	    .why = "not for automatic use (no-auto)"),
	    P(NATIVE, "root_1", .why = "chosen") },
	  .chosen = 2 },
	{ "other attributes", { P(NATIVE, "root_2",
	  .attributes = GPT_ATTR_GROWFS | GPT_ATTR_READ_ONLY | 7),
				P(NATIVE, "root_1") },
	  .chosen = 1 },
	{ "empty slot", { P(NATIVE, "_empty", .why = "labelled '_empty'"), P(NATIVE, "a") },
	  .chosen = 2 },
	{ "not quite an empty slot", { P(NATIVE, "_empty2", .why = "chosen"), P(NATIVE, "_empty") },
	  .chosen = 1 },
	{ "half written",
	  { P(NATIVE, "PRT#root_3", .why = "half written (label begins PRT# or PND#)"),
	    P(NATIVE, "PND#root_4", .why = "half written (label begins PRT# or PND#)"),
	    P(NATIVE, "root_1", .why = "chosen") },
	  .chosen = 3 },
	{ "no root", { P(ESP, "esp") }, .code = ERR_ROOT_MISSING, .says = "no root partition" },
	{ "no partitions", .code = ERR_ROOT_MISSING },
	{ "only half written", { P(NATIVE, "PRT#root_3") }, .code = ERR_ROOT_MISSING,
	  .says = "partition 1 'PRT#root_3' is half written" },
	{ "the newest overlaps", { P(NATIVE, "root_2", .overlaps = true), P(NATIVE, "root_1") },
	  .code = ERR_GPT_OVERLAP, .says = "partition 1 'root_2'" },
	{ "an older one overlaps", { P(NATIVE, "root_1", .overlaps = true), P(NATIVE, "root_2") },
	  .chosen = 2 },
	{ "by UUID", { P(NATIVE, "root_1"), P(NATIVE, "root_2", .why = "not the UUID asked for") },
	  .wish_number = 1, .chosen = 1 },
	{ "by UUID, one of two equal ones", { P(NATIVE, "root"), P(NATIVE, "root") },
	  .wish_number = 2, .chosen = 2 },
	{ "by the UUID of a partition of another type", { P(ESP, "esp"), P(NATIVE, "root_2") },
	  .wish_number = 1, .code = ERR_ROOT_MISSING, .says = "not the UUID asked for" },
	{ "a wish widens nothing", { P(NATIVE, "root_1", .attributes = GPT_ATTR_NO_AUTO) },
	  .wish_number = 1,
	  .code = ERR_ROOT_MISSING },
	{ "by label", { P(NATIVE, "root_1", .why = "chosen"),
			P(NATIVE, "root_2", .why = "not the label asked for") },
	  .wish_label = "root_1", .chosen = 1 },
	{ "by a label that only begins so", { P(NATIVE, "root_1") }, .wish_label = "root",
	  .code = ERR_ROOT_MISSING },
	{ "by device", { P(NATIVE, "root_1", .why = "chosen"),
			 P(NATIVE, "root_2", .why = "not the device asked for") },
	  .wish_device = "vda1", .chosen = 1 },
	{ "by a device that is not there", { P(NATIVE, "root_1") }, .wish_device = "vda",
	  .code = ERR_ROOT_MISSING, .says = "not the device asked for" },
	{ "no usr", { P(NATIVE, "root", .why = "not a usr partition") }, .designator = DPS_USR,
	  .code = ERR_ROOT_MISSING, .says = "no usr partition" },
#ifdef __x86_64__
	{ "foreign root",
	  { P(ESP, "esp"), P(ARM64, "root_1", .why = "for another architecture (arm64)") },
	  .code = ERR_ROOT_MISSING,
	  .says = "for 'x86-64'; partition 2 'root_1' is for another architecture (arm64)" },
	{ "native before foreign, whatever the version", { P(ARM64, "root_9"), P(NATIVE,
	  "root_1") },
	  .chosen = 2 },
	{ "usr", { P(X86_64, "r"), P(X86_64_USR, "u", .why = "chosen") }, .designator = DPS_USR,
	  .chosen = 2 },
	{ "hash is no data", { P(X86_64_HASH, "root_2"), P(X86_64, "root_1") }, .chosen = 2 },
#endif
};

static void fill(struct partition *p, const struct entry *entry, unsigned number)
{
	*p = (struct partition){
		.number = number,
		.type = entry->type ? uuid_of(entry->type) : *dps_type(DPS_ROOT, DPS_DATA),
		.uuid = { { [15] = (uint8_t)number } },
		.attributes = entry->attributes,
		.overlaps = entry->overlaps,
	};
	snprintf(p->label, sizeof(p->label), "%s", entry->label);
	snprintf(p->devname, sizeof(p->devname), "vda%u", number);
}

static void choose(const struct choose_case *c)
{
	struct partition partitions[4];
	struct gpt gpt = { .partitions = partitions };
	const struct partition *chosen = NULL;
	struct dps_wish wish = { .label = c->wish_label, .devname = c->wish_device };
	struct dps_verdicts verdicts;
	struct err e = { 0 };
	int rc;

	while (gpt.n_partitions < 4 && c->entries[gpt.n_partitions].label) {
		fill(&partitions[gpt.n_partitions], &c->entries[gpt.n_partitions],
		     (unsigned)gpt.n_partitions + 1);
		gpt.n_partitions++;
	}
	if (c->wish_number)
		wish.uuid = &partitions[c->wish_number - 1].uuid;
	rc = dps_choose(&gpt, c->designator, &wish, &verdicts, &chosen, &e);
	assert_code(rc, &e, c->code, c->name);
	if (c->says && !strstr(e.what, c->says))
		fail_msg("case '%s' says '%s'", c->name, e.what);
	if (chosen != (c->chosen ? &partitions[c->chosen - 1] : NULL))
		fail_msg("case '%s': chose %u", c->name, chosen ? chosen->number : 0);
	for (size_t i = 0; i < gpt.n_partitions; i++)
		if (!verdicts.why[i] ||
		    (c->entries[i].why && strcmp(verdicts.why[i], c->entries[i].why) != 0))
			fail_msg("case '%s': partition %zu is '%s'", c->name, i + 1,
				 verdicts.why[i]);
}

static void choosing(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(choose_cases) / sizeof(*choose_cases); i++)
		choose(&choose_cases[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(type_names), UNIT_TEST(label_versions), UNIT_TEST(native_types), UNIT_TEST(choosing),
	};

	return cmocka_run_group_tests_name("dps", tests, NULL, NULL);
}
