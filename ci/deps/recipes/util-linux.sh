#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# libblkid and libuuid.
set -eux

drop() { # table, suffix, names: no prober for formats that no machine of today carries
	table=$1 suffix=$2
	shift 2
	for name; do
		grep -q "^[[:space:]]*&$name$suffix," "$table"
		sed -i "/^[[:space:]]*&$name$suffix,/d" "$table"
	done
}

# Kept: whatever a supported kernel mounts or stacks, since two matches must be seen as ambiguous
drop libblkid/src/superblocks/superblocks.c _idinfo \
	lsiraid viaraid silraid nvraid pdcraid highpoint45x highpoint37x adraid jmraid \
	bluestore drbdmanage drbdproxy_datalog lvm1 snapcow vmfs_volume ubi cs_fvault2 \
	exfs ext4dev reiser4 hpfs sysv xenix gfs ocfs oracleasm vxfs squashfs3 netware ubifs bfs vmfs_fs befs mpool
drop libblkid/src/partitions/partitions.c _pt_idinfo \
	aix sgi sun mac ultrix bsd unixware solaris_x86 minix
sed -i 's/^\t&atari_pt_idinfo$//' libblkid/src/partitions/partitions.c
# These two run other programs
drop libblkid/src/topology/topology.c _tp_idinfo dm lvm
sed -i 's/^\t&evms_tp_idinfo$//' libblkid/src/topology/topology.c

# Tracing that an environment variable switches on is dead weight in PID 1
sed -i 's/if ((p ## m) & l ## _debug_mask)/if (0)/' include/debug.h

./configure ${TRIPLET:+"--host=$TRIPLET"} --prefix="$PREFIX" --libdir="$PREFIX/lib" \
	--sysconfdir=/etc --localstatedir=/var --runstatedir=/run --disable-shared --enable-static \
	--disable-all-programs --enable-libblkid --enable-libuuid --disable-symvers --disable-nls --disable-rpath \
	--disable-asciidoc --disable-poman --disable-bash-completion \
	--without-python --without-udev --without-selinux --without-audit --without-systemd --without-econf \
	--without-ncurses --without-ncursesw --without-tinfo --without-readline --without-util --without-user \
	--without-cap-ng --without-libz --without-libmagic --without-cryptsetup --without-btrfs
make -j"$JOBS" libblkid.la libuuid.la libblkid/blkid.pc libuuid/uuid.pc

"$SEAL" "$PREFIX/lib/libblkid.a" 'blkid_*' .libs/libblkid.a
"$SEAL" "$PREFIX/lib/libuuid.a" 'uuid_*' .libs/libuuid.a
mkdir -p "$PREFIX/include/blkid" "$PREFIX/include/uuid"
install -m 644 libblkid/src/blkid.h "$PREFIX/include/blkid/"
install -m 644 libuuid/src/uuid.h "$PREFIX/include/uuid/"
install -m 644 libblkid/blkid.pc libuuid/uuid.pc "$PREFIX/lib/pkgconfig/"
