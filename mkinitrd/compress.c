/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/compress.h"

#include <zstd.h>

#include "init/core/cleanup.h"

/* 8 MiB: what the kernel has to hold beside the archive while it unpacks. */
enum { WINDOW_LOG = 23 };

static void context_free(ZSTD_CCtx **c)
{
	ZSTD_freeCCtx(*c);
}

/* One thread: a build without threads must give the same bytes. */
static size_t configure(ZSTD_CCtx *c, int level)
{
	const struct {
		ZSTD_cParameter what;
		int value;
	} settings[] = {
		{ ZSTD_c_compressionLevel, level },
		{ ZSTD_c_windowLog, WINDOW_LOG },
		{ ZSTD_c_checksumFlag, 1 },
		{ ZSTD_c_contentSizeFlag, 1 },
		{ ZSTD_c_nbWorkers, 0 },
	};
	size_t rc = 0;

	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings) && !ZSTD_isError(rc); i++)
		rc = ZSTD_CCtx_setParameter(c, settings[i].what, settings[i].value);
	return rc;
}

int compress_zstd(const void *p, size_t n, int level, char **ret, size_t *ret_n, struct err *e)
{
	SCOPED(context_free) ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t room = ZSTD_compressBound(n), rc;
	SCOPED(mem_free) char *out = malloc(room);

	if (!c || !out)
		return err_set(e, ERR_MEMORY, 0, "compress: no memory for %zu bytes", room);
	rc = configure(c, level);
	if (!ZSTD_isError(rc))
		rc = ZSTD_compress2(c, out, room, p, n);
	if (ZSTD_isError(rc))
		return err_set(e, ERR_SYSTEM, 0, "compress at level %d: %s", level,
			       ZSTD_getErrorName(rc));
	*ret = ptr_take(&out);
	*ret_n = rc;
	return 0;
}
