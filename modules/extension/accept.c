/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/extension/accept.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "init/core/path.h"
#include "modules/extension/metadata.h"
#include "modules/extension/tree.h"

enum { MAX_RELEASE_BYTES = 64 * 1024 };

/* Nothing is merged by now. */
static bool in_initrd(const void *unused, const char *path)
{
	char absolute[PATH_MAX];

	(void)unused;
	snprintf(absolute, sizeof(absolute), "/%s", path);
	return access(absolute, F_OK) == 0;
}

int accept_tree(const char *top, const struct extension_class *class, const char *name,
		const struct extension_request *request, const struct release *system,
		bool ret_has[static MAX_HIERARCHIES], struct err *e)
{
	const struct tree_hooks hooks = { in_initrd, NULL };
	SCOPED(fd_close) int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SCOPED(release_done) struct release release = { 0 };
	int rc;

	if (fd < 0)
		return err_set(e, ERR_SYSTEM, errno, "open '%s'", top);
	rc = metadata_read(fd, class, name, &release, e);
	if (rc >= 0)
		rc = release_match(&release, system, request->sysroot ? "system" : "initrd", class, name,
				   e);
	if (rc >= 0)
		rc = tree_check(fd, class, request->hooks ? &hooks : NULL, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; class->hierarchies[i]; i++)
		ret_has[i] = tree_has(fd, class->hierarchies[i] + 1);
	return 0;
}

/* Of the initrd by the name that makes it one. */
static int open_release(const char *top, bool usr_only)
{
	SCOPED(fd_close) int root = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return *top ? path_open_os_release(root, usr_only) : open("/etc/initrd-release", O_RDONLY | O_CLOEXEC);
}

static int read_release(int fd, struct release *ret, struct err *e)
{
	SCOPED(mem_free) char *text = malloc(MAX_RELEASE_BYTES + 1);
	ssize_t n;

	if (!text)
		return err_set(e, ERR_MEMORY, 0, "no memory");
	n = read_upto(fd, text, MAX_RELEASE_BYTES + 1);
	if (n < 0)
		return err_set(e, ERR_SYSTEM, errno, "read it");
	if (n > MAX_RELEASE_BYTES)
		return err_set(e, ERR_SYSTEM, 0, "it has more than %d bytes", MAX_RELEASE_BYTES);
	return release_parse(text, (size_t)n, ret, e);
}

void accept_read_release(const char *top, bool usr_only, struct release *ret)
{
	SCOPED(fd_close) int fd = open_release(top, usr_only);
	struct err e = { 0 };
	int rc = fd < 0 ? err_set(&e, ERR_SYSTEM, errno, "open it") : read_release(fd, ret, &e);

	if (rc < 0)
		log_warning("the %s is unusable, only extensions for any system fit: %s",
			    *top ? "os-release of the root" : "'/etc/initrd-release'", e.what);
}
