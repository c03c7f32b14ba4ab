/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* read.h - brings a partition table from an open disk, or an image of one. */
#pragma once

#include "init/core/err.h"
#include "modules/disk/gpt.h"

/* What a disk says of itself, its table valid or not: nothing, as one that is a file
 * system as a whole; that it has a table; or its sectors cannot be read. */
enum gpt_claim { GPT_BLANK, GPT_CLAIMED, GPT_UNREADABLE };

struct gpt_report {
	struct err primary;   /* why the backup serves; its code is ERR_NONE else */
	enum gpt_claim claim;
};

/* Copies the primary table and parses it; if it is bad, the backup in the last
 * sector. A disk that has a valid table for another sector size as well is
 * refused: nobody knows which one is meant; so is one without a protective MBR,
 * where others see no table or another one. name is for messages. *ret_report is
 * filled in any case.
 * Errors: ERR_GPT_INVALID (says why for each copy), ERR_MEMORY. */
int gpt_read(int fd, const char *name, unsigned sector_bytes, uint64_t n_sectors,
	     struct gpt *ret, struct gpt_report *ret_report, struct err *e);
