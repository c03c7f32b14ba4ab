#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# For the image builder only: the blocks; it writes the frame that Linux unpacks by itself.
set -eux

make -C lib -j"$JOBS" liblz4.a CFLAGS="$CFLAGS -O2" BUILD_SHARED=no
install -m 644 lib/liblz4.a "$PREFIX/lib/"
install -m 644 lib/lz4.h lib/lz4hc.h "$PREFIX/include/"
