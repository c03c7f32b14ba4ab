/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/unpacked.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mbedtls/sha256.h>

#include "init/core/cleanup.h"
#include "modules/inputs/manifest.h"

/* A digest of more would be seen in the time of the boot; missing pages are seen without. */
enum { DIGEST_MAX_BYTES = 1024 * 1024, CHUNK_BYTES = 4096, BLOCK_BYTES = 512 };

struct faults {
	size_t n;
	char first[200]; /* what is wrong with the first one */
};

__attribute__((format(printf, 3, 4)))
static void note(struct faults *f, const char *path, const char *fmt, ...)
{
	char why[80];
	va_list ap;

	if (f->n++)
		return;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	snprintf(f->first, sizeof(f->first), "'%.110s' %s", path, why);
}

static bool is_mounted_over(const char *path)
{
	static const char *const places[] = { "/dev/", "/proc/", "/run/", "/sys/" };

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		if (strncmp(path, places[i], strlen(places[i])) == 0)
			return true;
	return false;
}

static void look(int root_fd, const struct manifest_entry *entry, struct faults *f)
{
	struct stat st;

	if (fstatat(root_fd, entry->path + 1, &st, AT_SYMLINK_NOFOLLOW) < 0)
		note(f, entry->path, "is not there (%s)", strerror(errno));
	else if ((st.st_mode & S_IFMT) != (entry->mode & S_IFMT))
		note(f, entry->path, "is of another type");
	else if (!S_ISDIR(st.st_mode) && (uint64_t)st.st_size != entry->bytes)
		note(f, entry->path, "has %lld bytes instead of %llu", (long long)st.st_size,
		     (unsigned long long)entry->bytes);
}

static bool digest(int fd, uint8_t ret[static 32])
{
	mbedtls_sha256_context sha;
	uint8_t chunk[CHUNK_BYTES];
	ssize_t n;
	bool good;

	mbedtls_sha256_init(&sha);
	good = mbedtls_sha256_starts(&sha, 0) == 0;
	while (good && (n = read(fd, chunk, sizeof(chunk))) != 0)
		good = n > 0 && mbedtls_sha256_update(&sha, chunk, (size_t)n) == 0;
	good = good && mbedtls_sha256_finish(&sha, ret) == 0;
	mbedtls_sha256_free(&sha);
	return good;
}

/* What was never written to has no blocks. */
static bool is_whole(int root_fd, const struct manifest_entry *entry)
{
	SCOPED(fd_close) int fd =
		openat(root_fd, entry->path + 1, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	uint8_t sha256[32];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || (uint64_t)st.st_blocks * BLOCK_BYTES < entry->bytes)
		return false;
	return entry->bytes > DIGEST_MAX_BYTES || !entry->has_digest ||
	       (digest(fd, sha256) && memcmp(sha256, entry->sha256, sizeof(sha256)) == 0);
}

int unpacked_check(int root_fd, const char *text, size_t n, size_t *ret_n, struct err *e)
{
	struct manifest m, before, last = { 0 };
	struct manifest_entry entry;
	struct faults f = { 0 };
	int rc = manifest_begin(text, n, &m, e);

	if (rc < 0)
		return rc;
	for (before = m; (rc = manifest_next(&m, &entry, e)) > 0; before = m) {
		if (is_mounted_over(entry.path))
			continue;
		look(root_fd, &entry, &f);
		if (S_ISREG(entry.mode))
			last = before;
	}
	if (rc < 0)
		return rc;
	if (!f.n && manifest_next(&last, &entry, e) > 0 && !is_whole(root_fd, &entry))
		note(&f, entry.path, "does not have the contents that it was packed with");
	if (f.n)
		return err_set(e, ERR_INITRD_INCOMPLETE, 0,
			       "%s, the first of %zu faults in %zu entries", f.first, f.n,
			       m.n_entries);
	*ret_n = m.n_entries;
	return 0;
}
