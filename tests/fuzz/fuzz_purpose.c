/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "modules/root/purpose.h"

/* The first byte says which list it is. What is accepted is in it. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct purpose purpose;
	const struct partition partition = { .label = "root", .type = { { 0x4f, 0x68 } } };
	struct purpose_list *l;
	struct err e;
	int rc;

	if (n < 1 || n - 1 > PURPOSE_MAX_BYTES)
		return 0;
	purpose = (struct purpose){ 0 };
	l = &purpose.lists[p[0] % PURPOSE_N];
	l->n_bytes = n - 1;
	memcpy(l->bytes, p + 1, n - 1);
	rc = purpose_check_mount_point(&purpose, "/usr", &e);
	if (rc == 0 && l == &purpose.lists[PURPOSE_MOUNT_POINT] && n > 1 && !memmem(p + 1, n - 1, "/usr", 4))
		abort();
	rc = purpose_check_partition(&purpose, &partition, &e);
	if (rc == 0 && l == &purpose.lists[PURPOSE_LABEL] && n > 1 && !memmem(p + 1, n - 1, "root", 4))
		abort();
	return 0;
}
