#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The C library, the kernel's headers, and slipway-cc: a compiler that makes static-pie programs of them.
# Stock wrappers are no use: with -static-pie they quietly make a dynamic PIE that asks for a loader.
set -eux

# CVE-2026-40200: qsort's bit scan returns 0 when only the low bit of the high word is set
sed -i '/^static inline int pntz/a\	if (p[0] == 1) return p[1] ? (int)(8*sizeof(size_t)) + ntz(p[1]) : 0;' src/stdlib/qsort.c
grep -q 'if (p\[0\] == 1) return p\[1\]' src/stdlib/qsort.c

CC=$GCC CPPFLAGS='' LDFLAGS='' ./configure --target="$TRIPLET" --prefix="$PREFIX/musl" \
	--disable-shared --disable-gcc-wrapper --enable-optimize=size AR="$AR" RANLIB="$RANLIB"
make -j"$JOBS"
make install

# The kernel's headers, linked one by one: their folder also holds those of the other C library
multiarch=$($GCC -print-multiarch 2>/dev/null || :)
for dir in "/usr/$ARCH-linux-gnu/include" /usr/include; do
	[ ! -d "$dir/linux" ] || break
done
mkdir -p "$PREFIX/kernel-include"
for name in linux asm asm-generic mtd; do
	from=$dir/$name
	[ -d "$from" ] || from=$dir/$multiarch/$name
	ln -sfn "$from" "$PREFIX/kernel-include/$name"
done

cat >"$PREFIX/lib/slipway.specs" <<S
*cc1:
+ -nostdinc -isystem $PREFIX/musl/include -isystem include%s -isystem $PREFIX/kernel-include

*link_libgcc:
-L$PREFIX/musl/lib -L .%s

*libgcc:
libgcc.a%s

*startfile:
$PREFIX/musl/lib/rcrt1.o $PREFIX/musl/lib/crti.o crtbeginS.o%s

*endfile:
crtendS.o%s $PREFIX/musl/lib/crtn.o

*link:
-nostdlib %{rdynamic:} %{!r:-static -pie --no-dynamic-linker -z text -z pack-relative-relocs --build-id --hash-style=gnu} -z relro -z now -z noexecstack

S

cat >"$PREFIX/bin/slipway-cc" <<S
#!/bin/sh
exec $GCC -specs=$PREFIX/lib/slipway.specs -fPIE "\$@"
S
chmod +x "$PREFIX/bin/slipway-cc"
