/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* esp.h - extensions from the ESP itself, where no boot stub handed them over. Each image is copied
 * once, and everything after that looks at the copy. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/err.h"
#include "modules/disk/disk.h"
#include "modules/extension/class.h"

/* Each a tmpfs, with a folder for each class, which the search for extensions knows: those for the
 * initrd, and those for the host. */
#define ESP_COPIES "/run/slipway/esp"
#define HOST_COPIES "/run/slipway/host"

struct esp_request {
	const struct disk *disk; /* whose kernel's view was taken */
	const struct partition *partition;
	const char *to; /* one of these two */
	const char *folders; /* n_folders, each with its NUL; earlier ones win */
	size_t n_folders;
	uint64_t max_bytes; /* of all copies together */
	bool wanted[N_EXTENSION_CLASSES];
};

/* Copies what the folders have of the wanted classes, *.raw, to request->to/CLASS. One that would go
 * over max_bytes, or that there is no memory for, is skipped with a warning; smaller ones behind it
 * are not. So is what a damaged folder hides. On failure nothing stays. Errors:
 * ERR_EXTENSION_MALFORMED (no FAT, or damaged), ERR_GPT_DISAGREES, ERR_SYSTEM, ERR_MEMORY. */
int esp_copy(const struct esp_request *request, struct err *e);

/* Lets these copies go; those that loop devices use stay until these are detached. */
void esp_forget(const char *copies);
