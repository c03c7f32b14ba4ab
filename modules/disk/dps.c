/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/disk/dps.h"

#include <stdio.h>
#include <string.h>

#include "init/core/version.h"

struct known_type {
	struct uuid uuid;
	const char *name;
};

struct architecture {
	const char *name;
	const char *foreign; /* the verdict over its partitions elsewhere */
	struct known_type types[2][3]; /* [designator][role] */
};

/* A UUID as it is written, with the dashes as commas. */
#define U(a, b, c, d, e)                                                                    \
	{ { (uint8_t)((a) >> 24), (uint8_t)((a) >> 16 & 255), (uint8_t)((a) >> 8 & 255),    \
	    (uint8_t)((a) & 255), (b) >> 8, (b) & 255, (c) >> 8, (c) & 255, (d) >> 8,       \
	    (d) & 255, (uint8_t)((e) >> 40), (uint8_t)((e) >> 32 & 255),                    \
	    (uint8_t)((e) >> 24 & 255), (uint8_t)((e) >> 16 & 255),                         \
	    (uint8_t)((e) >> 8 & 255), (uint8_t)((e) & 255) } }

#define ARCHITECTURE(arch, root, root_hash, root_signature, usr, usr_hash, usr_signature)   \
	{                                                                                   \
		.name = arch, .foreign = "for another architecture (" arch ")",             \
		.types = {                                                                  \
			[DPS_ROOT] = {                                                      \
				[DPS_DATA] = { root, "root-" arch },                        \
				[DPS_HASH] = { root_hash, "root-" arch "-verity" },         \
				[DPS_SIGNATURE] = { root_signature, "root-" arch "-verity-sig" }, \
			},                                                                  \
			[DPS_USR] = {                                                       \
				[DPS_DATA] = { usr, "usr-" arch },                          \
				[DPS_HASH] = { usr_hash, "usr-" arch "-verity" },           \
				[DPS_SIGNATURE] = { usr_signature, "usr-" arch "-verity-sig" }, \
			},                                                                  \
		},                                                                          \
	}

