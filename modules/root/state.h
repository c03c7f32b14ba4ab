/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* state.h - the tree of a root partition that nothing proves, before a proven /usr is laid over its
 * /usr. Spec: UAPI.2; file-hierarchy(7) for the links. Trust: the tree is hostile. */
#pragma once

#include <stdbool.h>

#include "init/core/err.h"

/* Makes sure that nothing of the tree whose root directory is open as root gets in the way of /usr:
 * usr is an empty directory (made where it is missing, if writable), and /bin, /sbin and all names
 * that begin with lib are links into it, or are not there. What is missing of these, the switch makes.
 * Errors: ERR_ROOT_SHADOWED, ERR_SWITCH (it cannot be made), ERR_SYSTEM. */
int root_state_check(int root, bool writable, struct err *e);
