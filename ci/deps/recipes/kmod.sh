#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Without decompressors: the kernel unpacks modules in the format that it names itself.
set -eux

meson setup b --cross-file="$PREFIX/meson.ini" --prefix="$PREFIX" --libdir=lib --buildtype=plain \
	-Dzstd=disabled -Dxz=disabled -Dzlib=disabled -Dopenssl=disabled -Ddlopen=[] \
	-Dlogging=true -Ddebug-messages=false -Dtools=false -Dbuild-tests=false -Dmanpages=false -Ddocs=false \
	-Dbashcompletiondir=no -Dfishcompletiondir=no -Dzshcompletiondir=no \
	-Dmoduledir=/lib/modules -Ddistconfdir=/usr/lib --sysconfdir=/etc
ninja -C b -j"$JOBS" libkmod-internal.a libshared.a

# Upstream installs no static library; what it makes for its own tests has the same objects
(cd b && "$SEAL" "$PREFIX/lib/libkmod.a" 'kmod_*' libkmod-internal.a libshared.a)
install -m 644 libkmod/libkmod.h "$PREFIX/include/"
cat >"$PREFIX/lib/pkgconfig/libkmod.pc" <<S
Name: libkmod
Description: loading of kernel modules
Version: $VERSION
Libs: -L$PREFIX/lib -lkmod
Cflags: -I$PREFIX/include
S