/* UAPI.2, "Defined partition type UUIDs". */
static const struct architecture architectures[] = {
	ARCHITECTURE("x86-64",
		     U(0x4f68bce3, 0xe8cd, 0x4db1, 0x96e7, 0xfbcaf984b709),
		     U(0x2c7357ed, 0xebd2, 0x46d9, 0xaec1, 0x23d437ec2bf5),
		     U(0x41092b05, 0x9fc8, 0x4523, 0x994f, 0x2def0408b176),
		     U(0x8484680c, 0x9521, 0x48c6, 0x9c11, 0xb0720656f69e),
		     U(0x77ff5f63, 0xe7b6, 0x4633, 0xacf4, 0x1565b864c0e6),
		     U(0xe7bb33fb, 0x06cf, 0x4e81, 0x8273, 0xe543b413e2e2)),
	ARCHITECTURE("arm64",
		     U(0xb921b045, 0x1df0, 0x41c3, 0xaf44, 0x4c6f280d3fae),
		     U(0xdf3300ce, 0xd69f, 0x4c92, 0x978c, 0x9bfb0f38d820),
		     U(0x6db69de6, 0x29f4, 0x4758, 0xa7a5, 0x962190f00ce3),
		     U(0xb0e01050, 0xee5f, 0x4390, 0x949a, 0x9101b17104e9),
		     U(0x6e11a4e7, 0xfbca, 0x4ded, 0xb9e9, 0xe1a512bb664e),
		     U(0xc23ce4ff, 0x44bd, 0x4b00, 0xb2d4, 0xb41b3419e02a)),
	ARCHITECTURE("riscv64",
		     U(0x72ec70a6, 0xcf74, 0x40e6, 0xbd49, 0x4bda08e8f224),
		     U(0xb6ed5582, 0x440b, 0x4209, 0xb8da, 0x5ff7c419ea3d),
		     U(0xefe0f087, 0xea8d, 0x4469, 0x821a, 0x4c2a96a8386a),
		     U(0xbeaec34b, 0x8442, 0x439b, 0xa40b, 0x984381ed097d),
		     U(0x8f1056be, 0x9b05, 0x47c4, 0x81d6, 0xbe53128e5b54),
		     U(0xd2f9000a, 0x7a18, 0x453f, 0xb5cd, 0x4d32f77a7b32)),
	ARCHITECTURE("arm",
		     U(0x69dad710, 0x2ce4, 0x4e3c, 0xb16c, 0x21a1d49abed3),
		     U(0x7386cdf2, 0x203c, 0x47a9, 0xa498, 0xf2ecce45a2d6),
		     U(0x42b0455f, 0xeb11, 0x491d, 0x98d3, 0x56145ba9d037),
		     U(0x7d0359a3, 0x02b3, 0x4f0a, 0x865c, 0x654403e70625),
		     U(0xc215d751, 0x7bcd, 0x4649, 0xbe90, 0x6627490a4c05),
		     U(0xd7ff812f, 0x37d1, 0x4902, 0xa810, 0xd76ba57b975a)),
	ARCHITECTURE("ppc64-le",
		     U(0xc31c45e6, 0x3f39, 0x412e, 0x80fb, 0x4809c4980599),
		     U(0x906bd944, 0x4589, 0x4aae, 0xa4e4, 0xdd983917446a),
		     U(0xd4a236e7, 0xe873, 0x4c07, 0xbf1d, 0xbf6cf7f1c3c6),
		     U(0x15bb03af, 0x77e7, 0x4d4a, 0xb12b, 0xc0d084f7491c),
		     U(0xee2b9983, 0x21e8, 0x4153, 0x86d9, 0xb6901a54d1ce),
		     U(0xc8bfbd1e, 0x268e, 0x4521, 0x8bba, 0xbf314c399557)),
	ARCHITECTURE("s390x",
		     U(0x5eead9a9, 0xfe09, 0x4a1e, 0xa1d7, 0x520d00531306),
		     U(0xb325bfbe, 0xc7be, 0x4ab8, 0x8357, 0x139e652d2f6b),
		     U(0xc80187a5, 0x73a3, 0x491a, 0x901a, 0x017c3fa953e9),
		     U(0x8a4f5770, 0x50aa, 0x4ed3, 0x874a, 0x99b710db6fea),
		     U(0x31741cc4, 0x1a2a, 0x4111, 0xa581, 0xe00b447d2d06),
		     U(0x3f324816, 0x667b, 0x46ae, 0x86ee, 0x9b0c0c6c11b4)),
	ARCHITECTURE("loongarch64",
		     U(0x77055800, 0x792c, 0x4f94, 0xb39a, 0x98c91b762bb6),
		     U(0xf3393b22, 0xe9af, 0x4613, 0xa948, 0x9d3bfbd0c535),
		     U(0x5afb67eb, 0xecc8, 0x4f85, 0xae8e, 0xac1e7c50e7d0),
		     U(0xe611c702, 0x575c, 0x4cbe, 0x9a46, 0x434fa0bf7e3f),
		     U(0xf46b2c26, 0x59ae, 0x48f0, 0x9106, 0xc50ed47f673d),
		     U(0xb024f315, 0xd330, 0x444c, 0x8461, 0x44bbde524e99)),
	ARCHITECTURE("x86",
		     U(0x44479540, 0xf297, 0x41b2, 0x9af7, 0xd131d5f0458a),
		     U(0xd13c5d3b, 0xb5d1, 0x422a, 0xb29f, 0x9454fdc89d76),
		     U(0x5996fc05, 0x109c, 0x48de, 0x808b, 0x23fa0830b676),
		     U(0x75250d76, 0x8cc6, 0x458e, 0xbd66, 0xbd47cc81a812),
		     U(0x8f461b0d, 0x14ee, 0x4e81, 0x9aa9, 0x049b6fb97abd),
		     U(0x974a71c0, 0xde41, 0x43c3, 0xbe5d, 0x5c5ccd1ad2c0)),
};

