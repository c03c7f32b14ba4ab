/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* handover.h - what the host's udev and systemd find, and the switch to them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "init/core/err.h"

/* Replaces the node at /dev/mapper/NAME, if it is one, by a relative symlink to
 * ../dm-N, and, only if the new root carries lvm2's rules, writes the udev database
 * entry that marks the device as ready (contract 8.5). */
int handover_dm_device(const char *name, dev_t dev, bool has_dm_rules, struct err *e);

/* Makes what is missing of the base tree in /sysroot (contract 8.3): links bin, sbin,
 * lib, lib64 and directories; existing entries and read-only roots are fine. */
int handover_base_tree(const char *sysroot, struct err *e);

/* A program's loader that is looked for in /lib64; NULL where there is none. */
struct handover_loader {
	const char *name;
	bool only_if_bare; /* the link is made only if bin, lib or sbin was missing */
};

/* The same, for another architecture's loader. */
int handover_base_tree_with(const char *sysroot, const struct handover_loader *l, struct err *e);

/* Sets back what a program inherits and the host's systemd does not reset: rlimits,
 * signals, umask, nice, oom score, timer slack, personality, THP flag. */
int handover_reset_process(struct err *e);

/* Moves /dev, /proc, /sys and /run below /sysroot, makes it /, and deletes the initrd's
 * tree (by descriptor, never across a mount). No undo past here. Errors: ERR_SWITCH. */
int handover_switch_root(const char *sysroot, struct err *e);

struct handover_exec {
	const char *init;
	bool is_systemd;
	unsigned systemd_version; /* 0: unknown */
	char *const *argv; /* as the kernel gave it to us, NULL-terminated */
	char *const *envp; /* the same; what belongs to an initrd or a manager is dropped */
	const char *const *variables; /* NAME=VALUE, in place of the same in envp; may be NULL */
	uint64_t start_realtime_us, start_monotonic_us; /* when we started */
};

/* Executes the new init with the initrd's time stamps in a memfd where it is a systemd of a version
 * that is known to take them (contract 8.4), and /sbin/init if that fails. Returns only on failure: ERR_SWITCH. */
int handover_exec(const struct handover_exec *x, struct err *e);
