#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
set -eux

# In the headers' place, so that whoever includes them sees the same configuration
cp "$DEPS/mbedtls-config.h" include/mbedtls/mbedtls_config.h
# getrandom(2) here too, rather than /dev/random
sed -i 's/defined(__linux__) && defined(__GLIBC__)/defined(__linux__)/' library/entropy_poll.c

# A passphrase is stretched with these: worth 2 KB
for name in sha256 sha512; do
	make -C library $name.o CC="$CC" CFLAGS="$CFLAGS -O2"
done
make -C library -j"$JOBS" static CC="$CC" AR="$AR" CFLAGS="$CFLAGS"

install -m 644 library/libmbedcrypto.a library/libmbedx509.a "$PREFIX/lib/"
rm -rf "$PREFIX/include/mbedtls" "$PREFIX/include/psa"
cp -R include/mbedtls include/psa "$PREFIX/include/"
for name in mbedcrypto mbedx509; do
	cat >"$PREFIX/lib/pkgconfig/$name.pc" <<-S
	Name: $name
	Description: cryptography, certificates and PKCS#7
	Version: $VERSION
	Libs: -L$PREFIX/lib -l$name
	Cflags: -I$PREFIX/include
	S
done
echo 'Requires: mbedcrypto' >>"$PREFIX/lib/pkgconfig/mbedx509.pc"
