/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* verify.h - would this image boot that kernel and that disk? Judged by the code of the boot,
 * in its order, as far as no kernel is needed for it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "init/core/err.h"
#include "mkinitrd/bzimage.h"
#include "mkinitrd/image.h"
#include "mkinitrd/progress.h"
#include "mkinitrd/report.h"
#include "mkinitrd/scratch.h"
#include "modules/inputs/config.h"
#include "modules/inputs/options.h"
#include "modules/trust/anchors.h"
#include "modules/trust/filter.h"
#include "modules/trust/policy.h"
#include "modules/verity/proof.h"

enum { VERIFY_MAX_VERSIONS = 16 };

/* What is known of the image, as one check after the other finds it out. */
struct verify {
	struct report report;
	struct progress *progress; /* owned */
	struct image image;
	struct scratch scratch; /* its modules and certificates, as files */
	struct config config;
	struct options options; /* of the UKI's command line, or the one that was given */
	struct policy policy;   /* refuses all until it was read */
	struct filter filter;
	struct anchors *anchors; /* NULL if they cannot be used */
	size_t n_versions;      /* of kernels that it has modules for */
	char versions[VERIFY_MAX_VERSIONS][KERNEL_VERSION_BYTES];
	struct kmod_ctx *kmod;  /* of the kernel that is started; NULL if it is not known */
	bool kmod_complained;   /* libkmod, since this was cleared */
	bool kernel_decides;    /* dm_verity.require_signatures= on the command line */
	enum lockdown lockdown; /* that the command line asks the kernel for */
	bool wants_extensions;
};

/* What the system is in, by the command line. */
enum designator verify_designator(const struct verify *v);

/* Reads the image and makes the scratch folder. The caller calls verify_done(), also after an
 * error. Errors: those of image_open(), ERR_SYSTEM. */
int verify_open(const char *path, struct verify *ret, struct err *e);
void verify_done(struct verify *v);

/* Each adds its findings to the report. First the image by itself; cmdline is NULL if only a UKI
 * can say it. */
void verify_image(struct verify *v, const char *cmdline);

/* The kernel in path, or that of the UKI if it is NULL; without both, all kernels that the image
 * has modules for. */
void verify_kernel(struct verify *v, const char *path);

/* A disk with the root, an extension: files, or devices. */
void verify_disk(struct verify *v, const char *path);
void verify_extension(struct verify *v, const char *path);

/* What the boot's code warned about while it judged. */
void verify_warnings(struct verify *v);

/* ---- for the files of verify ---- */

/* The driver must be in the kernel or, with all that it needs, in the image; what it is for
 * is said if not. Adds to the report unless it is there and quiet is set. Returns whether it is. */
bool verify_driver(struct verify *v, const char *name, enum verdict if_missing, const char *what_for,
		   bool quiet);

/* A disk as a file. */
struct verify_medium {
	const char *name; /* for the report */
	int fd;
	struct gpt gpt;
};

/* Opens it and reads its table; partitions are named "partition N". Adds to the report.
 * Returns 0 or -1. The caller calls verify_medium_done() in any case. */
int verify_medium_open(struct verify *v, const char *path, struct verify_medium *ret);
void verify_medium_done(struct verify_medium *m);

/* A partition_reader; arg is a struct verify_medium. */
int verify_medium_read(void *arg, const struct partition *p, uint8_t *ret, size_t n, struct err *e);

/* Holds IMAGE_VERSION of the root in these bytes against minimum-version=, if that is set and a
 * program is there that can read it. Adds to the report. */
void verify_image_version(struct verify *v, const struct verify_medium *m, const char *filesystem,
			  uint64_t at);

/* What volume_prove() does, but for activation. Adds to the report. Returns 0 and where the
 * proven bytes are, or -1. */
int verify_set(struct verify *v, const struct verity_set *set, const struct verify_medium *m,
	       uint64_t *ret_at, uint64_t *ret_bytes);
