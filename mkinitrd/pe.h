/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pe.h - PE images: UKIs, addons of theirs, kernels. Pure.
 * Spec: Microsoft's "PE Format" and "Authenticode"; UAPI.5 (UKI). Trust: input is hostile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/bytes.h"
#include "init/core/err.h"

enum {
	PE_MAX_SECTIONS = 64,
	PE_MAX_RANGES = PE_MAX_SECTIONS + 4,
};

/* A section as the table has it; where raw_bytes is not 0, that lies inside the file. */
struct pe_section {
	char name[9]; /* with a NUL behind the eight bytes */
	uint32_t raw_at, raw_bytes;
	uint32_t virtual_bytes; /* in memory: what is measured */
};

struct pe {
	struct bytes file; /* borrowed */
	uint32_t headers_bytes, checksum_at;
	uint32_t certificates_entry_at; /* in the headers; 0 if they end before it */
	uint32_t certificates_bytes;    /* of the table at the file's end */
	size_t n_sections;
	struct pe_section sections[PE_MAX_SECTIONS];
};

/* True if the file starts as one does; what follows may still be damaged. */
bool pe_recognise(struct bytes file);

/* Parses the headers of p[0..n), which must outlive *ret.
 * Errors: ERR_CONFIG if it is no PE image, is cut off, or has too many sections. */
int pe_parse(const uint8_t *p, size_t n, struct pe *ret, struct err *e);

/* The first section of this name, or NULL. */
const struct pe_section *pe_find(const struct pe *pe, const char *name);

/* The same as profile 0 of a UKI has it: from its own sections (behind the first
 * ".profile", before the second), or else from those before it, which all share. */
const struct pe_section *pe_find_default(const struct pe *pe, const char *name);

/* The bytes of a section as they are measured.
 * Errors: ERR_CONFIG if the file has fewer of them than the section in memory. */
int pe_content(const struct pe *pe, const struct pe_section *section, struct bytes *ret,
	       struct err *e);

/* For who wants nothing but one section, the first of its name. Returns 1 with *ret pointing
 * into file, the padding of the file left out, or 0 if there is none.
 * Errors: those of pe_parse(). */
int pe_section(struct bytes file, const char *name, struct bytes *ret, struct err *e);

/* The parts of the file that its Authenticode digest is made of, in that order.
 * Returns their number. */
size_t pe_authenticode(const struct pe *pe, struct bytes ret[static PE_MAX_RANGES]);
