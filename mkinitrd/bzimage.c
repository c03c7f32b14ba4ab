/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/bzimage.h"

#include <string.h>

enum {
	AT_MAGIC = 0x202,
	AT_VERSION = 0x20e, /* where the text is, less TEXT_BASE; 0: nowhere */
	TEXT_BASE = 0x200,
};

/* It becomes part of paths. */
static bool is_plain(uint8_t c)
{
	return c > ' ' && c < 0x7f && c != '/';
}

bool bzimage_version(struct bytes file, char ret[static KERNEL_VERSION_BYTES])
{
	size_t at, n = 0;

	if (file.n < AT_VERSION + 2 || memcmp(file.p + AT_MAGIC, "HdrS", 4) != 0 ||
	    le16(file.p + AT_VERSION) == 0)
		return false;
	at = TEXT_BASE + (size_t)le16(file.p + AT_VERSION);
	while (at + n < file.n && n < KERNEL_VERSION_BYTES - 1 && is_plain(file.p[at + n]))
		n++;
	if (n == 0 || at + n == file.n || file.p[at] == '.' ||
	    (file.p[at + n] != ' ' && file.p[at + n] != '\0'))
		return false;
	memcpy(ret, file.p + at, n);
	ret[n] = '\0';
	return true;
}
