/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* uevent.h - the kernel's device events, from the bytes of one netlink message.
 * Format: lib/kobject_uevent.c in the kernel. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel's variables take at most 2048 bytes, the header a path more. */
enum { UEVENT_MAX_BYTES = 8192 };

/* Pointers go into the bytes that were parsed. */
struct uevent {
	const char *action, *devpath, *subsystem;
	const char *modalias; /* NULL if there is none */
};

/* Parses "ACTION@DEVPATH", NUL, then KEY=VALUE strings, each with its NUL. False
 * if the message is not one of the kernel's: the header and the variables
 * disagree, a variable comes twice, one of the three that are always there lacks. */
bool uevent_parse(const uint8_t *p, size_t n, struct uevent *ret);

/* A device came or changed; drivers and modules announce themselves as well. */
bool uevent_is_news(const struct uevent *u);
