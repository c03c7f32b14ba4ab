/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* bytes.h - numbers, hex, base64 and UUIDs in untrusted bytes. No I/O. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A borrowed run of bytes. */
struct bytes {
	const uint8_t *p;
	size_t n;
};

static inline uint16_t le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t le64(const uint8_t *p)
{
	return (uint64_t)le32(p) | (uint64_t)le32(p + 4) << 32;
}

static inline uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static inline uint64_t be64(const uint8_t *p)
{
	return (uint64_t)be32(p) << 32 | be32(p + 4);
}

/* True if all n bytes are zero. */
bool bytes_are_zero(const uint8_t *p, size_t n);

/* Writes 2 * n lower-case digits and a NUL to ret. */
void hex_encode(const uint8_t *p, size_t n, char *ret);

/* Decodes the NUL-terminated text into at most max bytes. Returns the number
 * of bytes, or -1 if the text is empty, of odd length, too long or not hex. */
int hex_decode(const char *text, uint8_t *ret, size_t max);

/* Decodes standard padded base64 (RFC 4648, no white space) into at most max
 * bytes. Returns the number of bytes, or -1 if the text breaks the rules. */
int base64_decode(const char *text, uint8_t *ret, size_t max);

/* 16 bytes in the order of the text form (big-endian, RFC 9562). */
struct uuid {
	uint8_t b[16];
};

enum { UUID_TEXT_BYTES = 37 };

/* From the mixed-endian form that GPT and EFI store (UEFI 2.10 appendix A). */
struct uuid uuid_from_guid(const uint8_t guid[static 16]);

/* Parses 8-4-4-4-12 in either case; nothing may follow. */
bool uuid_from_text(const char *text, struct uuid *ret);

/* Lower case, NUL-terminated. Returns ret. */
char *uuid_format(const struct uuid *u, char ret[static UUID_TEXT_BYTES]);

bool uuid_equal(const struct uuid *a, const struct uuid *b);
bool uuid_is_zero(const struct uuid *u);
