#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The TPM library up to ESYS, talking to /dev/tpmrm0 only.
set -eux

# A tarball has no git to ask for the version
sed -i "s/^git describe .*/echo $VERSION >VERSION/" bootstrap
./bootstrap
./configure --host="$TRIPLET" --prefix="$PREFIX" --libdir="$PREFIX/lib" --disable-shared --enable-static \
	--enable-nodl --with-crypto=mbed --with-maxloglevel=none --disable-log-file --disable-defaultflags \
	--disable-weakcrypto --disable-vendor --disable-doxygen-doc --disable-fapi --disable-policy \
	--enable-tcti-device --disable-tcti-swtpm --disable-tcti-mssim --disable-tcti-cmd --disable-tcti-pcap \
	--disable-tcti-libtpms --disable-tcti-spi-helper --disable-tcti-spi-ltt2go --disable-tcti-spidev \
	--disable-tcti-spi-ftdi --disable-tcti-i2c-helper --disable-tcti-i2c-ftdi --with-udevrulesdir=/nowhere
make -j"$JOBS" src/tss2-mu/libtss2-mu.la src/tss2-sys/libtss2-sys.la src/tss2-esys/libtss2-esys.la \
	src/tss2-rc/libtss2-rc.la src/tss2-tcti/libtss2-tcti-device.la

for name in mu sys rc tcti-device; do
	"$SEAL" "$PREFIX/lib/libtss2-$name.a" 'Tss2_*' src/*/.libs/libtss2-$name.a
	install -m 644 lib/tss2-$name.pc "$PREFIX/lib/pkgconfig/"
done
"$SEAL" "$PREFIX/lib/libtss2-esys.a" 'Esys_*' src/tss2-esys/.libs/libtss2-esys.a
install -m 644 lib/tss2-esys.pc "$PREFIX/lib/pkgconfig/"
rm -rf "$PREFIX/include/tss2"
mkdir "$PREFIX/include/tss2"
install -m 644 include/tss2/*.h "$PREFIX/include/tss2/"
