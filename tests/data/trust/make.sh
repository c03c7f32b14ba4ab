#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes the certificates and signatures in this folder anew, with OpenSSL; the keys are
# thrown away. What is signed is the root hash in 'content', without a newline.
set -eu
cd "$(dirname "$0")"
keys=$(mktemp -d)
trap 'rm -r "$keys"' EXIT
hash=c0ffee00112233445566778899aabbccddeeff00112233445566778899aabb

certificate() { # NAME NEWKEY-OPTIONS...
	name=$1
	shift
	openssl req -x509 -newkey "$@" -nodes -days 36500 -keyout "$keys/$name.key" \
		-out "$name.crt" -subj "/CN=slipway test $name" 2>/dev/null
}

sign() { # OUTPUT SIGNER CONTENT OPTIONS...
	out=$1.p7 signer=$2 content=$3
	shift 3
	openssl smime -sign -binary -in "$content" -signer "$signer.crt" \
		-inkey "$keys/$signer.key" -outform der -out "$out" "$@"
}

certificate rsa2048 rsa:2048
certificate rsa1024 rsa:1024
certificate p256 ec -pkeyopt ec_paramgen_curve:prime256v1
certificate p384 ec -pkeyopt ec_paramgen_curve:secp384r1
certificate p521 ec -pkeyopt ec_paramgen_curve:secp521r1
certificate k256 ec -pkeyopt ec_paramgen_curve:secp256k1
certificate ed25519 ed25519
certificate attacker ec -pkeyopt ec_paramgen_curve:prime256v1
cat rsa2048.crt p256.crt >two.crt
openssl x509 -in p256.crt -outform der -out der.crt

# A certificate that another one issued.
certificate issuer ec -pkeyopt ec_paramgen_curve:prime256v1
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch \
	-keyout "$keys/issued.key" -out "$keys/issued.csr" -subj "/CN=slipway test issued" 2>/dev/null
openssl x509 -req -in "$keys/issued.csr" -CA issuer.crt -CAkey "$keys/issuer.key" -CAcreateserial \
	-CAserial "$keys/issuer.srl" -days 36500 -out issued.crt 2>/dev/null
rm issuer.crt

# A certificate that ended long ago.
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -batch \
	-keyout "$keys/expired.key" -out "$keys/expired.csr" -subj "/CN=slipway test expired" 2>/dev/null
touch "$keys/index"
printf '[ca]\ndefault_ca=x\n[x]\ndatabase=%s\nnew_certs_dir=%s\nserial=%s\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' \
	"$keys/index" "$keys" "$keys/serial" >"$keys/ca.conf"
openssl ca -batch -selfsign -create_serial -config "$keys/ca.conf" -keyfile "$keys/expired.key" \
	-in "$keys/expired.csr" -startdate 20100101000000Z -enddate 20110101000000Z -notext \
	-out expired.crt 2>/dev/null

printf '%scc' "$hash" >content
printf '%scd' "$hash" >"$keys/other"
printf '%scc\n' "$hash" >"$keys/newline"
tr a-f A-F <content >"$keys/upper"

sign rsa2048 rsa2048 content -noattr
sign p256 p256 content -noattr
sign p384 p384 content -noattr -md sha384
sign p521 p521 content -noattr -md sha512
sign expired expired content -noattr
sign issued issued content -noattr
sign no-certificate p256 content -noattr -nocerts
sign attributes p256 content
sign attached p256 content -noattr -nodetach
sign other-content p256 "$keys/other" -noattr
sign newline p256 "$keys/newline" -noattr
sign upper-case p256 "$keys/upper" -noattr
sign attacker attacker content -noattr
sign rsa1024 rsa1024 content -noattr
sign sha1 rsa2048 content -noattr -md sha1
sign two-signers p256 content -noattr -nocerts -signer attacker.crt -inkey "$keys/attacker.key"
sign two-certificates p256 content -noattr -certfile attacker.crt
openssl cms -sign -binary -noattr -in content -signer rsa2048.crt -inkey "$keys/rsa2048.key" \
	-keyopt rsa_padding_mode:pss -outform der -out pss.p7

# For the test that asks who signed.
openssl x509 -in p256.crt -outform der | sha256sum | cut -d" " -f1 >p256.sha256
