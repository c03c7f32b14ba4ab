/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes the mistake that its word names, with the allocator of guard.c. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So that no compiler leaves a mistake away. */
static uint8_t *volatile p;
static volatile size_t at;
static int *volatile number;

int main(int argc, char **argv)
{
	const char *mistake = argc > 1 ? argv[1] : "";

	p = malloc(100);
	memset(p, 1, 100);
	p = realloc(p, 40);
	at = 48;
	if (strcmp(mistake, "read-beyond") == 0)
		printf("%d\n", p[at]);
	at = 40;
	if (strcmp(mistake, "write-just-beyond") == 0)
		p[at] = 2;
	if (strcmp(mistake, "write-before") == 0)
		p[at - 41] = 2;
	free(p);
	if (strcmp(mistake, "use-freed") == 0)
		printf("%d\n", p[0]);
	if (strcmp(mistake, "free-twice") == 0)
		free(p);
	number = malloc(sizeof(*number));
	*number = 2147483647;
	if (strcmp(mistake, "overflow") == 0)
		*number += (int)at;
	free(number);
	puts("no mistake");
	return 0;
}
