/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* device_name.h - a disk or partition that a word names. Pure. Trust: input is hostile. */
#pragma once

#include <stdbool.h>

#include "init/core/bytes.h"

/* At most one member is set. */
struct device_name {
	bool has_uuid;
	struct uuid uuid;   /* PARTUUID= */
	char label[112];    /* PARTLABEL= */
	char node[32];      /* /dev/NODE, without the folder */
};

/* Takes PARTUUID=, PARTLABEL=, /dev/NODE and the links that udev would make for the first two.
 * False for anything else, also a name that is too long. */
bool device_name_parse(const char *text, struct device_name *ret);