static const struct known_type common_types[] = {
	{ U(0xc12a7328, 0xf81f, 0x11d2, 0xba4b, 0x00a0c93ec93b), "esp" },
	{ U(0xbc13c2ff, 0x59e6, 0x4262, 0xa352, 0xb275fd6f7172), "xbootldr" },
	{ U(0x0657fd6d, 0xa4ab, 0x43c4, 0x84e5, 0x0933c84b4f4f), "swap" },
	{ U(0x933ac7e1, 0x2eb4, 0x4f13, 0xb844, 0x0e14e2aef915), "home" },
	{ U(0x3b8f8425, 0x20e0, 0x4f3b, 0x907f, 0x1a25a76f98e8), "srv" },
	{ U(0x4d21b016, 0xb534, 0x45c2, 0xa9fb, 0x5c16e091fd2d), "var" },
	{ U(0x7ec6f557, 0x3bc5, 0x4aca, 0xb293, 0x16ef5df639d1), "tmp" },
	{ U(0x773f91ef, 0x66d4, 0x49b5, 0xbd83, 0xd683bf40ad16), "user-home" },
	{ U(0x0fc63daf, 0x8483, 0x4772, 0x8e79, 0x3d69d8477de4), "linux-generic" },
};

enum {
	N_ARCHITECTURES = sizeof(architectures) / sizeof(*architectures),
	N_COMMON = sizeof(common_types) / sizeof(*common_types),
};

#if defined(__x86_64__)
#define NATIVE "x86-64"
#elif defined(__aarch64__)
#define NATIVE "arm64"
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE "riscv64"
#elif defined(__arm__)
#define NATIVE "arm"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define NATIVE "ppc64-le"
#elif defined(__s390x__)
#define NATIVE "s390x"
#elif defined(__loongarch64)
#define NATIVE "loongarch64"
#elif defined(__i386__)
#define NATIVE "x86"
#else
#error "add the partition types of this architecture"
#endif

static const struct architecture *native(void)
{
	const struct architecture *a = architectures;

	/* The table has every NATIVE there is. */
	while (strcmp(a->name, NATIVE) != 0)
		a++;
	return a;
}

const struct uuid *dps_type(enum designator d, enum role r)
{
	return &native()->types[d][r].uuid;
}

const char *dps_architecture(void)
{
	return NATIVE;
}

bool dps_is_architecture(const char *name)
{
	for (size_t i = 0; i < N_ARCHITECTURES; i++)
		if (strcmp(architectures[i].name, name) == 0)
			return true;
	return false;
}

/* The architecture for which this type is what d and r say, or NULL. */
static const struct architecture *architecture_of(const struct uuid *type, enum designator d,
						  enum role r)
{
	for (size_t i = 0; i < N_ARCHITECTURES; i++)
		if (uuid_equal(&architectures[i].types[d][r].uuid, type))
			return &architectures[i];
	return NULL;
}

const char *dps_type_name(const struct uuid *type)
{
	for (size_t i = 0; i < N_COMMON; i++)
		if (uuid_equal(&common_types[i].uuid, type))
			return common_types[i].name;
	for (enum designator d = DPS_ROOT; d <= DPS_USR; d++)
		for (enum role r = DPS_DATA; r <= DPS_SIGNATURE; r++) {
			const struct architecture *a = architecture_of(type, d, r);

			if (a)
				return a->types[d][r].name;
		}
	return "unknown";
}

bool dps_is_esp_or_xbootldr(const struct uuid *type)
{
	const char *name = dps_type_name(type);

	return strcmp(name, "esp") == 0 || strcmp(name, "xbootldr") == 0;
}

/* Why this partition is out of the question; NULL for a candidate. */
const char *dps_skips(const struct partition *p)
{
	if (p->filtered)
		return "hidden by systemd.image_filter=";
	if (p->failed)
		return "failed in this boot";
	if (p->attributes & GPT_ATTR_NO_AUTO)
		return "not for automatic use (no-auto)";
	if (strcmp(p->label, "_empty") == 0)
		return "labelled '_empty'";
	if (strncmp(p->label, "PRT#", 4) == 0 || strncmp(p->label, "PND#", 4) == 0)
		return "half written (label begins PRT# or PND#)";
	return NULL;
}

