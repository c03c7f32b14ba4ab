/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* coldplug.h - the modaliases of the devices that are there already. */
#pragma once

#include <stdbool.h>

/* The modaliases seen so far: many devices share one. Zeroed it is empty. */
struct aliases {
	void *root;
};

/* True if alias was not there. Without memory too: it is only looked up again. */
bool aliases_add(struct aliases *a, const char *alias);

void aliases_done(struct aliases *a);

/* Calls each(arg, modalias) for every device below SYS/bus whose modalias is not
 * in *seen, and adds it there. What cannot be read has gone: it is skipped. */
void coldplug(const char *sys, struct aliases *seen, void (*each)(void *arg, const char *modalias),
	      void *arg);
