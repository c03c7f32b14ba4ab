/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* gpt_image.h - writes the copies of a GPT, so that tests can also have tables
 * that no tool would make. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "modules/disk/gpt.h"

enum {
	IMAGE_SECTORS = 2048,
	IMAGE_ENTRIES = 128,
	IMAGE_ENTRY_BYTES = 128,
	IMAGE_ARRAY_BYTES = IMAGE_ENTRIES * IMAGE_ENTRY_BYTES,
};

struct image_partition {
	const char *type, *uuid, *label; /* the label is ASCII */
	uint64_t first, last, attributes;
};

/* One copy: what the disk would hold. */
struct image {
	unsigned sector_bytes;
	uint8_t header[4096];
	uint8_t entries[IMAGE_ARRAY_BYTES];
};

/* By half bytes: quick enough for a fuzzer, small enough to see through. */
static inline uint32_t crc32_of(const uint8_t *p, size_t n)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
		0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = UINT32_MAX;

	while (n--) {
		crc ^= *p++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

static inline void put_le(uint8_t *p, uint64_t v, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* Makes both checksums right over whatever the copy says now. */
static inline void image_seal(uint8_t *header, size_t max_header, const uint8_t *entries, size_t n)
{
	uint32_t header_bytes = le32(header + 12);

	put_le(header + 88, crc32_of(entries, n), 4);
	put_le(header + 16, 0, 4);
	if (header_bytes <= max_header)
		put_le(header + 16, crc32_of(header, header_bytes), 4);
}

static inline void put_guid(uint8_t *p, const char *text)
{
	struct uuid u = { { 0 } }, mixed;

	uuid_from_text(text, &u);
	mixed = uuid_from_guid(u.b); /* the swap is its own inverse */
	memcpy(p, mixed.b, sizeof(mixed.b));
}

static inline void image_make(struct image *image, enum gpt_which which, unsigned sector_bytes,
			      const struct image_partition *list, size_t n)
{
	uint64_t n_array = IMAGE_ARRAY_BYTES / sector_bytes, last = IMAGE_SECTORS - 1;
	uint8_t *h = image->header;

	memset(image, 0, sizeof(*image));
	image->sector_bytes = sector_bytes;
	memcpy(h, "EFI PART\0\0\1\0\x5c\0\0\0", 16);
	put_le(h + 24, which == GPT_PRIMARY ? 1 : last, 8);
	put_le(h + 32, which == GPT_PRIMARY ? last : 1, 8);
	put_le(h + 40, 2 + n_array, 8);
	put_le(h + 48, last - n_array - 1, 8);
	put_guid(h + 56, "51b1a7e0-c0de-4d57-9d3a-6f1b6e3c1d0e");
	put_le(h + 72, which == GPT_PRIMARY ? 2 : last - n_array, 8);
	put_le(h + 80, IMAGE_ENTRIES, 4);
	put_le(h + 84, IMAGE_ENTRY_BYTES, 4);
	for (size_t i = 0; i < n; i++) {
		uint8_t *e = image->entries + i * IMAGE_ENTRY_BYTES;

		put_guid(e, list[i].type);
		put_guid(e + 16, list[i].uuid);
		put_le(e + 32, list[i].first, 8);
		put_le(e + 40, list[i].last, 8);
		put_le(e + 48, list[i].attributes, 8);
		for (size_t c = 0; list[i].label[c]; c++)
			e[56 + 2 * c] = (uint8_t)list[i].label[c];
	}
	image_seal(h, sector_bytes, image->entries, sizeof(image->entries));
}

static inline struct gpt_copy image_copy(const struct image *image)
{
	return (struct gpt_copy){
		.header = { image->header, image->sector_bytes },
		.entries = { image->entries, sizeof(image->entries) },
	};
}
