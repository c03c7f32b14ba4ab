/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Extensions that lie on the ESP and that no stub handed over: part of extend. */
#include "init/stages.h"

#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/log.h"
#include "modules/disk/dps.h"
#include "modules/extension/esp.h"

struct search {
	struct disk_wish wish;
	struct disk_memory memory;
	struct disk disk;
};

static void search_done(struct search *s)
{
	disk_done(&s->disk);
}

static int find_disk(void *arg, struct err *e)
{
	struct search *s = arg;

	return disk_find_agreed(&s->wish, &s->memory, &s->disk, e);
}

/* The partition that the loader was read from, or, if nobody says which that is, the first ESP. */
static const struct partition *find_esp(const struct boot *b, const struct gpt *gpt)
{
	for (size_t i = 0; i < gpt->n_partitions; i++) {
		const struct partition *p = &gpt->partitions[i];

		if (dps_is_esp_or_xbootldr(&p->type) &&
		    (!b->firmware.has_loader_partuuid ||
		     uuid_equal(&p->uuid, &b->firmware.loader_partuuid)))
			return p;
	}
	return NULL;
}

static int read_esp(struct boot *b, const struct disk *disk, struct err *e)
{
	const struct esp_request request = {
		.disk = disk,
		.partition = find_esp(b, &disk->gpt),
		.folders = b->config.esp_folders,
		.n_folders = b->config.n_esp_folders,
		.wanted = { [SYSEXT] = b->options.sysext, [CONFEXT] = b->options.confext },
	};

	if (!request.partition)
		return err_set(e, ERR_ROOT_MISSING, 0, "disk '%s' has no ESP", disk->name);
	return esp_copy(&request, e);
}

int copy_from_esp(struct boot *b, struct err *e)
{
	const struct device_name *named = &b->options.disk;
	SCOPED(search_done) struct search s = { 0 };
	struct err why;
	int rc;

	if (!b->config.n_esp_folders)
		return 0;
	if (b->firmware.has_loader_partuuid)
		s.wish.esp = &b->firmware.loader_partuuid;
	else if (named->has_uuid)
		s.wish.any = &named->uuid;
	else if (*named->node)
		s.wish.name = named->node;
	else
		return log_warning("nothing says which disk has the ESP: no extensions from there"), 0;
	rc = boot_wait_for_disk(b, find_disk, &s, "the disk with the ESP", e);
	if (rc == -(int)ERR_TIMEOUT)
		return err_set(e, ERR_DISK_TIMEOUT, 0,
			       "the disk with the ESP, which slipway.conf wants extensions from, did "
			       "not appear");
	/* What is wrong with its content is worth no boot: the root does not depend on it. */
	if (rc >= 0 && read_esp(b, &s.disk, &why) < 0)
		log_warning("no extensions from the ESP: %s", why.what);
	return rc < 0 ? rc : 0;
}

/* The stub measured what it handed over, and nobody these. */
int measure_from_esp(struct boot *b, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < extensions_count(b->extensions); i++) {
		const struct extension_verdict *v = extensions_verdict(b->extensions, i);
		char word[TPM_MAX_TEXT_BYTES];

		if (!v->merged || strncmp(v->source, ESP_COPIES "/", strlen(ESP_COPIES "/")) != 0)
			continue;
		snprintf(word, sizeof(word), "%.7s:%.99s:%s", v->class->name, v->name,
			 v->root_hash);
		/* What tpm_measure() would refuse. */
		for (char *c = word; *c; c++)
			if (strchr("\"'\\", *c))
				*c = '?';
		rc = boot_measure_into(b, v->class->id == SYSEXT ? 13 : 12, word, "slipway-extension", e);
	}
	return rc;
}
