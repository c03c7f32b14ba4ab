/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/core/bytes.h"

#include <string.h>

bool bytes_are_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

void hex_encode(const uint8_t *p, size_t n, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		ret[2 * i] = digits[p[i] >> 4];
		ret[2 * i + 1] = digits[p[i] & 15];
	}
	ret[2 * n] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(const char *text, uint8_t *ret, size_t max)
{
	size_t n = strlen(text);

	if (n == 0 || n % 2 || n / 2 > max)
		return -1;
	for (size_t i = 0; i < n / 2; i++) {
		int hi = hex_digit(text[2 * i]), lo = hex_digit(text[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -1;
		ret[i] = (uint8_t)(hi << 4 | lo);
	}
	return (int)(n / 2);
}

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	if (c == '/')
		return 63;
	return -1;
}

int base64_decode(const char *text, uint8_t *ret, size_t max)
{
	size_t n = strlen(text), pad, n_bytes, out = 0;
	uint32_t acc = 0;
	unsigned bits = 0;

	if (n == 0 || n % 4)
		return -1;
	pad = (size_t)(text[n - 1] == '=') + (size_t)(text[n - 1] == '=' && text[n - 2] == '=');
	n_bytes = n / 4 * 3 - pad;
	if (n_bytes > max)
		return -1;
	for (size_t i = 0; i < n - pad; i++) {
		int digit = base64_digit(text[i]);

		if (digit < 0)
			return -1;
		acc = acc << 6 | (uint32_t)digit;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			ret[out++] = (uint8_t)(acc >> bits);
		}
	}
	/* Bits beyond the last whole byte must be zero: one text, one value. */
	return acc & ((1u << bits) - 1) ? -1 : (int)n_bytes;
}

struct uuid uuid_from_guid(const uint8_t guid[static 16])
{
	static const uint8_t order[16] = { 3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15 };
	struct uuid u;

	for (size_t i = 0; i < 16; i++)
		u.b[i] = guid[order[i]];
	return u;
}

bool uuid_from_text(const char *text, struct uuid *ret)
{
	char hex[33];
	size_t n = 0;

	if (strlen(text) != UUID_TEXT_BYTES - 1)
		return false;
	for (size_t i = 0; i < UUID_TEXT_BYTES - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash != (text[i] == '-'))
			return false;
		if (!dash)
			hex[n++] = text[i];
	}
	hex[n] = '\0';
	return hex_decode(hex, ret->b, sizeof(ret->b)) == 16;
}

char *uuid_format(const struct uuid *u, char ret[static UUID_TEXT_BYTES])
{
	static const uint8_t group[] = { 4, 2, 2, 2, 6 };
	const uint8_t *p = u->b;
	char *out = ret;

	for (size_t i = 0; i < sizeof(group); i++) {
		if (i)
			*out++ = '-';
		hex_encode(p, group[i], out);
		p += group[i];
		out += 2 * group[i];
	}
	return ret;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b)) == 0;
}

bool uuid_is_zero(const struct uuid *u)
{
	return bytes_are_zero(u->b, sizeof(u->b));
}
