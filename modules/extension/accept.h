/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* accept.h - does a proven extension fit the system that it is for? Spec: UAPI.3. */
#pragma once

#include <stdbool.h>

#include "init/core/err.h"
#include "modules/extension/extension.h"
#include "modules/extension/release.h"

/* What the system below top ("" for the initrd) says it is; usr_only: only its /usr is proven and
 * counts. If that is unusable, which is worth a warning, nothing but an extension for any system
 * fits. release_done() empties *ret. */
void accept_read_release(const char *top, bool usr_only, struct release *ret);

/* Everything that speaks for or against one mounted tree. ret_has says which of the class's
 * hierarchies it has. Errors: ERR_EXTENSION_MALFORMED, ERR_EXTENSION_MISMATCH, ERR_SYSTEM,
 * ERR_MEMORY. */
int accept_tree(const char *top, const struct extension_class *class, const char *name,
		const struct extension_request *request, const struct release *system,
		bool ret_has[static MAX_HIERARCHIES], struct err *e);
