/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Provisioning: what the credential site.network holds becomes the network of the booted
 * system. provision.hook declares both. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define OUTPUT "/run/systemd/network/10-site.network"

enum { MAX_BYTES = 4096 };

static bool put(const char *text, size_t n)
{
	FILE *f = fopen(OUTPUT, "we");

	return f && (fwrite(text, 1, n, f) == n) & (fclose(f) == 0);
}

int main(void)
{
	FILE *f = fopen("/run/credentials/site.network", "re");
	char text[MAX_BYTES];
	size_t n;

	if (!f) {
		puts("fact network none");
		puts("continue");
		return 0;
	}
	n = fread(text, 1, sizeof(text), f);
	if (n < 7 || n == sizeof(text) || memcmp(text, "[Match]", 7) != 0) {
		puts("refuse the credential site.network is no file for systemd-networkd");
		return 0;
	}
	if (!put(text, n)) {
		perror(OUTPUT);
		return 1;
	}
	printf("fact network %zu bytes\n", n);
	puts("continue");
	return 0;
}
