/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* checker.c - an fsck that looks around instead, or never ends. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* How much there is that is none of its business. */
static int look_around(void)
{
	struct dirent *entry;
	DIR *top = opendir("/");
	int n = 0;

	while (top && (entry = readdir(top)))
		if (*entry->d_name != '.' && strcmp(entry->d_name, "fsck") != 0 && strcmp(entry->d_name, "device") != 0)
			n += printf("sees '/%s'\n", entry->d_name);
	if (!top || closedir(top) < 0 || getuid() == 0 || getgid() == 0 || getpid() != 1)
		n += printf("is somebody\n");
	for (int c = 0; prctl(PR_CAPBSET_READ, c) >= 0; c++)
		n += prctl(PR_CAPBSET_READ, c) ? printf("may have capability %d\n", c) : 0;
	if (mount("x", "/", "tmpfs", 0, NULL) == 0 || chroot("/") == 0 || setuid(0) == 0)
		n += printf("has privileges\n");
	for (int fd = 3; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0 ? printf("has descriptor %d\n", fd) : 0;
	return n;
}

int main(int argc, char **argv)
{
	int fd = open(argv[argc - 1], O_RDWR | O_EXCL);
	struct stat st;
	char magic[2] = "";

	setvbuf(stdout, NULL, _IONBF, 0);
	printf("called with %s %s\n", argv[1], argc > 3 ? argv[2] : "");
#ifdef HANGS
	for (;;)
		pause();
#endif
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode) || pread(fd, magic, 2, 1024 + 56) != 2 ||
	    memcmp(magic, "\x53\xef", 2) != 0)
		return 8;
	close(fd);
	return look_around() ? 16 : 0;
}
