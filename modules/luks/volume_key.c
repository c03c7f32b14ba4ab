/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/luks/volume_key.h"

#include <mbedtls/md.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 192, ID_BYTES = 32 };

/* Names are ours and have no colon, which would have to be escaped. */
static const char *text_of(const struct luks_request *q, const char *uuid, char ret[static TEXT_BYTES])
{
	snprintf(ret, TEXT_BYTES, "cryptsetup:%s:%s", q->name, uuid);
	return ret;
}

int volume_key_check(const struct luks_request *q, const char *uuid, struct bytes key, struct err *e)
{
	uint8_t id[ID_BYTES];
	char text[TEXT_BYTES], hex[2 * ID_BYTES + 1];
	bool by_word;

	if ((!q->keys || !q->keys->n) && !q->fixed_key)
		return 0;
	text_of(q, uuid, text);
	if (mbedtls_md_hmac(mbedtls_md_info_from_type(MBEDTLS_MD_SHA256), key.p, key.n,
			    (const uint8_t *)text, strlen(text), id) != 0)
		return err_set(e, ERR_LUKS_FAILED, 0, "compute an HMAC");
	by_word = q->fixed_key && memcmp(q->fixed_key, id, sizeof(id)) != 0;
	if (!by_word && (!q->keys || !q->keys->n || digests_have(q->keys, (struct bytes){ id, sizeof(id) })))
		return 0;
	hex_encode(id, sizeof(id), hex);
	return err_set(e, ERR_LUKS_KEY, 0, "the key of '%s' is '%s', which %s does not name", q->name, hex,
		       by_word ? "the command line" : "slipway.conf");
}

int volume_key_measure(const struct luks_request *q, const char *uuid, struct bytes key, struct err *e)
{
	char text[TEXT_BYTES];
	struct measurement m;
	int rc;

	if (!q->tpm)
		return 0;
	rc = tpm_measure_keyed(q->tpm, LUKS_PCR, key, text_of(q, uuid, text), "volume-key", &m, e);
	if (rc >= 0)
		q->measured(q->arg, &m);
	return rc;
}
