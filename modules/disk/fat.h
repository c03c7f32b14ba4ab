/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* fat.h - files of a FAT file system, as an ESP is one, without the kernel's driver: nothing on an
 * ESP is proven, so it is not mounted. Only reads; every walk ends.
 * Spec: "Microsoft FAT Specification", with long names. Trust: input is hostile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"

enum {
	FAT_NAME_BYTES = 256,
	FAT_MAX_ENTRIES = 16384, /* a folder with more is taken for endless, after so many */
};

/* Reads exactly n bytes at this place. */
typedef int (*fat_reader)(void *arg, uint64_t at, void *ret, size_t n, struct err *e);

/* Validated: what it says lies inside of the volume. */
struct fat {
	fat_reader read;
	void *arg;
	unsigned bits;          /* of an entry in the table: 12, 16 or 32 */
	uint32_t cluster_bytes, n_clusters;
	uint64_t table_at, data_at;
	uint64_t root_at;       /* 12 and 16 bits: where the root folder is, of root_bytes */
	uint32_t root_bytes;
	uint32_t root_cluster;  /* 32 bits */
};

struct fat_file {
	char name[FAT_NAME_BYTES]; /* printable ASCII */
	bool is_folder;
	uint32_t cluster, n_bytes;
};

/* Errors: ERR_EXTENSION_MALFORMED (it is none, or damaged), those of read. */
int fat_open(fat_reader read, void *arg, uint64_t n_bytes, struct fat *ret, struct err *e);

/* Calls each(arg, file, e) for what is in the folder path ("/a/b", in any case), until it returns
 * non-zero, which is returned. Names that are not printable ASCII are passed over. A folder that is
 * not there is an empty one. Errors: as above. */
int fat_list(const struct fat *f, const char *path,
	     int (*each)(void *arg, const struct fat_file *file, struct err *e), void *arg,
	     struct err *e);

/* Gives the file's bytes to write(arg, p, n, e), piece by piece, until it returns non-zero, which is
 * returned. Errors: as above, ERR_MEMORY. */
int fat_copy(const struct fat *f, const struct fat_file *file,
	     int (*write)(void *arg, const void *p, size_t n, struct err *e), void *arg,
	     struct err *e);
