/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* read.h - brings a partition table from an open disk, or an image of one. */
#pragma once

#include "init/core/err.h"
#include "modules/disk/gpt.h"

/* Copies the primary table and parses it; if it is bad, the backup in the last
 * sector, and then *ret_primary says what is wrong with the primary (its code is
 * ERR_NONE else). A disk that has a valid table for another sector size as well
 * is refused: nobody knows which one is meant. name is for messages.
 * Errors: ERR_GPT_INVALID (says why for each copy), ERR_MEMORY. */
int gpt_read(int fd, const char *name, unsigned sector_bytes, uint64_t n_sectors,
	     struct gpt *ret, struct err *ret_primary, struct err *e);
