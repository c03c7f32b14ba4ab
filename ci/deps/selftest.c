/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls into every library of ci/deps/lock; ci/deps/selftest links and runs it. */
#include <blkid/blkid.h>
#include <json-c/json.h>
#include <libcryptsetup.h>
#include <libdevmapper.h>
#include <libkmod.h>
#include <lz4.h>
#include <lz4hc.h>
#include <mbedtls/pkcs7.h>
#include <mbedtls/sha256.h>
#include <mbedtls/version.h>
#include <stdio.h>
#include <string.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_rc.h>
#include <tss2/tss2_tcti_device.h>
#include <uuid/uuid.h>
#include <zstd.h>

static int failures;

static void check(const char *what, int good)
{
	printf("%-14s %s\n", what, good ? "ok" : "FAILED");
	failures += !good;
}

static int sorts(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int main(void)
{
	static int numbers[] = { 3, 1, 2 };
	qsort(numbers, 3, sizeof(*numbers), sorts);
	check("musl", numbers[0] == 1 && numbers[2] == 3);

	struct kmod_ctx *kmod = kmod_new("/nonexistent", NULL);
	check("kmod", kmod != NULL);
	kmod_unref(kmod);

	blkid_probe probe = blkid_new_probe();
	check("blkid", probe && blkid_known_fstype("erofs") && blkid_known_fstype("crypto_LUKS") &&
	               blkid_known_pttype("gpt") && !blkid_known_fstype("netware"));
	blkid_free_probe(probe);

	uuid_t id;
	check("uuid", uuid_parse("4f68bce3-e8cd-4db1-96e7-fbcaf984b709", id) == 0 && id[0] == 0x4f);

	char version[64] = "";
	check("devmapper", dm_get_library_version(version, sizeof(version)) && version[0] == '1');

	struct json_object *json = json_tokener_parse("{\"rootHash\":\"aa\"}");
	check("json-c", json && json_object_object_get(json, "rootHash"));
	json_object_put(json);

	unsigned char digest[32];
	mbedtls_sha256((const unsigned char *)"abc", 3, digest, 0);
	check("mbedtls", memcmp(digest, "\xba\x78\x16\xbf", 4) == 0 && mbedtls_version_get_number() >> 24 == 3);

	mbedtls_pkcs7 pkcs7;
	mbedtls_pkcs7_init(&pkcs7);
	check("mbedtls pkcs7", mbedtls_pkcs7_parse_der(&pkcs7, (const unsigned char *)"\x30\x00", 2) < 0);
	mbedtls_pkcs7_free(&pkcs7);

	struct crypt_device *crypt = NULL;
	check("cryptsetup", crypt_init(&crypt, "/nonexistent") < 0 && crypt_get_dir() != NULL);
	crypt_free(crypt);

	TSS2_TCTI_CONTEXT *tcti = NULL;
	size_t size = 0;
	check("tss2 tcti", Tss2_Tcti_Device_Init(tcti, &size, NULL) == 0 && size > 0);
	ESYS_CONTEXT *esys = NULL;
	check("tss2 esys", Esys_Initialize(&esys, NULL, NULL) != 0);
	uint8_t wire[2];
	size_t offset = 0;
	check("tss2 mu", Tss2_MU_UINT16_Marshal(0x1234, wire, sizeof(wire), &offset) == 0 && wire[0] == 0x12);
	check("tss2 rc", strstr(Tss2_RC_Decode(TPM2_RC_LOCKOUT), "lockout") != NULL);

	char packed[64], back[8];
	size_t n = ZSTD_compress(packed, sizeof(packed), "slipway", 8, 19);
	ZSTD_CCtx *cctx = ZSTD_createCCtx();
	check("zstd", !ZSTD_isError(n) && ZSTD_decompress(back, sizeof(back), packed, n) == 8 &&
	              !ZSTD_isError(ZSTD_CCtx_setParameter(cctx, ZSTD_c_nbWorkers, 2)));
	ZSTD_freeCCtx(cctx);

	int n_lz4 = LZ4_compress_HC("slipway", packed, 8, sizeof(packed), 9);
	check("lz4", n_lz4 > 0 && LZ4_decompress_safe(packed, back, n_lz4, sizeof(back)) == 8);
	return failures != 0;
}
