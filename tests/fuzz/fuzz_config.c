/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "modules/inputs/config.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* As many words as it says, each with its NUL in the room. */
static void check_words(const char *words, size_t max, size_t n, size_t max_words)
{
	const char *end = words + max;

	must(n <= max_words);
	for (size_t len; n > 0; n--, words += len + 1) {
		len = strnlen(words, (size_t)(end - words));
		must(len > 0 && words + len < end);
	}
}

static void check_digests(const struct digests *list, size_t min, size_t max)
{
	must(list->n <= DIGESTS_MAX);
	for (size_t i = 0; i < list->n; i++)
		must(list->at[i].n_bytes >= min && list->at[i].n_bytes <= max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config c;
	struct err e;

	if (config_parse((const char *)data, size, &c, &e) < 0)
		return 0;
	check_words(c.modules, sizeof(c.modules), c.n_modules, CONFIG_MAX_MODULES);
	check_words(c.esp_folders, sizeof(c.esp_folders), c.n_esp_folders, CONFIG_MAX_FOLDERS);
	check_words(c.required_extensions, sizeof(c.required_extensions), c.n_required_extensions,
		    CONFIG_MAX_EXTENSIONS);
	check_digests(&c.denied_certificates, 32, 32);
	check_digests(&c.denied_root_hashes, 16, 64);
	check_digests(&c.luks_keys, 32, 32);
	return 0;
}
