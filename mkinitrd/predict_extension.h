/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* predict_extension.h - the words of extensions that init itself reads from the ESP. */
#pragma once

#include <stdbool.h>

#include "mkinitrd/pcr.h"
#include "modules/extension/discover.h"
#include "modules/verity/signature.h"

enum { PREDICT_MAX_EXTENSIONS = N_EXTENSION_CLASSES * MAX_EXTENSIONS };

struct predict_extensions {
	bool told; /* these are all of them, if any */
	size_t n;
	struct predict_extension {
		const struct extension_class *class;
		char name[EXTENSION_NAME_BYTES];
		char root_hash[2 * VERITY_MAX_HASH_BYTES + 1];
	} at[PREDICT_MAX_EXTENSIONS];
};

/* Adds the image at path, by its file's name and the root hash that its signature says; whether
 * anybody would believe that is for verify. Errors: ERR_CONFIG if it is not called as an extension,
 * or another one is called so, or one too many; those of gpt_read() and extension_choose_set();
 * ERR_SYSTEM. */
int predict_extension_add(struct predict_extensions *l, const char *path, struct err *e);

/* Extends pcr with the words of this class, for the host or for the initrd, in the order that init
 * takes them in. Errors: ERR_SYSTEM. */
int predict_extensions(struct predict_extensions *l, bool host, enum extension_class_id class,
		       struct pcr *pcr, struct err *e);
