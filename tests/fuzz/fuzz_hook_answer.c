/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/answer.h"
#include "init/core/text.h"

/* What is kept can be shown, and an answer that is wrong lets no boot go on. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct answer a;

	answer_parse((const char *)data, size, &a);
	if (a.kind == ANSWER_CONTINUE && a.complaint)
		abort();
	if (a.n_facts > ANSWER_MAX_FACTS)
		abort();
	for (size_t i = 0; i < a.n_facts; i++) {
		if (!memchr(a.facts[i].key, '\0', ANSWER_KEY_BYTES) ||
		    !memchr(a.facts[i].value, '\0', ANSWER_TEXT_BYTES))
			abort();
		for (const char *c = a.facts[i].value; *c; c += text_character(c))
			if (!text_character(c))
				abort();
	}
	return 0;
}
