/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* systemd.h - which version a systemd is. Pure. */
#pragma once

#include "init/core/bytes.h"

/* The version of systemd whose program this is, by the name of the shared library that it needs
 * (libsystemd-shared-257.so, or -257.9-1.fc42.so). 0: it needs none, or more than one. */
unsigned systemd_version_of(struct bytes program);
