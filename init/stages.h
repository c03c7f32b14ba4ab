/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* stages.h - the steps that the table in sequence.c puts in order. */
#pragma once

#include "init/boot.h"
#include "modules/disk/dps.h"

int stage_inputs(struct boot *b, struct err *e);
int stage_initrd(struct boot *b, struct err *e);
int stage_kernel(struct boot *b, struct err *e);
int stage_firmware(struct boot *b, struct err *e);
int stage_tpm(struct boot *b, struct err *e);
int stage_enter(struct boot *b, struct err *e);
int stage_trust(struct boot *b, struct err *e);
int stage_extend(struct boot *b, struct err *e);
int stage_discover(struct boot *b, struct err *e);
int stage_choose(struct boot *b, struct err *e);
int stage_prove(struct boot *b, struct err *e);
int stage_assemble(struct boot *b, struct err *e);
int stage_extend_root(struct boot *b, struct err *e);
int stage_check(struct boot *b, struct err *e);
int stage_leave(struct boot *b, struct err *e);
int stage_switch(struct boot *b, struct err *e);

/* Copies the extensions that slipway.conf wants from the ESP into memory, and, once some of them are
 * merged, measures these. */
int copy_from_esp(struct boot *b, struct err *e);
int measure_from_esp(struct boot *b, struct err *e);

/* Copies those that it wants for the host likewise, from the disk that was found, and, once nothing can
 * be tried again, measures what was handed over of them. */
int copy_for_host(const struct boot *b, struct err *e);
int measure_for_host(struct boot *b, struct err *e);

/* Names in the log what an earlier system asks of this boot in vain. */
void note_requests(struct boot *b);

/* Checks the file system of a device before it is mounted to be written to. Errors: ERR_ROOT_FSCK,
 * ERR_SYSTEM. */
int check_filesystem(struct boot *b, const char *device, const char *type, struct err *e);

/* Mounts what lines of the new root's fstab want mounted before its system starts: from the boot disk,
 * and as the policy allows. Errors: ERR_ROOT_FSTAB, ERR_MEMORY. */
int mount_fstab(struct boot *b, struct err *e);

/* Before a file system changes: from then on nobody must resume what was frozen with it. What goes
 * wrong is a warning. */
void forget_hibernation(struct boot *b);

/* Queues the modules of slipway.conf: those that are there. */
void want_modules(const struct boot *b);

/* Each runs the hooks of its point, in the order of their names; the first that does not let
 * the boot go on ends it. */
int hooks_entered(struct boot *b, struct err *e);
int hooks_extended(struct boot *b, struct err *e);
int hooks_discovered(struct boot *b, struct err *e);
int hooks_proven(struct boot *b, struct err *e);
int hooks_checked(struct boot *b, struct err *e);

/* Those that watch a boot fail, at its end, in a record that has the failure. None changes it; what
 * fails here is a warning. */
void hooks_failed(struct boot *b, const char *stage, const struct err *failure);

/* Begins the NvPCRs in the enter stage, or says why not. Errors: those of tpm_measure(). */
int enter_nvpcrs(struct boot *b, struct err *e);

/* Measures the root into the NvPCR of verity, if that was begun. Errors: ERR_TPM_FAILED. */
int measure_root(struct boot *b, struct err *e);

/* Whether the set's data is a LUKS volume that nothing proves: noted in b->set. Errors: those of
 * disk_open_partition(). */
int look_for_luks(struct boot *b, struct err *e);

/* Opens the LUKS volume in partition p as that of d, and measures whose it is. *ret is the caller's
 * to close, whatever is returned. Errors: those of luks_open(), disk_open_partition(), ERR_TPM_FAILED. */
int open_luks(struct boot *b, enum designator d, const struct partition *p, struct luks_volume **ret,
	      struct err *e);

/* The root partition beside /usr: chosen in b->state, and held against the policy by its first bytes.
 * Errors: those of state_choose() and state_check(), ERR_UNSUPPORTED. */
int choose_state(struct boot *b, struct err *e);

/* Opens it, if it is encrypted. Errors: those of open_luks(). */
int unlock_state(struct boot *b, struct err *e);

/* How it is to be mounted: *ret points to type and into b; the driver is loaded. Errors:
 * ERR_ROOT_MOUNT, ERR_POLICY_REFUSED, those of disk_open_partition() and kernel_require(). */
int prepare_state(struct boot *b, char type[static FILESYSTEM_NAME_BYTES], struct root_state *ret,
		  struct err *e);

/* Ends what extend began: for the leave stage, which must know whether it worked. */
int end_extensions(struct boot *b, struct err *e);

/* Leaves those of the new root to the host. */
void keep_root_extensions(struct boot *b);

/* Ends what kernel began, likewise: a thread in the kernel would block the exec. */
int end_kernel(struct boot *b, uint64_t deadline_ms, struct err *e);

/* What the command line says of a partition. Points into *named. */
struct dps_wish device_wish(const struct device_name *named);

/* The same of the one that the system is in. */
struct dps_wish root_wish(const struct boot *b);

void undo_kernel(struct boot *b);
void undo_trust(struct boot *b);
void undo_extend(struct boot *b);
void undo_discover(struct boot *b);
void undo_discovered(struct boot *b);
void undo_proven(struct boot *b);
void undo_checked(struct boot *b);
void undo_choose(struct boot *b);
void undo_prove(struct boot *b);
void undo_assemble(struct boot *b);
void undo_extend_root(struct boot *b);
