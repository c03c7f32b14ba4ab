/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/debug.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/handover/remove.h"

/* Where no extension can lay anything over it. */
#define ASK "/debug/ask"
#define BLOCK "/sys/class/block"

/* What libcryptsetup writes before the UUIDs of its devices; what is proven is no secret. */
#define CRYPT "CRYPT-"
#define VERITY CRYPT "VERITY-"

void debug_announce(const char *hash)
{
	if (*hash)
		log_console(LOG_WARNING, "slipway: THIS IS A DEBUG IMAGE: after a failure, a key opens a shell");
}

/* What the stub and the firmware handed over, the machine's boot secret among it. */
static int forget_secrets(void)
{
	static const char *const places[] = {
		"/run/credentials/@system", "/run/credentials/@encrypted", "/run/credentials",
		"/run/systemd/stub", "/.extra",
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		SCOPED(fd_close) int fd = -1;

		umount2(places[i], MNT_DETACH | UMOUNT_NOFOLLOW);
		fd = open(places[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 ? errno != ENOENT : remove_content(fd) < 0) {
			log_warning("'%s' cannot be emptied: %s", places[i], strerror(errno));
			return -1;
		}
	}
	return 0;
}

static bool is_unlocked(const char *device)
{
	char path[300], uuid[160];

	snprintf(path, sizeof(path), BLOCK "/%s/dm/uuid", device);
	if (file_read_text(path, uuid, sizeof(uuid)) < 0)
		return errno != ENOENT; /* no device mapper's */
	return strncmp(uuid, CRYPT, strlen(CRYPT)) == 0 && strncmp(uuid, VERITY, strlen(VERITY)) != 0;
}

/* One that somebody still has open goes on to give out what is in it, whoever reads. */
static bool any_is_unlocked(void)
{
	SCOPED(dir_close) DIR *dir = opendir(BLOCK);
	const struct dirent *d;
	bool found = !dir;

	while (!found && (errno = 0, d = readdir(dir)))
		found = *d->d_name != '.' && is_unlocked(d->d_name);
	if (!found && !errno)
		return false;
	if (errno)
		log_warning("nobody can tell whether an encrypted volume is still open: %m");
	else
		log_warning("an encrypted volume is still open");
	return true;
}

static void run(const char *hash)
{
	char *const words[] = { "ask", (char *)hash, NULL };
	char *const variables[] = { NULL };
	pid_t pid = fork(), got;

	if (pid == 0) {
		execve(ASK, words, variables);
		log_warning("'" ASK "' cannot be executed: %s", strerror(errno));
		_exit(1);
	}
	if (pid < 0)
		log_warning("there is no process for the debug shell: %s", strerror(errno));
	do
		got = pid < 0 ? pid : waitpid(-1, NULL, 0);
	while (got != pid && (got > 0 || errno == EINTR));
}

void debug_shell(const char *hash, bool capped)
{
	if (!*hash)
		return;
	if (!capped || forget_secrets() < 0 || any_is_unlocked())
		log_warning("no debug shell: what it could unseal or read is still there");
	else
		run(hash);
}
