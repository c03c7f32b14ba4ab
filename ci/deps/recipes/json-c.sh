#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
set -eux

cmake -S . -B b -G Ninja -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="$ARCH" -DCMAKE_BUILD_TYPE=None \
	-DCMAKE_INSTALL_PREFIX="$PREFIX" -DCMAKE_INSTALL_LIBDIR=lib \
	-DCMAKE_C_COMPILER="$CC" -DCMAKE_AR="$(command -v "$AR")" -DCMAKE_RANLIB="$(command -v "$RANLIB")" \
	-DBUILD_SHARED_LIBS=OFF -DBUILD_STATIC_LIBS=ON -DBUILD_APPS=OFF -DBUILD_TESTING=OFF \
	-DDISABLE_EXTRA_LIBS=ON -DDISABLE_WERROR=ON -DDISABLE_JSON_POINTER=ON -DENABLE_THREADING=OFF
ninja -C b -j"$JOBS" install
"$SEAL" "$PREFIX/lib/libjson-c.a" 'json_*' 'array_list_*' 'lh_*' b/libjson-c.a
rm -rf "$PREFIX/lib/cmake"
