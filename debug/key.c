/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* explicit_bzero */
#include "debug/key.h"

#include <crypt.h>
#include <string.h>

bool key_opens(const char *hash, const char *key)
{
	struct crypt_data data = { 0 };
	size_t n = strlen(hash);
	unsigned char differs = 0;
	const char *made;

	if (!*key || strlen(key) > KEY_MAX_BYTES || strncmp(hash, "$6$", 3) != 0)
		return false;
	made = crypt_r(key, hash, &data);
	if (!made || strlen(made) != n)
		return false;
	/* How long it takes says nothing. */
	for (size_t i = 0; i < n; i++)
		differs |= (unsigned char)(made[i] ^ hash[i]);
	explicit_bzero(&data, sizeof(data));
	return !differs;
}

bool key_line(char *text, size_t n)
{
	if (!n || text[n - 1] != '\n' || memchr(text, '\0', n))
		return false;
	text[n - 1] = '\0';
	return true;
}
