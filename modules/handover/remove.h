/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* remove.h - deletes a tree below a descriptor. */
#pragma once

/* Deletes what is in the directory, but not the directory: never across a mount (even
 * of the same file system), never through a link, not deeper than 64 levels. Goes on
 * after failures; returns 0, or -1 and an errno if anything stays. */
int remove_content(int dir_fd);
