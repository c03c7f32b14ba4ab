/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* confidential.h - whether the host is kept out of this virtual machine's memory.
 * Then what its firmware tells us comes from a stranger. */
#pragma once

#include <stdint.h>

enum confidential {
	CONFIDENTIAL_NO,
	CONFIDENTIAL_TDX,   /* its SMBIOS tables are measured */
	CONFIDENTIAL_OTHER,
};

struct cpuid {
	uint32_t eax, ebx, ecx, edx;
};

/* Decides by what the CPU says of a leaf, subleaf 0. Reading the AMD register that has the
 * last word takes a driver; a hypervisor that merely shows the leaf counts as confidential.
 * Spec: AMD APM 3 E.4.17, Intel TDX module "CPUID virtualization", Hyper-V TLFS 2.4. */
enum confidential confidential_decide(void (*read)(uint32_t leaf, struct cpuid *ret));

/* The same for the machine that we run on. */
enum confidential confidential_vm(void);