int dps_check_version(const struct partition *p, const char *minimum, struct err *e)
{
	const char *version = strrchr(p->label, '_');

	if (!*minimum || !version || version_compare(version + 1, minimum) >= 0)
		return 0;
	return err_set(e, ERR_ROLLBACK, 0,
		       "partition %u '%s' has version '%s', slipway.conf demands '%s'", p->number,
		       p->label, version + 1, minimum);
}

struct dps_halves dps_halves(const uint8_t *root_hash, size_t n)
{
	struct dps_halves h;

	memcpy(h.data.b, root_hash, sizeof(h.data.b));
	memcpy(h.hash.b, root_hash + n - sizeof(h.hash.b), sizeof(h.hash.b));
	return h;
}

const char *dps_name(enum designator d)
{
	return d == DPS_ROOT ? "root" : "usr";
}

static const char *objection(const struct partition *p, enum designator d,
			     const struct dps_wish *wish)
{
	const struct architecture *a = architecture_of(&p->type, d, DPS_DATA);

	if (!a)
		return d == DPS_ROOT ? "not a root partition" : "not a usr partition";
	if (a != native())
		return a->foreign;
	if (dps_skips(p))
		return dps_skips(p);
	if (wish->uuid && !uuid_equal(wish->uuid, &p->uuid))
		return "not the UUID asked for";
	if (wish->label && strcmp(wish->label, p->label) != 0)
		return "not the label asked for";
	if (wish->devname && strcmp(wish->devname, p->devname) != 0)
		return "not the device asked for";
	return NULL;
}

static int missing(const struct gpt *gpt, enum designator d, const struct dps_verdicts *verdicts,
		   struct err *e)
{
	/* The first one of the right kind tells more than a bare "none". */
	for (size_t i = 0; i < gpt->n_partitions; i++)
		if (architecture_of(&gpt->partitions[i].type, d, DPS_DATA))
			return err_set(e, ERR_ROOT_MISSING, 0,
				       "no usable %s partition for '%s'; partition %u '%s' is %s",
				       dps_name(d), NATIVE, gpt->partitions[i].number,
				       gpt->partitions[i].label, verdicts->why[i]);
	return err_set(e, ERR_ROOT_MISSING, 0, "no %s partition for '%s'", dps_name(d), NATIVE);
}

static int ambiguous(const struct partition *a, const struct partition *b, struct err *e)
{
	return err_set(e, ERR_ROOT_AMBIGUOUS, 0,
		       "partitions %u '%s' and %u '%s' are the same version, and the newest",
		       a->number, a->label, b->number, b->label);
}

/* Notes every objection, and returns a candidate that no other one is newer than. */
static const struct partition *newest(const struct gpt *gpt, enum designator d,
				      const struct dps_wish *wish, const char **why)
{
	const struct partition *best = NULL;

	for (size_t i = 0; i < gpt->n_partitions; i++) {
		const struct partition *p = &gpt->partitions[i];

		why[i] = objection(p, d, wish);
		if (!why[i] && (!best || version_compare(p->label, best->label) > 0))
			best = p;
	}
	return best;
}

int dps_choose(const struct gpt *gpt, enum designator d, const struct dps_wish *wish,
	       struct dps_verdicts *verdicts, const struct partition **ret, struct err *e)
{
	const struct partition *best, *rival = NULL;

	*verdicts = (struct dps_verdicts){ 0 };
	best = newest(gpt, d, wish, verdicts->why);
	if (!best)
		return missing(gpt, d, verdicts, e);
	for (size_t i = 0; i < gpt->n_partitions; i++) {
		const struct partition *p = &gpt->partitions[i];

		if (verdicts->why[i])
			continue;
		verdicts->why[i] = "an older version than the newest one";
		if (version_compare(p->label, best->label) != 0)
			continue;
		verdicts->why[i] = "the newest version";
		if (p != best)
			rival = p;
	}
	if (rival)
		return ambiguous(best, rival, e);
	if (best->overlaps)
		return err_set(e, ERR_GPT_OVERLAP, 0,
			       "partition %u '%s' shares sectors with another", best->number,
			       best->label);
	verdicts->why[best - gpt->partitions] = "chosen";
	*ret = best;
	return 0;
}
