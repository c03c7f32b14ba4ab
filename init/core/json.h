/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* json.h - releases what json-c gives when a scope ends; see cleanup.h. */
#pragma once

#include <json-c/json.h>

static inline void json_drop(struct json_object **o)
{
	json_object_put(*o);
}

static inline void tokener_drop(struct json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}
