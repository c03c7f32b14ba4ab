/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stage prove, with an activation of ours that achieves less than the disk promised. The linker
 * puts what is called __wrap_ here in the place of the volume's own. */
#include "tests/unit/unit.h"

#include <json-c/json.h>

#include "init/record_json.h"
#include "init/stages.h"

static unsigned achieved, n_made, n_closed;

int __wrap_volume_prove(const struct volume_request *request, struct volume **ret, struct err *e);
unsigned __wrap_volume_uses(const struct volume *v);
void __wrap_volume_close(struct volume *v);

int __wrap_volume_prove(const struct volume_request *request, struct volume **ret, struct err *e)
{
	(void)request;
	(void)e;
	n_made++;
	*ret = (struct volume *)&achieved;
	return 0;
}

unsigned __wrap_volume_uses(const struct volume *v)
{
	assert_ptr_equal(v, &achieved);
	return achieved;
}

void __wrap_volume_close(struct volume *v)
{
	n_closed += v != NULL;
}

/* What the record says of the one partition that was judged. */
static const char *said(const struct record *r, const char *key)
{
	struct json_object *all = json_object_object_get(r->top, "policy");

	assert_int_equal(json_object_array_length(all), 1);
	return json_object_get_string(json_object_object_get(json_object_array_get_idx(all, 0), key));
}

static void what_was_achieved_is_judged(void **state)
{
	static const struct {
		const char *policy;
		enum designator designator;
		unsigned achieved;
		const char *found;
		enum err_code code;
	} cases[] = {
		{ "root=signed:=open", DPS_ROOT, USE_VERITY | USE_SIGNED, "verity+signed", ERR_NONE },
		{ "root=signed:=open", DPS_ROOT, USE_VERITY, "verity", ERR_POLICY_REFUSED },
		{ "root=signed:=open", DPS_ROOT, USE_UNPROTECTED, "unprotected", ERR_POLICY_REFUSED },
		{ "root=verity:=open", DPS_ROOT, USE_VERITY, "verity", ERR_NONE },
		{ "root=verity:=open", DPS_ROOT, USE_UNPROTECTED, "unprotected", ERR_POLICY_REFUSED },
		{ "usr=signed:=open", DPS_USR, USE_VERITY, "verity", ERR_POLICY_REFUSED },
		{ "usr=signed:=open", DPS_USR, USE_VERITY | USE_SIGNED, "verity+signed", ERR_NONE },
	};
	static struct boot b;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		/* It promises all there is. */
		struct partition data = { .label = "root_1" }, hash = { .label = "root-verity_1" },
				 signature = { .label = "root-verity-sig_1" };
		struct record r = { .top = json_object_new_object() };
		struct err e = { 0 };
		int rc;

		b = (struct boot){ .record = &r };
		b.set = (struct verity_set){ .designator = cases[i].designator, .data = &data, .hash = &hash,
					     .signature = &signature, .root_hash_bytes = 32 };
		assert_int_equal(policy_parse(cases[i].policy, &b.policy, &e), 0);
		assert_int_equal(verity_set_uses(&b.set), USE_VERITY | USE_SIGNED);
		achieved = cases[i].achieved;
		n_made = n_closed = 0;
		rc = stage_prove(&b, &e);
		assert_code(rc, &e, cases[i].code, cases[i].policy);
		assert_int_equal(n_made, 1);
		assert_string_equal(said(&r, "found"), cases[i].found);
		assert_string_equal(said(&r, "verdict"), rc < 0 ? "refused" : "accepted");
		undo_prove(&b);
		assert_int_equal(n_closed, 1);
		assert_null(b.root);
		json_object_put(r.top);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { UNIT_TEST(what_was_achieved_is_judged) };

	return cmocka_run_group_tests_name("prove", tests, NULL, NULL);
}
