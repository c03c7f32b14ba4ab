/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/kernel/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include "init/core/cleanup.h"
#include "init/core/clock.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/kernel/coldplug.h"
#include "modules/kernel/loader.h"
#include "modules/kernel/uevent.h"

enum {
	SOCKET_BYTES = 4 * 1024 * 1024, /* some thousand events while nobody reads */
	BURST = 256,                    /* events read before commands are looked at */
};

/* What the listening thread is told through its eventfd, which adds up. */
#define COMMAND_COLDPLUG UINT64_C(1)
#define COMMAND_STOP (UINT64_C(1) << 32)

struct kernel {
	uint64_t timeout_ms; /* for one module that is required */
	struct utsname uname;
	char modules[sizeof(((struct utsname *)0)->release) + sizeof("/usr/lib/modules/")];
	struct loader_setup setup;
	struct loader *loader;
	struct news news;
	int socket, commands;
	pthread_t listener;
	bool listening;
	struct aliases seen; /* the listener's */
};

static void want_driver(void *arg, const char *modalias)
{
	struct kernel *k = arg;
	struct err e;

	if (loader_want(k->loader, modalias, WISH_DEVICE, &e) < 0)
		log_warning("%s; the device stays without this driver", e.what);
}

static void look_at_devices(struct kernel *k)
{
	coldplug("/sys", &k->seen, want_driver, k);
	news_tell(&k->news);
}

/* Receives one message. Returns its length, 0 if it is not the kernel's, or -1
 * and errno. Only the kernel sends from port 0. */
static ssize_t receive(int fd, uint8_t buf[static UEVENT_MAX_BYTES])
{
	struct sockaddr_nl from = { 0 };
	struct iovec iov = { buf, UEVENT_MAX_BYTES };
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1,
	};
	ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT);

	if (n < 0)
		return -1;
	if (from.nl_family != AF_NETLINK || from.nl_pid != 0 || msg.msg_flags & MSG_TRUNC)
		return 0;
	return n;
}

/* Queues the driver if there is one to be had. True if somebody may wait for this. */
static bool take_event(struct kernel *k, const uint8_t *p, size_t n)
{
	struct uevent u;

	if (!uevent_parse(p, n, &u))
		return false;
	if (u.modalias && strcmp(u.action, "add") == 0 && aliases_add(&k->seen, u.modalias))
		want_driver(k, u.modalias);
	return uevent_is_news(&u);
}

static void read_events(struct kernel *k)
{
	uint8_t buf[UEVENT_MAX_BYTES];
	bool news = false;

	for (int i = 0; i < BURST; i++) {
		ssize_t n = receive(k->socket, buf);

		if (n < 0 && errno == ENOBUFS) /* events were lost: look for ourselves */
			look_at_devices(k);
		else if (n < 0 && errno != EINTR)
			break;
		else if (n > 0)
			news |= take_event(k, buf, (size_t)n);
	}
	/* Once for all of them: who waits looks at everything anyway. */
	if (news)
		news_tell(&k->news);
}

/* Returns false when it is time to stop. */
static bool obey(struct kernel *k)
{
	uint64_t commands = 0;

	if (read(k->commands, &commands, sizeof(commands)) < 0)
		return errno == EINTR || errno == EAGAIN;
	if (commands >= COMMAND_STOP)
		return false;
	aliases_done(&k->seen);
	look_at_devices(k);
	return true;
}

static void *listen_to_kernel(void *arg)
{
	struct kernel *k = arg;
	struct pollfd fds[] = {
		{ .fd = k->commands, .events = POLLIN },
		{ .fd = k->socket, .events = POLLIN },
	};
	struct err e;

	look_at_devices(k);
	if (loader_spread(k->loader, &e) < 0)
		log_warning("%s; modules load one after the other", e.what);
	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR) {
			log_warning("device events cannot be read (%s), continuing without",
				    strerror(errno));
			return NULL;
		}
		if (fds[0].revents && !obey(k))
			return NULL;
		if (fds[1].revents)
			read_events(k);
	}
}

static int command(struct kernel *k, uint64_t what, struct err *e)
{
	if (write(k->commands, &what, sizeof(what)) < 0)
		return err_set(e, ERR_SYSTEM, errno, "wake the thread for device events");
	return 0;
}

static int open_socket(struct err *e)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	SCOPED(fd_close) int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC,
					 NETLINK_KOBJECT_UEVENT);
	int bytes = SOCKET_BYTES;

	/* A smaller buffer costs a coldplug when it overflows, no more. */
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0)
		log_debug("the socket for device events keeps its default buffer");
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_set(e, ERR_SYSTEM, errno, "open the socket for device events");
	return fd_take(&fd);
}

