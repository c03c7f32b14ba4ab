/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Extensions that lie on the ESP and that no stub handed over: part of extend, and of extend-root and
 * leave for those that are for the host. */
#include "init/stages.h"

#include <string.h>
#include <sys/sysinfo.h>

#include "init/core/cleanup.h"
#include "init/core/log.h"
#include "modules/disk/dps.h"
#include "modules/extension/esp.h"
#include "modules/extension/word.h"

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

/* An eighth of the memory, unless slipway.conf knows better: what an initrd needs is far less, and
 * whoever can write to the ESP must not be able to fill the rest. */
static uint64_t max_bytes(const struct boot *b)
{
	struct sysinfo machine;

	if (b->config.esp_max_mib)
		return (uint64_t)b->config.esp_max_mib << 20;
	return sysinfo(&machine) < 0 ? 0 : (uint64_t)machine.totalram * machine.mem_unit / 8;
}

static int read_esp(const struct boot *b, const struct disk *disk, struct esp_request *request,
		    struct err *e)
{
	request->disk = disk;
	request->partition = find_esp(b, &disk->gpt);
	request->max_bytes = max_bytes(b);
	if (!request->partition)
		return err_set(e, ERR_ROOT_MISSING, 0, "disk '%s' has no ESP", disk->name);
	return esp_copy(request, e);
}

int copy_from_esp(struct boot *b, struct err *e)
{
	const struct device_name *named = &b->options.disk;
	struct esp_request request = {
		.to = ESP_COPIES,
		.folders = b->config.esp_folders,
		.n_folders = b->config.n_esp_folders,
		.wanted = { [SYSEXT] = b->options.sysext, [CONFEXT] = b->options.confext },
	};
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
	if (rc >= 0 && read_esp(b, &s.disk, &request, &why) < 0)
		log_warning("no extensions from the ESP: %s", why.what);
	return rc < 0 ? rc : 0;
}

static int measure(struct boot *b, const struct extension_verdict *v, struct err *e)
{
	char word[EXTENSION_WORD_BYTES];

	extension_word(v->handed_over, v->class, v->name, v->root_hash, word);
	return boot_measure_into(b, extension_pcr(v->class), word, "slipway-extension", e);
}

/* The stub measured what it handed over, and nobody these. */
int measure_from_esp(struct boot *b, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < extensions_count(b->extensions); i++) {
		const struct extension_verdict *v = extensions_verdict(b->extensions, i);

		if (v->merged && strncmp(v->source, ESP_COPIES "/", strlen(ESP_COPIES "/")) == 0)
			rc = measure(b, v, e);
	}
	return rc;
}

/* ---- for the host ---- */

int copy_for_host(const struct boot *b, struct err *e)
{
	struct esp_request request = {
		.to = HOST_COPIES,
		.folders = b->config.host_folders,
		.n_folders = b->config.n_host_folders,
		.wanted = { [SYSEXT] = b->options.host_sysext, [CONFEXT] = b->options.host_confext },
	};

	return read_esp(b, &b->disk, &request, e);
}

int measure_for_host(struct boot *b, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; rc >= 0 && b->host_extensions && i < extensions_count(b->host_extensions); i++) {
		const struct extension_verdict *v = extensions_verdict(b->host_extensions, i);

		if (v->handed_over)
			rc = measure(b, v, e);
	}
	return rc;
}
