/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/extra.h"

#include <unistd.h>

#include "init/core/file.h"

enum { EXTRA_MAX_BYTES = 4 * 1024 * 1024 };

int extra_stage(struct err *e)
{
	static const struct {
		const char *from, *to;
		mode_t mode;
	} files[] = {
		{ "/.extra/tpm2-pcr-signature.json", "/run/systemd/tpm2-pcr-signature.json", 0444 },
		{ "/.extra/tpm2-pcr-public-key.pem", "/run/systemd/tpm2-pcr-public-key.pem", 0444 },
		{ "/.extra/profile", "/run/systemd/stub/profile", 0444 },
		{ "/.extra/os-release", "/run/systemd/stub/os-release", 0444 },
		{ "/.extra/boot-secret", "/run/systemd/stub/boot-secret", 0400 },
	};
	int rc;

	if (access("/.extra", F_OK) < 0)
		return 0;
	rc = make_dirs("/run/systemd/stub", 0755, e);
	for (size_t i = 0; rc >= 0 && i < sizeof(files) / sizeof(*files); i++)
		rc = file_copy(files[i].from, files[i].to, files[i].mode, EXTRA_MAX_BYTES, e);
	return rc < 0 ? rc : 0;
}
