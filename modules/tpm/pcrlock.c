/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/tpm/pcrlock.h"

#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/json.h"
#include "modules/tpm/bank.h"

enum { FIRST_INDEX = 0x01000000, LAST_INDEX = 0x01ffffff };

/* -1 if it is no number. */
static int64_t number_of(struct json_object *object, const char *key)
{
	struct json_object *value = json_object_object_get(object, key);

	return json_object_is_type(value, json_type_int) ? json_object_get_int64(value) : -1;
}

static size_t length_of(struct json_object *list)
{
	return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

static bool take_bank(struct json_object *object, struct pcrlock *p)
{
	const struct bank *bank = tpm_bank_by_name(json_text(json_object_object_get(object, "pcrBank")));

	if (!bank)
		return false;
	p->bank = bank->algorithm;
	p->n_digest = bank->n_bytes;
	return true;
}

static bool take_values(struct json_object *entry, struct pcrlock *p)
{
	struct json_object *list = json_object_object_get(entry, "values");
	int64_t pcr = json_object_is_type(entry, json_type_object) ? number_of(entry, "pcr") : -1;
	size_t n = length_of(list);

	if (pcr < 0 || pcr >= TPM_N_PCRS || p->pcrs[pcr].n || n == 0 || n > PCRLOCK_MAX_VALUES)
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *hex = json_text(json_object_array_get_idx(list, i));

		if (!hex || hex_decode(hex, p->pcrs[pcr].at[i], p->n_digest) != (int)p->n_digest)
			return false;
	}
	p->pcrs[pcr].n = n;
	return true;
}

static bool take_all(struct json_object *object, struct pcrlock *p)
{
	struct json_object *list = json_object_object_get(object, "pcrValues");
	int64_t index = number_of(object, "nvIndex");
	bool good = index >= FIRST_INDEX && index <= LAST_INDEX && take_bank(object, p) &&
		    json_object_is_type(list, json_type_array);

	p->index = (uint32_t)index;
	for (size_t i = 0; good && i < length_of(list); i++)
		good = take_values(json_object_array_get_idx(list, i), p);
	return good;
}

int pcrlock_parse(struct bytes json, struct pcrlock *ret, struct err *e)
{
	SCOPED(json_drop) struct json_object *object = NULL;
	int rc = json_parse_bytes(json, PCRLOCK_MAX_BYTES, "pcrlock.json", &object, e);

	*ret = (struct pcrlock){ 0 };
	if (rc < 0)
		return rc;
	if (!take_all(object, ret))
		return err_set(e, ERR_UNSUPPORTED, 0,
			       "pcrlock.json has no index, bank and values of PCRs that can be used");
	return 0;
}
