/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The init of the system that a whole boot in a sandbox ends in: tells what it was given. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void copy_out(const char *path)
{
	char piece[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	printf("host: %s%s\n", path, fd < 0 ? " is absent" : "");
	fflush(stdout);
	while (fd >= 0 && (n = read(fd, piece, sizeof(piece))) > 0)
		if (write(STDOUT_FILENO, piece, (size_t)n) < 0)
			return;
}

int main(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		printf("host: word %s\n", argv[i]);
	printf("host: /usr/new can%s be made\n",
	       open("/usr/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 ? "not" : "");
	printf("host: /etc/new can%s be made\n",
	       open("/etc/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 ? "not" : "");
	printf("host: an extension is %s\n", access("/usr/share/extended", F_OK) < 0 ? "absent" : "there");
	printf("host: an exitrd is %s\n", access("/run/initramfs/shutdown", X_OK) < 0 ? "absent" : "there");
	copy_out("/run/slipway/boot.json");
	copy_out("/dev/vport0p2");
	return 0;
}
