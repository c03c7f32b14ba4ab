/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A byte of options, the length of a UKI, that UKI, and behind it an addon. */
#include "mkinitrd/predict.h"

#include <stdlib.h>

#include "init/core/cleanup.h"

enum { HEAD_BYTES = 5 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct stub_file addon = { .name = "a.addon.efi" };
	struct predict_input in = { .banks = 2, .smbios_cmdline = "quiet" };
	SCOPED(predict_initrd_done) struct predict_initrd initrd = { 0 };
	struct prediction p;
	struct err e = { 0 };
	size_t n;

	if (size < HEAD_BYTES || le32(data + 1) > size - HEAD_BYTES)
		return 0;
	n = le32(data + 1);
	in.scheme = (enum predict_scheme)(data[0] & 3) % 3;
	in.no_secure_boot = data[0] & 4;
	in.no_boot_secret = data[0] & 8;
	in.uki = (struct bytes){ data + HEAD_BYTES, n };
	addon.content = (struct bytes){ data + HEAD_BYTES + n, size - HEAD_BYTES - n };
	if (addon.content.n)
		in.beside[COMPANION_ADDON] = (struct stub_list){ &addon, 1 };
	predict_initrd_open(in.uki, &initrd);
	if (predict(&in, &initrd, &p, &e) < 0)
		return 0;
	if (p.scheme == PREDICT_SCHEME_OF_INITRD ||
	    (p.kernel_initrd_unknown && !bytes_are_zero(p.kernel_initrd.value[1], 32)))
		abort();
	return 0;
}
