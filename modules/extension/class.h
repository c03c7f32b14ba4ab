/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* class.h - what tells system extensions from configuration extensions.
 * Spec: UAPI.3, systemd-sysext(8). */
#pragma once

enum extension_class_id { SYSEXT, CONFEXT, N_EXTENSION_CLASSES };

enum { MAX_HIERARCHIES = 2 };

struct extension_class {
	enum extension_class_id id;
	const char *name;              /* "sysext": in files' names, words, and of its overlays */
	const char *long_name;         /* for people */
	const char *const *folders;    /* searched in this order, up to NULL; earlier ones win */
	const char *const *root_folders; /* the same of the new root, below /sysroot */
	const char *const *host_folders; /* of the initrd, for what is proven there for the host */
	const char *host_folder;       /* where the host finds that */
	const char *const *hierarchies; /* "/usr": what is merged, at most MAX_HIERARCHIES, then NULL */
	const char *const *links;      /* where its links may lead, then NULL */
	const char *links_text;        /* the same for people */
	const char *release_folder;    /* where its release file is, without leading slash */
	const char *metadata, *list;   /* the hidden folder of a merged tree, its list of names */
	const char *scope_key, *level_key; /* of release files */
	const char *policy;            /* of its images; nothing changes it */
	unsigned long flags;           /* MS_*, of its mounts, beside read-only */
	unsigned long root_flags;      /* the same in the new root, which has programs with setuid */
};

extern const struct extension_class extension_classes[N_EXTENSION_CLASSES];
