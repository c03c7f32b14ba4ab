#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# libdevmapper, without udev: nobody would answer its semaphores.
set -eux

# configure cannot run a test program for another machine, and guesses the worst
export ac_cv_func_malloc_0_nonnull=yes ac_cv_func_realloc_0_nonnull=yes
./configure --host="$TRIPLET" --prefix="$PREFIX" --libdir="$PREFIX/lib" --with-usrlibdir="$PREFIX/lib" \
	--enable-static_link --enable-pkgconfig --with-symvers=no --with-optimisation= \
	--disable-selinux --disable-udev_sync --disable-udev_rules --disable-readline --disable-blkid_wiping \
	--disable-dmeventd --disable-dmfilemapd --disable-lvmpolld --disable-cmdlib --disable-nls --disable-fsadm \
	--disable-lvmimportvdo --without-systemd --with-thin=none --with-cache=none --with-vdo=none \
	--with-writecache=none --with-integrity=none --with-snapshots=none --with-mirrors=none
# Debug messages are a tenth of the library
sed -i 's/^\(#define log_debug[a-z_]*(x\.\.\.)\) \(.*\)/\1 do { if (0) \2; } while (0)/' lib/log/log.h
make -j"$JOBS" -C include
make -j"$JOBS" -C libdm ioctl/libdevmapper.a

"$SEAL" "$PREFIX/lib/libdevmapper.a" 'dm_*' libdm/ioctl/libdevmapper.a
install -m 644 libdm/libdevmapper.h "$PREFIX/include/"
install -m 644 libdm/libdevmapper.pc "$PREFIX/lib/pkgconfig/devmapper.pc"
