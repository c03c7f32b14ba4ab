/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* path.h - opens paths below a directory that must not be left. */
#pragma once

#include <stdbool.h>

/* Opens path with every link on the way resolved as if root were "/"; O_CLOEXEC is added.
 * Returns a descriptor, or -1 and errno. */
int path_open_inside(int root, const char *path, int flags);

bool path_exists_inside(int root, const char *path);

/* Is path, wherever its links lead inside of root, on the mount that is at root/usr? */
bool path_is_in_usr(int root, const char *path);

/* Opens the os-release of the system in root for reading, without waiting: etc/os-release, else
 * usr/lib/os-release; with usr_only the second alone, and it must be on the mount of usr (EXDEV).
 * Returns a descriptor, of whatever kind that is, or -1 and errno. Spec: os-release(5). */
int path_open_os_release(int root, bool usr_only);

/* Opens a directory for reading, below dir_fd, with no link on the way; same_mount: nor may
 * it be on another mount. Returns a descriptor, or -1 and errno. */
int path_open_beneath(int dir_fd, const char *path, bool same_mount);
