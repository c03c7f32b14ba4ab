/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/disk/kernel_view.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"

enum {
	MAX_PARTITIONS = 4096,
	SYSFS_UNIT_BYTES = 512, /* of start and size, whatever the disk's sectors */
};

static int read_number(const char *sys_dir, const char *attribute, uint64_t max, uint64_t *ret,
		       struct err *e)
{
	char path[512], text[32], *end;

	snprintf(path, sizeof(path), "%s/%s", sys_dir, attribute);
	if (file_read_text(path, text, sizeof(text)) < 0)
		return err_set(e, errno_code(errno), errno, "read '%s'", path);
	errno = 0;
	*ret = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || *ret > max)
		return err_set(e, ERR_SYSTEM, 0, "'%s' holds no number", path);
	return 0;
}

int kernel_partition_read(const char *sys_dir, struct kernel_partition *ret, struct err *e)
{
	uint64_t number, start, size;
	int rc = read_number(sys_dir, "partition", INT32_MAX, &number, e);

	if (rc == 0)
		rc = read_number(sys_dir, "start", INT64_MAX / SYSFS_UNIT_BYTES, &start, e);
	if (rc == 0)
		rc = read_number(sys_dir, "size", INT64_MAX / SYSFS_UNIT_BYTES, &size, e);
	if (rc < 0)
		return rc;
	*ret = (struct kernel_partition){
		.number = (unsigned)number,
		.start_bytes = start * SYSFS_UNIT_BYTES,
		.n_bytes = size * SYSFS_UNIT_BYTES,
	};
	return 0;
}

/* Returns 1 if the directory is a partition's, 0 if not. */
static int read_child(const char *sys_dir, const char *name, struct kernel_partition *ret,
		      struct err *e)
{
	char dir[384], path[400];
	int rc;

	if (name[0] == '.' || strlen(name) >= sizeof(ret->devname))
		return 0;
	snprintf(dir, sizeof(dir), "%s/%s", sys_dir, name);
	snprintf(path, sizeof(path), "%s/partition", dir);
	if (access(path, F_OK) < 0)
		return 0;
	rc = kernel_partition_read(dir, ret, e);
	if (rc < 0)
		return rc;
	memcpy(ret->devname, name, strlen(name) + 1);
	return 1;
}

int kernel_partitions_read(const char *sys_dir, struct kernel_partition **ret, size_t *ret_n,
			   struct err *e)
{
	SCOPED(dir_close) DIR *dir = opendir(sys_dir);
	SCOPED(mem_free) struct kernel_partition *list = NULL;
	const struct dirent *d;
	size_t n = 0;

	if (!dir)
		return err_set(e, errno_code(errno), errno, "list the partitions in '%s'", sys_dir);
	while ((d = readdir(dir)) && n < MAX_PARTITIONS) {
		struct kernel_partition one, *grown;
		int rc = read_child(sys_dir, d->d_name, &one, e);

		if (rc < 0)
			return rc;
		if (rc == 0)
			continue;
		grown = realloc(list, (n + 1) * sizeof(*list));
		if (!grown)
			return err_set(e, ERR_MEMORY, 0, "no memory for %zu partitions", n + 1);
		list = grown;
		list[n++] = one;
	}
	*ret = ptr_take(&list);
	*ret_n = n;
	return 0;
}

bool kernel_partition_is(const struct kernel_partition *k, const struct partition *p,
			 unsigned sector_bytes)
{
	return k->number == p->number && k->start_bytes == p->first_lba * sector_bytes &&
	       k->n_bytes == p->n_lbas * sector_bytes;
}

static struct partition *by_number(struct gpt *gpt, unsigned number)
{
	for (size_t i = 0; i < gpt->n_partitions; i++)
		if (gpt->partitions[i].number == number)
			return &gpt->partitions[i];
	return NULL;
}

static int differs(const struct kernel_partition *k, const struct partition *p,
		   unsigned sector_bytes, struct err *e)
{
	return err_set(e, ERR_GPT_DISAGREES, 0,
		       "the kernel shows '%s' at byte %llu with %llu bytes, the table has it at "
		       "%llu with %llu", k->devname, (unsigned long long)k->start_bytes,
		       (unsigned long long)k->n_bytes,
		       (unsigned long long)(p->first_lba * sector_bytes),
		       (unsigned long long)(p->n_lbas * sector_bytes));
}

int kernel_partitions_match(struct gpt *gpt, const struct kernel_partition *list, size_t n,
			    struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const struct kernel_partition *k = &list[i];
		struct partition *p = by_number(gpt, k->number);

		if (!p && gpt_ignores(gpt, k->number))
			continue;
		if (!p)
			return err_set(e, ERR_GPT_DISAGREES, 0,
				       "the kernel shows '%s', which the table does not have",
				       k->devname);
		if (!kernel_partition_is(k, p, gpt->sector_bytes))
			return differs(k, p, gpt->sector_bytes, e);
		memcpy(p->devname, k->devname, sizeof(p->devname));
	}
	return 0;
}
