/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* options.h - what the command line asks for. Immutable once parsed.
 * Spec: kernel-command-line(7), slipway-cmdline(7). Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "init/core/bytes.h"
#include "init/core/err.h"
#include "init/core/log.h"
#include "modules/inputs/cmdline.h"
#include "modules/inputs/device_name.h"
#include "modules/inputs/failure.h"
#include "modules/inputs/luks_words.h"

/* systemd.volatile=; "state" is the host's business. */
enum volatile_mode { VOLATILE_NO, VOLATILE_YES, VOLATILE_OVERLAY, VOLATILE_STATE };

struct options {
	struct device_name root;  /* root=, empty if discovery decides */
	bool root_is_tmpfs;       /* root=tmpfs: empty but for /usr */
	bool has_state;           /* has_usr, and the root is a partition beside it */
	char root_type[16];       /* rootfstype=, "" to probe */
	char root_flags[512];     /* rootflags=, all of them, joined by commas */
	bool has_usr;             /* mount.usr=, usrhash=: the system is a /usr without a root */
	struct device_name usr;   /* mount.usr=, empty if discovery decides */
	char usr_type[16];        /* mount.usrfstype= */
	char usr_flags[512];      /* mount.usrflags= */
	bool writable;            /* rw came last */
	char init[256];           /* init=, "" for the default */
	uint8_t root_hash[64];    /* roothash=, or usrhash= if has_usr */
	size_t root_hash_bytes;   /* 0: none given */
	bool has_root_hash;       /* roothash= */
	bool verity;              /* systemd.verity= */
	struct luks_words luks;   /* luks=, luks.uuid=, luks.name=, luks.key=, luks.options= */
	bool fsck_skip, fsck_force; /* fsck.mode= */
	char fsck_repair;         /* fsck.repair=: 'a' what is safe to, 'y' all, 'n' nothing */
	bool fstab;               /* fstab=: that of the root is looked at */
	bool gpt_auto;            /* systemd.gpt_auto= */
	bool allow_user_space;    /* systemd.allow_userspace_verity= */
	char image_policy[1024];  /* systemd.image_policy=, "" if none */
	char image_filter[1024];  /* systemd.image_filter=, "" if none */
	enum volatile_mode volatile_mode;
	bool has_factory_reset, factory_reset; /* systemd.factory_reset=, and what it says */
	bool measure;             /* systemd.tpm2_measured_os=yes */
	bool credentials;         /* systemd.import_credentials= */
	bool sysext, confext;     /* rd.systemd.sysext=, rd.systemd.confext= */
	bool host_sysext, host_confext; /* systemd.sysext=, systemd.confext= */
	enum log_level log_level;
	struct device_name disk;  /* slipway.disk=, only without EFI variables */
	unsigned timeout_s;       /* slipway.timeout=, 0: from slipway.conf */
	unsigned disk_timeout_s;  /* x-systemd.device-timeout= of either flags, 0: as timeout_s */
	enum failure_action failure; /* slipway.failure= */
	int failure_delay_s;      /* slipway.failure_delay=, -1: from slipway.conf */
};

#define OPTIONS_DEFAULTS                                                               \
	{                                                                              \
		.verity = true, .luks.may_open = true, .fstab = true, .fsck_repair = 'a',      \
		.gpt_auto = true, .allow_user_space = true,                            \
		.credentials = true, .sysext = true, .confext = true,                  \
		.host_sysext = true, .host_confext = true,                             \
		.log_level = LOG_INFO,        \
		.failure_delay_s = -1,                                                 \
	}

/* Interprets the words in order. What is known and would weaken or misplace the root
 * if it were ignored is refused (ERR_UNSUPPORTED); what is contradictory or unsafe
 * too (ERR_CMDLINE); other known words that we do not act on are named in the log;
 * unknown ones are the kernel's or the host's and left alone. */
int options_parse(const struct cmdline *c, struct options *ret, struct err *e);

/* Whether a word's key is this name, '-' and '_' being the same. */
bool option_is(const char *key, const char *name);

/* A decimal number up to max; false for anything else. */
bool number_parse(const char *text, unsigned max, unsigned *ret);
