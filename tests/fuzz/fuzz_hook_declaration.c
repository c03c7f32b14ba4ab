/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hooks/declaration.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* They end in their room, lie in one of the two folders, and do not lead out of it. */
static void check_paths(char list[][DECLARATION_PATH_BYTES], size_t n, const char *one, const char *other)
{
	must(n <= DECLARATION_MAX_LIST);
	for (size_t i = 0; i < n; i++) {
		must(memchr(list[i], '\0', DECLARATION_PATH_BYTES));
		must(strncmp(list[i], one, 5) == 0 || strncmp(list[i], other, 5) == 0);
		must(!strstr(list[i], "/../") && !strstr(list[i], "//"));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct declaration d;
	struct err e;

	if (declaration_parse((const char *)data, size, "fuzz", &d, &e) < 0)
		return 0;
	must(d.deadline_s > 0 && d.deadline_s <= DECLARATION_MAX_DEADLINE_S);
	check_paths(d.devices, d.n_devices, "/dev/", "/sys/");
	check_paths(d.outputs, d.n_outputs, "/run/", "/run/");
	must(d.n_credentials <= DECLARATION_MAX_LIST);
	for (size_t i = 0; i < d.n_credentials; i++)
		must(memchr(d.credentials[i], '\0', DECLARATION_NAME_BYTES) && !strchr(d.credentials[i], '/'));
	return 0;
}
