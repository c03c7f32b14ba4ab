/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "init/port.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "init/core/cleanup.h"
#include "init/core/clock.h"
#include "init/core/file.h"
#include "init/core/log.h"

#define PORTS "/sys/class/virtio-ports"

enum { SEND_MS = 2000 };

static int open_port(const char *name)
{
	SCOPED(dir_close) DIR *d = opendir(PORTS);
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		char path[300], found[64];

		snprintf(path, sizeof(path), PORTS "/%s/name", entry->d_name);
		if (file_read_text(path, found, sizeof(found)) < 0 || strcmp(found, name) != 0)
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		return open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	}
	return -1;
}

/* The port takes what fits; the rest when the host has read. */
static size_t send_bytes(int fd, const char *p, size_t n)
{
	uint64_t deadline_ms = now_ms() + SEND_MS;
	size_t sent = 0;

	while (sent < n) {
		struct pollfd out = { .fd = fd, .events = POLLOUT };
		ssize_t put;

		if (poll(&out, 1, ms_until(deadline_ms)) <= 0)
			break;
		put = write(fd, p + sent, n - sent);
		if (put < 0)
			break;
		sent += (size_t)put;
	}
	return sent;
}

void port_send(const char *name, const char *p, size_t n)
{
	SCOPED(fd_close) int fd = open_port(name);

	if (fd < 0)
		return;
	if (send_bytes(fd, p, n) != n || send_bytes(fd, "\n", 1) != 1)
		log_warning("the port '%s' did not take %zu bytes", name, n);
}
