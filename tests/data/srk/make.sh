#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Storage keys as other programs show them: p256.* by systemd-tpm2-setup 257, the rest by
# tpm2-tools, both with the TPM that TPM2TOOLS_TCTI names. Every TPM makes others.
set -eu
cd "$(dirname "$0")"
attributes='fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'
context=$(mktemp)
for kind in rsa2048 rsa3072 ecc384 ecc521; do
	name=$(echo "$kind" | sed s/ecc/p/)
	tpm2_createprimary -Q -C o -g sha256 -G "$kind:aes128cfb" -a "$attributes" -c "$context"
	tpm2_flushcontext -t
	tpm2_readpublic -Q -c "$context" -f tss -o "$name.tpm2b_public"
	[ "$name" = p521 ] || tpm2_readpublic -Q -c "$context" -f pem -o "$name.pem"
	tpm2_flushcontext -t
done
rm "$context"
