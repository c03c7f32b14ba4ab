/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* left.c - the real root's init in the soak: says what an initrd left behind, and powers off. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

static int in_order(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void names(const char *folder, int (*wanted)(const struct dirent *entry))
{
	struct dirent **list;
	int n = scandir(folder, &list, wanted, in_order);

	for (int i = 0; i < n; i++)
		printf(" %s", list[i]->d_name);
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Kernel threads have no program. */
static int is_process(const struct dirent *entry)
{
	char path[300], target[300];

	snprintf(path, sizeof(path), "/proc/%s/exe", entry->d_name);
	return atoi(entry->d_name) > 1 && readlink(path, target, sizeof(target)) > 0;
}

/* What each descriptor is, but the one that reads the folder. */
static void descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	while ((entry = readdir(dir))) {
		char target[300] = "";

		if (is_visible(entry) && atoi(entry->d_name) != dirfd(dir) &&
		    readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1) > 0)
			printf(" %s", target);
	}
	closedir(dir);
}

static void mounts(void)
{
	char line[1000], where[300];
	FILE *f = fopen("/proc/self/mounts", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %299s", where) == 1)
			printf(" %s", where);
	if (f)
		fclose(f);
}

int main(void)
{
	printf("\nleft: devices");
	names("/sys/block", is_visible);
	printf("; mounts");
	mounts();
	printf("; descriptors");
	descriptors();
	printf("; processes");
	names("/proc", is_process);
	printf(";\n");
	fflush(stdout);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
