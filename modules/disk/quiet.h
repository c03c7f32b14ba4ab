/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* quiet.h - reads disks without a word: a search looks at many, again and again,
 * and warns about the one it found. */
#pragma once

#include "modules/disk/disk.h"
#include "modules/disk/read.h"

/* disk_read() without its warnings. *ret_report is as of gpt_read(); of a disk that
 * cannot be opened it says GPT_UNREADABLE. */
int disk_read_quietly(const char *name, struct disk *ret, struct gpt_report *ret_report,
		      struct err *e);

static inline struct disk disk_take(struct disk *disk)
{
	struct disk taken = *disk;

	*disk = (struct disk){ 0 };
	return taken;
}

/* Those warnings. */
void disk_warn(const struct disk *disk, const struct err *primary);
