/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/word.h"

#include <stdio.h>
#include <string.h>

void extension_word(bool host, const struct extension_class *class, const char *name,
		    const char *root_hash, char ret[static EXTENSION_WORD_BYTES])
{
	snprintf(ret, EXTENSION_WORD_BYTES, "%s%.7s:%.99s:%.128s", host ? "host-" : "", class->name, name, root_hash);
	/* What tpm_measure() would refuse. */
	for (char *c = ret; *c; c++)
		if (strchr("\"'\\", *c))
			*c = '?';
}

unsigned extension_pcr(const struct extension_class *class)
{
	return class->id == SYSEXT ? 13 : 12;
}
