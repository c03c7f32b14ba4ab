/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/profile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "mkinitrd/host.h"

/* The file as it is, with a NUL behind it. */
#define EMBED(name)                                                  \
	__asm__(".pushsection .rodata." #name "\n"                   \
		".globl profile_" #name "\n"                         \
		"profile_" #name ":\n"                               \
		".incbin \"mkinitrd/profiles/" #name ".list\"\n"     \
		".byte 0\n"                                          \
		".popsection");                                      \
	extern const char profile_##name[]

EMBED(virt);
EMBED(cloud);
EMBED(generic);

static const struct {
	const char *name;
	const char *text; /* NULL: made for this machine */
} profiles[] = {
	{ "virt", profile_virt },
	{ "cloud", profile_cloud },
	{ "generic", profile_generic },
	{ "host", NULL },
};

enum { N_PROFILES = sizeof(profiles) / sizeof(*profiles) };

const char *const profile_reach[] = {
	"kernel/drivers/ata/", "kernel/drivers/block/", "kernel/drivers/char/hw_random/",
	"kernel/drivers/char/tpm/", "kernel/drivers/hv/hv_vmbus", "kernel/drivers/message/",
	"kernel/drivers/mfd/intel-lpss", "kernel/drivers/misc/cardreader/", "kernel/drivers/mmc/",
	"kernel/drivers/nvdimm/", "kernel/drivers/nvme/host/", "kernel/drivers/pci/controller/",
	"kernel/drivers/pci/xen-pcifront", "kernel/drivers/scsi/", "kernel/drivers/spi/",
	"kernel/drivers/ufs/", "kernel/drivers/usb/host/", "kernel/drivers/usb/storage/",
	"kernel/drivers/virtio/virtio_mmio", "kernel/drivers/virtio/virtio_pci",
	NULL,
};

const char *profile_name(size_t i)
{
	return i < N_PROFILES ? profiles[i].name : NULL;
}

static size_t find(const char *name)
{
	size_t i = 0;

	while (i < N_PROFILES && strcmp(name, profiles[i].name) != 0)
		i++;
	return i;
}

bool profile_known(const char *name)
{
	return find(name) < N_PROFILES || strcmp(name, "none") == 0 || strchr(name, '/');
}

int profile_read(const char *name, char **ret, size_t *ret_n, struct err *e)
{
	size_t i = find(name);
	const char *text = i < N_PROFILES ? profiles[i].text : "";

	if (strchr(name, '/'))
		return file_read(AT_FDCWD, name, PROFILE_MAX_BYTES, ret, ret_n, e);
	if (!text)
		return host_profile("", profile_virt, ret, ret_n, e);
	*ret = strdup(text);
	if (!*ret)
		return err_set(e, ERR_MEMORY, 0, "no memory for the profile '%s'", name);
	*ret_n = strlen(text);
	return 0;
}

static bool is_name(const char *word)
{
	size_t n = 0;

	while (word[n] > ' ' && word[n] < 0x7f)
		n++;
	return n && !word[n] && n <= PROFILE_MAX_NAME;
}

static char *trim(char *line)
{
	char *end = line + strlen(line);

	while (end > line && strchr(" \t\r", end[-1]))
		*--end = '\0';
	return line + strspn(line, " \t");
}

/* Takes the line, which it changes, and keeps pointers into it. */
static int parse_row(const char *profile, size_t number, char *line, struct profile *p,
		     struct err *e)
{
	enum profile_mark mark = PROFILE_SOFT;
	char *word = trim(line);

	if (!*word || *word == '#')
		return 0;
	if (*word == '!' || *word == '?')
		mark = *word++ == '!' ? PROFILE_MISSED : PROFILE_REACH;
	if (!is_name(word))
		return err_set(e, ERR_CONFIG, 0,
			       "profile '%.100s', line %zu: '%.60s' is no name of a module; a line "
			       "holds one name or alias, with ! or ? before it",
			       profile, number, word);
	if (p->n == PROFILE_MAX_ROWS)
		return err_set(e, ERR_CONFIG, 0, "profile '%.100s' has more than %d rows", profile,
			       PROFILE_MAX_ROWS);
	p->rows[p->n++] = (struct profile_row){ word, mark };
	return 0;
}

static size_t count_lines(const char *text, size_t n)
{
	size_t lines = 1;

	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	return lines < PROFILE_MAX_ROWS ? lines : PROFILE_MAX_ROWS;
}

int profile_parse(const char *name, const char *text, size_t n, struct profile *ret,
		  struct err *e)
{
	const char *slash = strrchr(name, '/');
	SCOPED(profile_done) struct profile p = { .text = strndup(text, n) };
	size_t number = 1;
	int rc = 0;

	p.rows = calloc(count_lines(text, n), sizeof(*p.rows));
	if (!p.text || !p.rows)
		return err_set(e, ERR_MEMORY, 0, "no memory for the profile '%.100s'", name);
	if (strlen(p.text) != n)
		return err_set(e, ERR_CONFIG, 0, "profile '%.100s' is no text: it has a NUL byte",
			       name);
	for (char *line = p.text, *next; line && rc == 0; line = next, number++) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		rc = parse_row(name, number, line, &p, e);
	}
	if (rc < 0)
		return rc;
	snprintf(p.why, sizeof(p.why), "profile %.100s", slash ? slash + 1 : name);
	*ret = p;
	p = (struct profile){ 0 };
	return 0;
}

void profile_done(struct profile *p)
{
	free(p->rows);
	free(p->text);
	*p = (struct profile){ 0 };
}

int profile_open(const char *name, struct profile *ret, struct err *e)
{
	SCOPED(mem_free) char *text = NULL;
	size_t n;
	int rc = profile_read(name, &text, &n, e);

	return rc < 0 ? rc : profile_parse(name, text, n, ret, e);
}
