#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# libcryptsetup twice: for verity, plain and integrity, and with LUKS 2 as well. Foreign disk formats and
# LUKS 1 answer "not supported".
set -eux

# Of LUKS 1 the header is called otherwise than the driver
cp lib/luks1/luks.h lib/luks1/keymanage.h
for format in tcrypt/tcrypt bitlk/bitlk fvault2/fvault2 loopaes/loopaes luks1/keymanage; do
	python3 "$DEPS/stub" "lib/$format"
done

# The driver of LUKS 2 is a quarter of the library: where no type and no header is of that kind, the
# linker leaves it out
cp lib/setup.c with-luks.c
sed -i -e '/^static int isLUKS2(/,/^}/s/return .*/return 0;/' \
	-e '/^static int _crypt_load_luks(/,/^{/s/^{/{\n\treturn -ENOTSUP;/' lib/setup.c

# Debug messages are a tenth of the library; what goes wrong is said by errors
sed -i 's/^#define log_dbg(c, x\.\.\.) .*/#define log_dbg(c, x...) do { if (0) crypt_logf(c, CRYPT_LOG_DEBUG, x); } while (0)/' \
	lib/internal.h

# popt is the command-line tools' alone, but configure insists
export ac_cv_lib_popt_poptConfigFileToString=yes
autoreconf -fi
./configure --host="$TRIPLET" --prefix="$PREFIX" --libdir="$PREFIX/lib" --disable-shared --enable-static \
	--with-crypto_backend=mbedtls --enable-internal-sse-argon2 --disable-kernel_crypto \
	--disable-cryptsetup --disable-veritysetup --disable-integritysetup --disable-ssh-token \
	--disable-external-tokens --disable-luks2-reencryption --disable-hw-opal --disable-udev --disable-selinux \
	--disable-asciidoc --disable-nls --disable-rpath --with-tmpfilesdir=no \
	--with-luks2-lock-path=/run/cryptsetup
make -j"$JOBS" libargon2.la CFLAGS="$CFLAGS -O3"
make -j"$JOBS" libcryptsetup.la

# argon2: a TPM's PIN may be stretched with it
"$SEAL" "$PREFIX/lib/libcryptsetup.a" 'crypt_*' 'argon2*' .libs/libcryptsetup.a
cp with-luks.c lib/setup.c
make libcryptsetup.la
"$SEAL" "$PREFIX/lib/libcryptsetup-luks.a" 'crypt_*' 'argon2*' .libs/libcryptsetup.a
install -m 644 lib/libcryptsetup.h lib/crypto_backend/argon2/argon2.h "$PREFIX/include/"
sed 's/ mbedtls / mbedcrypto /' lib/libcryptsetup.pc >"$PREFIX/lib/pkgconfig/libcryptsetup.pc"
