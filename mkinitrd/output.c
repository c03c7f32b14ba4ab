/* SPDX-License-Identifier: LGPL-2.1-or-later */
#define _GNU_SOURCE /* sigandset */
#include "mkinitrd/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <mbedtls/sha256.h>

#include "init/core/bytes.h"
#include "init/core/cleanup.h"
#include "init/core/file.h"

enum { SHA256_BYTES = 32, MAX_RACES = 16 };

void buffer_done(struct buffer *b)
{
	free(b->p);
	*b = (struct buffer){ 0 };
}

int buffer_append(void *arg, const void *p, size_t n, struct err *e)
{
	struct buffer *b = arg;

	if (n > b->room - b->n) {
		size_t room = b->room + n > SIZE_MAX / 2 ? 0 : (b->room + n) * 2;
		char *grown = room ? realloc(b->p, room) : NULL;

		if (!grown)
			return err_set(e, ERR_MEMORY, 0, "no memory for an archive of %zu bytes",
				       b->n + n);
		b->p = grown;
		b->room = room;
	}
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	return 0;
}

static int digest(const struct cpio_entry *entry, char ret[static 2 * SHA256_BYTES + 1],
		  struct err *e)
{
	uint8_t hash[SHA256_BYTES];

	if (!S_ISREG(entry->mode) && !S_ISLNK(entry->mode)) {
		strcpy(ret, "-");
		return 0;
	}
	if (mbedtls_sha256((const unsigned char *)entry->data, entry->n_data, hash, 0) != 0)
		return err_set(e, ERR_SYSTEM, 0, "hash '%.200s'", entry->path);
	hex_encode(hash, sizeof(hash), ret);
	return 0;
}

static int write_line(const struct cpio_entry *entry, struct buffer *ret, struct err *e)
{
	char hash[2 * SHA256_BYTES + 1], bytes[32], line[PATH_MAX + 512];
	int used, rc = digest(entry, hash, e);

	if (rc < 0)
		return rc;
	if (S_ISCHR(entry->mode) || S_ISBLK(entry->mode))
		snprintf(bytes, sizeof(bytes), "%u:%u", entry->major, entry->minor);
	else
		snprintf(bytes, sizeof(bytes), "%zu", entry->n_data);
	used = snprintf(line, sizeof(line), "%06o\t%s\t%s\t/%s\t%.200s\n", entry->mode, bytes, hash,
			entry->path, entry->why);
	return buffer_append(ret, line, (size_t)used, e);
}

int manifest_write(const struct initrd *i, uint32_t time, struct buffer *ret, struct err *e)
{
	char head[128];
	int n = snprintf(head, sizeof(head),
			 "# slipway-mkinitrd manifest 1 time=%u\n# mode\tbytes\tsha256\tpath\twhy\n",
			 time);
	int rc = buffer_append(ret, head, (size_t)n, e);

	for (size_t k = 0; k < i->n && rc == 0; k++)
		rc = write_line(&i->entries[k], ret, e);
	return rc;
}

/* Where the output is made: beside it, under a name that each run takes, so that what a
 * killed one left is taken over and not piled up. */
struct place {
	const char *path;
	char folder[PATH_MAX];
	char temporary[PATH_MAX];
};

static int find_place(const char *path, struct place *ret, struct err *e)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct stat st;

	ret->path = path;
	if (snprintf(ret->folder, sizeof(ret->folder), "%.*s", (int)(name - path), path) >= PATH_MAX ||
	    snprintf(ret->temporary, sizeof(ret->temporary), "%s.%s.slipway-new", ret->folder,
		     name) >= PATH_MAX)
		return err_set(e, ERR_SYSTEM, ENAMETOOLONG, "write '%.200s'", path);
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return err_set(e, ERR_SYSTEM, 0, "'%s' is no file and will not be replaced by one",
			       path);
	return 0;
}

/* Only the holder of the lock renames or removes the file, so that once its name still
 * leads to it, nobody else does. Whose it is matters in a folder like /tmp. */
static int open_temporary(const struct place *at, int *ret, struct err *e)
{
	for (int i = 0; i < MAX_RACES; i++) {
		SCOPED(fd_close) int fd = open(at->temporary,
					       O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK,
					       0600);
		struct stat mine, named;

		if (fd < 0 || fstat(fd, &mine) < 0)
			return err_set(e, ERR_SYSTEM, errno, "make a file beside '%s'", at->path);
		if (!S_ISREG(mine.st_mode) || mine.st_uid != geteuid() || mine.st_nlink > 1)
			return err_set(e, ERR_SYSTEM, 0, "'%s' is somebody else's; remove it",
				       at->temporary);
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			if (errno == EWOULDBLOCK)
				break;
			return err_set(e, ERR_SYSTEM, errno, "lock the file beside '%s'", at->path);
		}
		if (lstat(at->temporary, &named) == 0 && named.st_ino == mine.st_ino &&
		    named.st_dev == mine.st_dev) {
			*ret = fd_take(&fd);
			return 0;
		}
	}
	return err_set(e, ERR_SYSTEM, 0, "another run is writing '%s'; wait for it", at->path);
}

static bool interrupted(const sigset_t *signals)
{
	sigset_t pending;

	sigpending(&pending);
	sigandset(&pending, &pending, signals);
	return !sigisemptyset(&pending);
}

static int fill(const struct place *at, int fd, const sigset_t *signals, unsigned mode,
		const void *p, size_t n, struct err *e)
{
	if (ftruncate(fd, 0) < 0 || fchmod(fd, mode) < 0 || write_full(fd, p, n) < 0 ||
	    fsync(fd) < 0)
		return err_set(e, ERR_SYSTEM, errno, "write '%s', which was left as it was",
			       at->path);
	if (interrupted(signals))
		return err_set(e, ERR_SYSTEM, EINTR, "write '%s', which was left as it was",
			       at->path);
	if (rename(at->temporary, at->path) < 0)
		return err_set(e, ERR_SYSTEM, errno, "replace '%s'", at->path);
	return 0;
}

static int write_place(const struct place *at, const sigset_t *signals, unsigned mode,
		       const void *p, size_t n, struct err *e)
{
	SCOPED(fd_close) int folder = open(at->folder[0] ? at->folder : ".",
					   O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SCOPED(fd_close) int fd = -1;
	int rc;

	if (folder < 0)
		return err_set(e, ERR_SYSTEM, errno, "open the folder of '%s'", at->path);
	rc = open_temporary(at, &fd, e);
	if (rc < 0)
		return rc;
	rc = fill(at, fd, signals, mode, p, n, e);
	if (rc < 0) {
		unlink(at->temporary);
		return rc;
	}
	/* Some file systems have nothing to sync there. */
	if (fsync(folder) < 0 && errno != EINVAL)
		return err_set(e, ERR_SYSTEM, errno, "sync the folder of '%s'", at->path);
	return 0;
}

/* Who started us may have said, as nohup(1) does, that one does not matter. */
static void choose_signals(sigset_t *ret)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };

	sigemptyset(ret);
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct sigaction now;

		if (sigaction(ends[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
			sigaddset(ret, ends[i]);
	}
}

int output_write(const char *path, unsigned mode, const void *p, size_t n, struct err *e)
{
	sigset_t signals, before;
	struct place at;
	int rc = find_place(path, &at, e);

	if (rc < 0)
		return rc;
	/* They wait until nothing is half done: it takes no longer than the disk. */
	choose_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, &before);
	rc = write_place(&at, &signals, mode, p, n, e);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return rc;
}
