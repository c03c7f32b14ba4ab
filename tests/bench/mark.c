/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mark.c - the real root's init in benchmarks: tells on the console when the kernel ran
 * /init and when we were started, both by the kernel log's clock, and powers off. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

/* Records of /dev/kmsg: "level,sequence,microseconds,flags;text". */
static unsigned long long stamp_of(const char *text)
{
	char record[1024];
	unsigned long long us = 0;
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n;

	while ((n = read(fd, record, sizeof(record) - 1)) > 0) {
		record[n] = '\0';
		if (strstr(record, text) && sscanf(record, "%*u,%*u,%llu", &us) == 1)
			break;
	}
	close(fd);
	return us;
}

int main(void)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC), console = open("/dev/console", O_WRONLY);

	if (write(fd, "bench: root\n", 12) != 12)
		dprintf(console, "bench: no kmsg\n");
	dprintf(console, "\nbench: run_init_us %llu root_us %llu\n", stamp_of(";Run /init"),
		stamp_of(";bench: root"));
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
