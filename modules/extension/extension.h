/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* extension.h - system and configuration extensions laid over the initrd, and undone before the
 * switch, or over the new root, where they stay: proven, accepted, merged. Spec: UAPI.3,
 * systemd-sysext(8). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/core/err.h"
#include "modules/extension/class.h"
#include "modules/trust/anchors.h"
#include "modules/trust/policy.h"
#include "modules/verity/volume.h"

struct extensions;

struct extension_verdict {
	const struct extension_class *class;
	const char *source; /* its path */
	char name[128];
	bool merged;
	bool handed_over; /* it lies where the host looks */
	char root_hash[2 * VERITY_MAX_HASH_BYTES + 1]; /* "" if it never had one */
	enum err_code code; /* why it was skipped; ERR_NONE if it was not */
	char why[320];
};

struct extension_request {
	bool sysroot; /* for the new root, and those in its own folders; else the initrd's */
	bool host; /* of these, those that were copied from the ESP for it: never merged here */
	bool usr_only; /* of that root only /usr is proven: of its other folders nothing is its own */
	bool wanted[N_EXTENSION_CLASSES]; /* the others are not looked at */
	const struct anchors *anchors;
	const struct digests *denied_root_hashes; /* NULL: none */
	bool secure_boot, allow_user_space;
	bool hooks; /* system extensions may bring hooks that the initrd does not have */
};

/* True if one of the class's folders, there, holds anything: whether the modules for loop devices
 * and overlays are needed at all. */
bool extensions_present(const struct extension_class *class, bool sysroot);

/* Takes every extension from the folders of the wanted classes. Directories of the initrd itself
 * are as proven as this program, and those of a proven root as that. An image is attached to a
 * loop device; then it proves its verity set with volume_prove(), mounts it (read-only, nodev,
 * nosuid unless it is for the new root, and noexec for configuration) and only then reads its
 * extension-release. What passes is merged by one overlay each over /usr and /opt, or over /etc,
 * newest name on top; or, with host, is left where the host looks for it. A bad extension is skipped with a warning and a verdict; the rest merge.
 * Errors: ERR_EXTENSION_MERGE if the overlay itself cannot be made, ERR_SYSTEM and ERR_MEMORY if
 * not even the search can; everything is undone then. */
int extensions_merge(const struct extension_request *request, struct extensions **ret,
		     struct err *e);

size_t extensions_count(const struct extensions *x);
const struct extension_verdict *extensions_verdict(const struct extensions *x, size_t i);

/* Unmounts the overlays, deletes what was left for the host, closes the volumes, detaches the loop devices; frees x. */
int extensions_undo(struct extensions *x, struct err *e);

/* Leaves the overlays, or what was left for the host, to whoever has the root; their devices go with them. Frees x. */
void extensions_keep(struct extensions *x);
