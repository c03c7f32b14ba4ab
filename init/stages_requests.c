/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the system that ran before asks of this boot, and this initrd does not do: it says so, and
 * sees to it that nothing comes of half an answer. */
#include "init/stages.h"

#include "init/core/log.h"

void note_requests(struct boot *b)
{
	const struct options *o = &b->options;

	if (b->firmware.hibernated)
		log_warning("the machine was hibernated, and this initrd does not resume: the machine "
			    "starts afresh, and what was not saved is lost");
	/* The word counts for more, as it does for systemd. */
	if (o->has_factory_reset ? o->factory_reset : b->firmware.factory_reset)
		log_warning("a factory reset is asked for: this initrd erases nothing and leaves it to the host");
}

void forget_hibernation(struct boot *b)
{
	struct err e;

	if (!b->firmware.hibernated)
		return;
	if (firmware_forget_hibernation(&e) < 0)
		log_warning("%s: no other initrd must resume now, continuing", e.what);
	else
		log_info("'HibernateLocation' is removed: what was frozen does not fit the disk any more");
}
