/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/confidential.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#ifdef __x86_64__
#include <cpuid.h>
#endif

enum {
	LEAF_FEATURES = 1,
	LEAF_TDX = 0x21,
	LEAF_HYPERV = 0x40000000,
	LEAF_HYPERV_FEATURES = 0x40000003,
	LEAF_HYPERV_ISOLATION = 0x4000000c,

	SEV_EAX_SEV = 1 << 1,
	HYPERV_EBX_MANAGER = 1 << 12, /* it starts machines, it is none */
	HYPERV_EBX_ISOLATED = 1 << 22,
	HYPERV_ISOLATION_MASK = 0xf,
	HYPERV_ISOLATION_TDX = 3,
};

/* Too big for an enum. */
#define FEATURES_ECX_HYPERVISOR (1u << 31)
#define LEAF_EXTENDED 0x80000000u
#define LEAF_SEV 0x8000001fu

static bool is_signed(uint32_t a, uint32_t b, uint32_t c, const char signature[static 12])
{
	const uint32_t words[3] = { a, b, c };

	return memcmp(words, signature, sizeof(words)) == 0;
}

/* Hyper-V hides the makers' own leaves and has one instead. */
static enum confidential decide_hyperv(void (*read)(uint32_t, struct cpuid *))
{
	struct cpuid c;

	read(LEAF_HYPERV, &c);
	if (c.eax < LEAF_HYPERV_ISOLATION || !is_signed(c.ebx, c.ecx, c.edx, "Microsoft Hv"))
		return CONFIDENTIAL_NO;
	read(LEAF_HYPERV_FEATURES, &c);
	if (!(c.ebx & HYPERV_EBX_ISOLATED) || c.ebx & HYPERV_EBX_MANAGER)
		return CONFIDENTIAL_NO;
	read(LEAF_HYPERV_ISOLATION, &c);
	switch (c.ebx & HYPERV_ISOLATION_MASK) {
	case 0:
		return CONFIDENTIAL_NO;
	case HYPERV_ISOLATION_TDX:
		return CONFIDENTIAL_TDX;
	default:
		return CONFIDENTIAL_OTHER;
	}
}

enum confidential confidential_decide(void (*read)(uint32_t leaf, struct cpuid *ret))
{
	struct cpuid c;
	uint32_t highest;

	read(LEAF_FEATURES, &c);
	if (!(c.ecx & FEATURES_ECX_HYPERVISOR))
		return CONFIDENTIAL_NO;
	read(0, &c);
	highest = c.eax;
	if (is_signed(c.ebx, c.edx, c.ecx, "GenuineIntel") && highest >= LEAF_TDX) {
		read(LEAF_TDX, &c);
		if (is_signed(c.ebx, c.edx, c.ecx, "IntelTDX    "))
			return CONFIDENTIAL_TDX;
	}
	read(LEAF_EXTENDED, &c);
	if (c.eax >= LEAF_SEV) {
		read(LEAF_SEV, &c);
		if (c.eax & SEV_EAX_SEV)
			return CONFIDENTIAL_OTHER;
	}
	return decide_hyperv(read);
}

#ifdef __x86_64__
static void read_cpu(uint32_t leaf, struct cpuid *ret)
{
	__cpuid_count(leaf, 0, ret->eax, ret->ebx, ret->ecx, ret->edx);
}

enum confidential confidential_vm(void)
{
	return confidential_decide(read_cpu);
}
#else
enum confidential confidential_vm(void)
{
	bool is_realm = access("/sys/devices/platform/arm-cca-dev", F_OK) == 0;

	return is_realm ? CONFIDENTIAL_OTHER : CONFIDENTIAL_NO;
}
#endif
