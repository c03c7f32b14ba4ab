#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For the image builder only, which wants speed rather than size.
set -eux

make -C lib -j"$JOBS" libzstd.a CFLAGS="$CFLAGS -O2" CPPFLAGS_STATICLIB=-DZSTD_MULTITHREAD \
	ZSTD_LEGACY_SUPPORT=0 ZSTD_LIB_DICTBUILDER=0 ZSTD_LIB_DEPRECATED=0
install -m 644 lib/libzstd.a "$PREFIX/lib/"
install -m 644 lib/zstd.h lib/zstd_errors.h "$PREFIX/include/"
cat >"$PREFIX/lib/pkgconfig/libzstd.pc" <<S
Name: zstd
Description: compression
Version: $VERSION
Libs: -L$PREFIX/lib -lzstd
Cflags: -I$PREFIX/include
S
