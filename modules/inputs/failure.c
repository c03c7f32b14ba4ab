/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/inputs/failure.h"

#include <stddef.h>
#include <string.h>

#include "modules/inputs/options.h"

bool failure_action_parse(const char *text, enum failure_action *ret)
{
	static const char *const names[] = {
		[FAILURE_REBOOT] = "reboot", [FAILURE_POWEROFF] = "poweroff", [FAILURE_HALT] = "halt",
	};

	for (unsigned i = FAILURE_REBOOT; i <= FAILURE_HALT; i++)
		if (strcmp(text, names[i]) == 0) {
			*ret = (enum failure_action)i;
			return true;
		}
	return false;
}

static bool rule_parse(const char *text, struct failure_rule *ret)
{
	static const char *const names[] = {
		[ATTEMPT_RETRY] = "retry", [ATTEMPT_NEXT_SLOT] = "next-slot",
	};
	size_t n = strcspn(text, " ");

	for (unsigned i = ATTEMPT_RETRY; i <= ATTEMPT_NEXT_SLOT; i++)
		if (n == strlen(names[i]) && memcmp(text, names[i], n) == 0) {
			ret->attempt = (enum failure_attempt)i;
			return !text[n] || failure_action_parse(text + n + 1, &ret->action);
		}
	return failure_action_parse(text, &ret->action);
}

/* The table of reasons once more, for where in it each class begins. */
enum {
#define ERR_CLASS(name) FIRST_##name, BEFORE_##name = FIRST_##name - 1,
#define ERR(code, meaning, next) CODE_##code,
	CODE_NONE,
#include "init/core/err.def"
#undef ERR
};

static const struct {
	char name[12];
	unsigned char first;
} classes[] = {
#define ERR_CLASS(name) { #name, FIRST_##name },
#define ERR(code, meaning, next)
#include "init/core/err.def"
#undef ERR
	{ "", ERR_N_CODES },
};

/* The codes that are meant: from *first up to the result, which is *first if none are. */
static unsigned find(const char *reason, unsigned *first)
{
	for (size_t i = 0; classes[i].first < ERR_N_CODES; i++)
		if (strcmp(classes[i].name, reason) == 0) {
			*first = classes[i].first;
			return classes[i + 1].first;
		}
	for (*first = ERR_NONE + 1; *first < ERR_N_CODES; (*first)++)
		if (strcmp(err_name((enum err_code)*first), reason) == 0)
			return *first + 1;
	return *first;
}

bool failure_rules_set(struct failure_rules *rules, const char *reason, const char *value)
{
	struct failure_rule rule = { 0 };
	unsigned first, end = find(reason, &first);

	if (first == end || !rule_parse(value, &rule))
		return false;
	for (unsigned i = first; i < end; i++)
		rules->by_code[i] = rule;
	return true;
}

bool failure_limit_parse(const char *text, struct failure_limit *ret)
{
	struct failure_limit limit = { .action = FAILURE_HALT };
	size_t n = strcspn(text, " ");
	char number[4];

	if (strcmp(text, "no") != 0) {
		if (n >= sizeof(number))
			return false;
		memcpy(number, text, n);
		number[n] = '\0';
		if (!number_parse(number, FAILURE_LIMIT_MAX, &limit.n) || limit.n == 0 ||
		    (text[n] && !failure_action_parse(text + n + 1, &limit.action)) ||
		    limit.action == FAILURE_REBOOT)
			return false;
	}
	*ret = limit;
	return true;
}

enum failure_action failure_limited(const struct failure_limit *limit, enum failure_action ruled,
				    unsigned n_before)
{
	return ruled == FAILURE_REBOOT && limit->n && n_before + 1 >= limit->n ? limit->action : ruled;
}

unsigned failure_count(const struct failure_limit *limit, unsigned n_before)
{
	return n_before + 1 < limit->n ? n_before + 1 : limit->n ? limit->n : 1;
}

const char *failure_class(enum err_code code)
{
	size_t i = 0;

	while (classes[i].first <= (unsigned)code)
		i++;
	return i ? classes[i - 1].name : "";
}
