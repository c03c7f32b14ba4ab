/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/trust/filter.h"

#include <fnmatch.h>
#include <string.h>

static int parse_rule(char *rule, struct filter *f, struct err *e)
{
	char *equals = strchr(rule, '=');
	int d;

	if (!equals)
		return err_set(e, ERR_CMDLINE, 0, "image filter: rule '%.60s' has no '='", rule);
	*equals = '\0';
	d = policy_designator(rule);
	if (d < 0)
		return err_set(e, ERR_CMDLINE, 0, "image filter: unknown partition '%.60s'", rule);
	if (f->given[d])
		return err_set(e, ERR_CMDLINE, 0, "image filter: second rule for '%s'", rule);
	f->given[d] = true;
	f->pattern[d] = equals + 1;
	return 0;
}

int filter_parse(const char *text, struct filter *ret, struct err *e)
{
	*ret = (struct filter){ 0 };
	if (strlen(text) >= sizeof(ret->text))
		return err_set(e, ERR_CMDLINE, 0, "image filter has more than %zu bytes",
			       sizeof(ret->text) - 1);
	if (!*text)
		return 0;
	strcpy(ret->text, text);
	for (char *rule = ret->text, *next; rule; rule = next) {
		int rc;

		next = strchr(rule, ':');
		if (next)
			*next++ = '\0';
		rc = parse_rule(rule, ret, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static enum policy_designator data_of(enum policy_designator d)
{
	switch (d) {
	case POLICY_ROOT_VERITY:
	case POLICY_ROOT_VERITY_SIG:
		return POLICY_ROOT;
	case POLICY_USR_VERITY:
	case POLICY_USR_VERITY_SIG:
		return POLICY_USR;
	default:
		return d;
	}
}

bool filter_matches(const struct filter *f, enum policy_designator d, const char *label)
{
	if (!f->given[d])
		d = data_of(d);
	return !f->given[d] || fnmatch(f->pattern[d], label, FNM_NOESCAPE) == 0;
}