/* One worker a CPU: checking a signature keeps it busy. */
static unsigned count_workers(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > LOADER_MAX_WORKERS ? LOADER_MAX_WORKERS : (unsigned)n;
}

static int start(struct kernel *k, struct err *e)
{
	int rc;

	uname(&k->uname);
	snprintf(k->modules, sizeof(k->modules), "/usr/lib/modules/%s", k->uname.release);
	k->setup = (struct loader_setup){
		.modules = k->modules, .n_workers = count_workers(), .insert = loader_insert,
	};
	k->socket = open_socket(e);
	if (k->socket < 0)
		return k->socket;
	k->commands = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (k->commands < 0)
		return err_set(e, ERR_SYSTEM, errno, "make an eventfd");
	rc = loader_open(&k->setup, &k->news, &k->loader, e);
	if (rc < 0)
		return rc;
	rc = thread_start(&k->listener, listen_to_kernel, k, "device event", e);
	k->listening = rc == 0;
	return rc;
}

int kernel_start(uint64_t timeout_ms, struct kernel **ret, struct err *e)
{
	struct kernel *k = calloc(1, sizeof(*k));
	struct err why;
	int rc;

	if (!k)
		return err_set(e, ERR_MEMORY, 0, "prepare for device events");
	k->timeout_ms = timeout_ms;
	k->socket = k->commands = -1;
	rc = news_init(&k->news, e);
	if (rc < 0) {
		free(k);
		return rc;
	}
	rc = start(k, e);
	if (rc >= 0)
		*ret = k;
	else if (kernel_stop(k, now_ms() + KERNEL_STOP_MS, &why) < 0)
		log_warning("%s, going on without it", why.what);
	return rc;
}

void kernel_want(struct kernel *k, const char *const *names, size_t n)
{
	struct err e;

	for (size_t i = 0; i < n; i++) {
		int rc = loader_want(k->loader, names[i], WISH_LISTED, &e);

		if (rc < 0)
			log_warning("%s; continuing without", e.what);
		else if (rc == 0)
			log_debug("no module for '%s': built in, or not in the initrd", names[i]);
	}
}

/* A file system that is built in has no other trace when modules.builtin.* is
 * not in the initrd. */
static bool has_filesystem(const char *name)
{
	SCOPED(mem_free) char *list = NULL;
	size_t n, n_name = strlen(name);
	struct err e;

	if (file_read(AT_FDCWD, "/proc/filesystems", 65536, &list, &n, &e) < 0)
		return false;
	/* Each line is "[nodev]", tab, name. */
	for (char *at = list; (at = strchr(at, '\t')); at++)
		if (strncmp(at + 1, name, n_name) == 0 && at[1 + n_name] == '\n')
			return true;
	return false;
}

static bool is_built_in(const char *name)
{
	char path[128];

	if (has_filesystem(strncmp(name, "fs-", 3) == 0 ? name + 3 : name))
		return true;
	snprintf(path, sizeof(path), "/sys/module/%s", name);
	for (char *p = path + sizeof("/sys/module/") - 1; *p; p++)
		if (*p == '-')
			*p = '_';
	return access(path, F_OK) == 0;
}

int kernel_require(struct kernel *k, const char *name, struct err *e)
{
	int rc = loader_require(k->loader, name, now_ms() + k->timeout_ms, e);

	if (rc < 0)
		return err_in(e, "kernel %s", k->uname.release);
	if (rc == 0 && !is_built_in(name))
		return err_set(e, ERR_MODULES, 0, "kernel %s has no '%s', neither built in nor in '%s'",
			       k->uname.release, name, k->modules);
	return 0;
}

int kernel_reload(struct kernel *k, struct err *e)
{
	int rc = loader_reload(k->loader, e);

	return rc < 0 ? rc : command(k, COMMAND_COLDPLUG, e);
}

int kernel_wait(struct kernel *k, int (*done)(void *arg, struct err *e), void *arg,
		const char *what, uint64_t deadline_ms, struct err *e)
{
	return news_until(&k->news, done, arg, what, deadline_ms, e);
}

size_t kernel_loaded(struct kernel *k, struct module_load **ret)
{
	return loader_loaded(k->loader, ret);
}

int kernel_stop(struct kernel *k, uint64_t deadline_ms, struct err *e)
{
	int rc;

	/* An eventfd takes this write unless its counter is full, which it never is. */
	if (k->listening && command(k, COMMAND_STOP, e) == 0)
		pthread_join(k->listener, NULL);
	rc = k->loader ? loader_close(k->loader, deadline_ms, e) : 0;
	aliases_done(&k->seen);
	fd_close(&k->socket);
	fd_close(&k->commands);
	/* A thread that does not come back from the kernel may still look at the rest. */
	if (rc < 0)
		return rc;
	news_done(&k->news);
	free(k);
	return 0;
}
