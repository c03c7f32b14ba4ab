/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modules/trust/policy.h"

/* What is said of a rule, in the words of policies, is that rule. */
static void read_back(const struct policy *p, enum policy_designator d)
{
	char words[POLICY_WORDS_BYTES], text[POLICY_WORDS_BYTES + 32];
	struct policy again;
	struct err e;

	snprintf(text, sizeof(text), "%s=%s", policy_designator_name(d),
		 policy_words(p, d, words, sizeof(words)));
	if (policy_parse(text, &again, &e) < 0 || again.use[d] != p->use[d] ||
	    again.filesystems[d] != p->filesystems[d] || again.read_only[d] != p->read_only[d] ||
	    again.growfs[d] != p->growfs[d] || again.rule[d] != RULE_EXPLICIT)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct policy p, floor;
	struct err e;

	memcpy(text, data, size);
	text[size] = '\0';
	if (policy_parse(text, &p, &e) == 0) {
		for (int d = 0; d < POLICY_N_DESIGNATORS; d++)
			if (!p.use[d])
				abort();
			else
				read_back(&p, d);
		if (policy_parse("root=signed:usr=signed+absent", &floor, &e) < 0)
			abort();
		if (policy_narrow(&p, &floor, &e) == 0 && p.use[POLICY_ROOT] != USE_SIGNED)
			abort();
	}
	free(text);
	return 0;
}
