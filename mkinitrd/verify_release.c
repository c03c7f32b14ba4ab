/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the root says of itself, as far as a program of the build machine can read it. */
#include "mkinitrd/verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "mkinitrd/program.h"
#include "modules/root/os_release.h"

/* The content of a file in an erofs; of a link, where it leads; nothing if it is not there, which
 * some versions call no error. */
static int show(const struct verify_medium *m, uint64_t at, const char *path, char *ret, size_t max,
		struct err *e)
{
	char offset[32], file[64];
	char *argv[] = { "dump.erofs", "--cat", offset, file, "--", (char *)m->name, NULL };

	snprintf(offset, sizeof(offset), "--offset=%" PRIu64, at);
	snprintf(file, sizeof(file), "--path=/%s", path);
	return program_output(argv, "take erofs-utils 1.8.6 or newer", ret, max, e);
}

/* As the boot looks for it: of a /usr, and with systemd.volatile=yes, there is no /etc. */
static int read_os_release(const struct options *o, const struct verify_medium *m,
			   const char *filesystem, uint64_t at, char *ret, size_t max, struct err *e)
{
	bool has_etc = !o->has_usr && o->volatile_mode != VOLATILE_YES;
	int rc;

	if (strcmp(filesystem, "erofs") != 0)
		return err_set(e, ERR_UNSUPPORTED, 0, "only erofs is looked into");
	if (has_etc && show(m, at, "etc/os-release", ret, max, e) == 0 && *ret &&
	    strcmp(ret, "../usr/lib/os-release") != 0 && strcmp(ret, "/usr/lib/os-release") != 0)
		return strchr(ret, '=') ? 0 : err_set(e, ERR_UNSUPPORTED, 0,
						      "'/etc/os-release' leads to '%.60s'", ret);
	rc = show(m, at, o->has_usr ? "lib/os-release" : "usr/lib/os-release", ret, max, e);
	return rc < 0 || *ret ? rc : err_set(e, ERR_UNSUPPORTED, 0, "there is none");
}

void verify_image_version(struct verify *v, const struct verify_medium *m, const char *filesystem,
			  uint64_t at)
{
	const char *minimum = v->config.minimum_version;
	char text[OS_RELEASE_MAX_BYTES + 1], version[128];
	struct err e = { 0 };

	if (!*minimum)
		return;
	if (read_os_release(&v->options, m, filesystem, at, text, sizeof(text), &e) < 0) {
		report_add(&v->report, VERDICT_SKIP, m->name,
			   "IMAGE_VERSION of its os-release was not looked at (%s); the boot refuses the "
			   "root if that is missing or below minimum-version=%s",
			   e.what, minimum);
		return;
	}
	root_image_version(text, version, sizeof(version));
	if (root_version_is_enough(version, minimum, &e) < 0)
		report_error(&v->report, m->name, &e);
	else
		report_add(&v->report, VERDICT_OK, m->name,
			   "IMAGE_VERSION '%s' of its os-release is not below minimum-version=%s", version,
			   minimum);
}
