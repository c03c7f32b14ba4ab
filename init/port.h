/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* port.h - virtio serial ports, by which a virtual machine tells its host something. */
#pragma once

#include <stddef.h>

/* Sends n bytes and a newline to the virtio port of that name, if there is one. Never
 * waits longer than two seconds for a host that does not read. */
void port_send(const char *name, const char *p, size_t n);
