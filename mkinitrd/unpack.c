/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/unpack.h"

#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

#include "init/core/cleanup.h"
#include "init/core/text.h"
#include "mkinitrd/program.h"

enum { MAX_WORDS = 5, MAX_PROCESSES = 16, FILES_WORTH_A_PROCESS = 8 };

static const char hint[] = "files of this kernel are compressed with it";

/* These replace the files that they are given by ones without the suffix. */
static const struct unpacker {
	const char *suffix, *argv[MAX_WORDS];
} unpackers[] = {
	{ ".xz", { "xz", "-d", "-q", "--" } },
	{ ".zst", { "zstd", "-d", "-q", "--rm", "--" } },
	{ ".gz", { "gzip", "-d", "-q", "--" } },
};

static size_t count_processes(size_t n_files)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t n = cpus < 1 ? 1 : (size_t)cpus, useful = n_files / FILES_WORTH_A_PROCESS + 1;

	n = n < useful ? n : useful;
	return n < MAX_PROCESSES ? n : MAX_PROCESSES;
}

/* Every n_shares-th file, from the one with this number on. */
static int start(const struct unpacker *u, char **files, size_t n, size_t share, size_t n_shares,
		 pid_t *ret, struct err *e)
{
	SCOPED(mem_free) char **argv = calloc(MAX_WORDS + n + 1, sizeof(*argv));
	size_t used = 0;

	if (!argv)
		return err_set(e, ERR_MEMORY, 0, "no memory for %zu file names", n);
	while (used < MAX_WORDS && u->argv[used]) {
		argv[used] = (char *)u->argv[used];
		used++;
	}
	for (size_t i = share; i < n; i += n_shares)
		argv[used++] = files[i];
	return program_start(argv, hint, ret, e);
}

/* Whatever fails, no process is left behind. */
static int run(const struct unpacker *u, char **files, size_t n, struct err *e)
{
	size_t n_shares = count_processes(n), n_started = 0;
	pid_t pids[MAX_PROCESSES];
	int rc = 0;

	for (; n_started < n_shares && rc == 0; n_started += rc == 0)
		rc = start(u, files, n, n_started, n_shares, &pids[n_started], e);
	for (size_t i = 0; i < n_started; i++) {
		struct err later;
		int ended = program_wait(pids[i], u->argv[0], hint, rc < 0 ? &later : e);

		rc = rc < 0 ? rc : ended;
	}
	return rc;
}

int unpack_files(char **files, size_t n, struct err *e)
{
	SCOPED(mem_free) char **packed = calloc(n + 1, sizeof(*packed));
	int rc = 0;

	if (!packed)
		return err_set(e, ERR_MEMORY, 0, "no memory for %zu file names", n);
	for (size_t k = 0; k < sizeof(unpackers) / sizeof(*unpackers) && rc == 0; k++) {
		const struct unpacker *u = &unpackers[k];
		size_t n_packed = 0;

		for (size_t i = 0; i < n; i++)
			if (text_has_suffix(files[i], u->suffix))
				packed[n_packed++] = files[i];
		if (n_packed)
			rc = run(u, packed, n_packed, e);
		for (size_t i = 0; i < n_packed; i++)
			packed[i][strlen(packed[i]) - strlen(u->suffix)] = '\0';
	}
	return rc;
}
