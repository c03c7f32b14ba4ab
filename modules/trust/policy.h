/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* policy.h - image policies. Spec: systemd.image-policy(7). Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"

/* How a partition may be used, or was found to be. */
enum {
	USE_VERITY = 1 << 0,
	USE_SIGNED = 1 << 1,
	USE_ENCRYPTED = 1 << 2,
	USE_ENCRYPTED_INTEGRITY = 1 << 3,
	USE_UNPROTECTED = 1 << 4,
	USE_UNUSED = 1 << 5,
	USE_ABSENT = 1 << 6,
	USE_OPEN = (1 << 7) - 1,
	USE_IGNORE = USE_UNUSED | USE_ABSENT,
};

/* The attributes of UAPI.2 that rules are about. The disk folder has them too, but trust knows
 * no disks. */
#define POLICY_GROWFS (UINT64_C(1) << 59)
#define POLICY_READ_ONLY (UINT64_C(1) << 60)

enum policy_designator {
	POLICY_ROOT, POLICY_USR, POLICY_HOME, POLICY_SRV, POLICY_ESP, POLICY_XBOOTLDR,
	POLICY_SWAP, POLICY_ROOT_VERITY, POLICY_ROOT_VERITY_SIG, POLICY_USR_VERITY,
	POLICY_USR_VERITY_SIG, POLICY_TMP, POLICY_VAR,
	POLICY_N_DESIGNATORS,
};

/* Where what a partition may be comes from. */
enum policy_rule_kind {
	RULE_DEFAULT,  /* that for all which are not listed */
	RULE_DERIVED,  /* of a hash or signature partition, from that of its data */
	RULE_EXPLICIT, /* its own */
};

/* One rule, as far as it says something. */
struct policy_rule {
	uint16_t use, filesystems;
	uint8_t read_only, growfs; /* bit 0: may be off, bit 1: may be on; 0: either */
	uint8_t where; /* enum policy_rule_kind */
	bool given;
};

struct policy {
	struct policy_rule rules[POLICY_N_DESIGNATORS + 1]; /* the listed ones; last that for all others */
	/* What follows from them: */
	uint16_t use[POLICY_N_DESIGNATORS]; /* USE_*: never 0 */
	uint16_t filesystems[POLICY_N_DESIGNATORS]; /* bit per known type; 0: any */
	int8_t read_only[POLICY_N_DESIGNATORS]; /* 1 must be on, 0 must be off, -1 either */
	int8_t growfs[POLICY_N_DESIGNATORS];
	uint8_t rule[POLICY_N_DESIGNATORS]; /* enum policy_rule_kind, of use and attributes */
	bool is_floors[POLICY_N_DESIGNATORS]; /* that rule, after policy_narrow() */
	uint8_t type_rule[POLICY_N_DESIGNATORS]; /* the same of filesystems */
	bool types_are_floors[POLICY_N_DESIGNATORS];
};

enum { POLICY_WORDS_BYTES = 160 }; /* the longest, with its NUL */

/* The designator of this name, or -1. */
int policy_designator(const char *name);
const char *policy_designator_name(enum policy_designator d);

/* Parses the whole text; *ret holds every designator afterwards: listed, derived
 * (verity and signature partitions from their data) or default.
 * Errors: ERR_POLICY_SYNTAX, with the offending rule. */
int policy_parse(const char *text, struct policy *ret, struct err *e);

/* The floor under every policy, as text: what slipway.conf says ("" if nothing), or the default, for
 * d, root or usr, which the system is in, by whether the initrd has certificates. */
const char *policy_floor_text(const char *configured, enum policy_designator d, bool has_certificates);

/* The same, parsed. Where the system is in /usr, rules of the root alone are meant for it. Without
 * any rule for d, the default holds beside what is said of all others: whoever lists other
 * partitions has not opened this one. beside: there is a root partition beside the /usr. Nothing
 * proves that one, so only a rule of its own lets it be anything else than proven.
 * Errors: ERR_POLICY_SYNTAX; ERR_POLICY_REFUSED if all others and the default have nothing in common. */
int policy_floor(const char *configured, enum policy_designator d, bool has_certificates, bool beside,
		 struct policy *ret, struct err *e);

/* Narrows *p by the floor: what either forbids is forbidden. Errors:
 * ERR_POLICY_REFUSED if nothing at all remains for a designator. */
int policy_narrow(struct policy *p, const struct policy *floor, struct err *e);

/* Does *asked accept d, root or usr, without a signature, as "verity+signed+absent" does,
 * where the floor demands one? Narrowing makes up for that, but others who go by the policy have no floor. */
bool policy_is_weak(const struct policy *asked, const struct policy *floor,
		    enum policy_designator d);

/* Is a partition in this state (USE_*) and with these GPT attributes allowed?
 * name is for the message. Errors: ERR_POLICY_REFUSED. */
int policy_check(const struct policy *p, enum policy_designator d, unsigned found,
		 uint64_t attributes, const char *name, struct err *e);

/* Is this file system allowed? Errors: ERR_POLICY_REFUSED. */
int policy_check_filesystem(const struct policy *p, enum policy_designator d,
			    const char *filesystem, struct err *e);

/* "verity+signed" for a set of USE_* flags; returns ret. */
char *policy_uses(unsigned use, char *ret, size_t max);

/* The same with attributes, 1 on, 0 off, -1 not to be said: "signed+read-only-on". */
char *policy_state(unsigned use, int read_only, int growfs, char *ret, size_t max);

/* All that the policy allows for d, in its own words: "signed+read-only-on+erofs", or
 * "open" for whatever it can be; returns ret. */
char *policy_words(const struct policy *p, enum policy_designator d, char *ret, size_t max);
