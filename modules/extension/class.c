/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/class.h"

#include <stddef.h>
#include <sys/mount.h>

static const char *const sysext_folders[] = {
	"/etc/extensions", "/run/extensions", "/var/lib/extensions",
	"/.extra/sysext", "/.extra/global_sysext", "/run/slipway/esp/sysext", NULL,
};
static const char *const confext_folders[] = {
	"/run/confexts", "/var/lib/confexts", "/usr/local/lib/confexts",
	"/.extra/confext", "/.extra/global_confext", "/run/slipway/esp/confext", NULL,
};
/* Never what is in memory: that is not the root's. */
static const char *const sysext_root_folders[] = {
	"/sysroot/etc/extensions", "/sysroot/var/lib/extensions", NULL,
};
static const char *const confext_root_folders[] = {
	"/sysroot/var/lib/confexts", "/sysroot/usr/local/lib/confexts", "/sysroot/usr/lib/confexts", NULL,
};
static const char *const sysext_host_folders[] = { "/run/slipway/host/sysext", NULL };
static const char *const confext_host_folders[] = { "/run/slipway/host/confext", NULL };
static const char *const sysext_hierarchies[] = { "/usr", "/opt", NULL };
static const char *const confext_hierarchies[] = { "/etc", NULL };
static const char *const confext_links[] = { "/etc", "/usr", "/opt", NULL };

const struct extension_class extension_classes[N_EXTENSION_CLASSES] = {
	[SYSEXT] = {
		.id = SYSEXT,
		.name = "sysext",
		.long_name = "system extension",
		.folders = sysext_folders,
		.root_folders = sysext_root_folders,
		.host_folders = sysext_host_folders,
		.host_folder = "/run/extensions",
		.hierarchies = sysext_hierarchies,
		.links = sysext_hierarchies,
		.links_text = "/usr and /opt",
		.release_folder = "usr/lib/extension-release.d",
		.metadata = ".systemd-sysext",
		.list = "extensions",
		.scope_key = "SYSEXT_SCOPE",
		.level_key = "SYSEXT_LEVEL",
		.policy = "root=signed+absent:usr=signed+absent",
		.flags = MS_NODEV | MS_NOSUID,
		.root_flags = MS_NODEV,
	},
	[CONFEXT] = {
		.id = CONFEXT,
		.name = "confext",
		.long_name = "configuration extension",
		.folders = confext_folders,
		.root_folders = confext_root_folders,
		.host_folders = confext_host_folders,
		.host_folder = "/run/confexts",
		.hierarchies = confext_hierarchies,
		.links = confext_links,
		.links_text = "/etc, /usr and /opt",
		.release_folder = "etc/extension-release.d",
		.metadata = ".systemd-confext",
		.list = "confexts",
		.scope_key = "CONFEXT_SCOPE",
		.level_key = "CONFEXT_LEVEL",
		.policy = "root=signed+absent",
		.flags = MS_NODEV | MS_NOSUID | MS_NOEXEC,
		.root_flags = MS_NODEV | MS_NOSUID | MS_NOEXEC,
	},
};
