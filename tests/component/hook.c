/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A hook that does what its name says: good things, and all that a hook must not do.
 * Static, as hooks are. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static void fact(const char *key, const char *value)
{
	printf("fact %s %s\n", key, value);
}

static void fact_number(const char *key, long value)
{
	printf("fact %s %ld\n", key, value);
}

/* Whether it worked, as a fact. */
static void fact_try(const char *key, int rc)
{
	fact(key, rc < 0 ? strerror(errno) : "done");
}

static void fact_file(const char *key, const char *path)
{
	char text[150] = "";
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		fact(key, strerror(errno));
	else
		fact(key, text);
}

static int write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT, mode);

	if (fd < 0)
		return -1;
	return write(fd, text, strlen(text)) < 0 || close(fd) < 0 ? -1 : 0;
}

static void hang(void)
{
	for (;;)
		pause();
}

static void bomb(void)
{
	for (;;)
		fork();
}

static void flood(int fd)
{
	static char line[4096];

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	while (write(fd, line, sizeof(line)) > 0 || errno == EINTR)
		;
}

static void gigabyte(void)
{
	static char block[65536];
	int fd = open("/run/big", O_WRONLY | O_CREAT, 0600);
	long wrote = 0;

	while (wrote < 1l << 30) {
		ssize_t n = write(fd, block, sizeof(block));

		if (n <= 0)
			break;
		wrote += n;
	}
	fact_number("written", wrote);
}

/* Away from the group, holding the pipes. */
static void orphan(void)
{
	if (fork() == 0) {
		setsid();
		if (fork() == 0)
			hang();
		_exit(0);
	}
}

static void kill_all(void)
{
	signal(SIGKILL, SIG_IGN);
	fact_try("parent", kill(getppid(), SIGKILL));
	/* Its own group, and then whatever is in sight, but itself. */
	setpgid(0, 0);
	fact_try("everyone", kill(-1, SIGKILL));
}

static void mount_over(void)
{
	fact_try("mount", mount("tmpfs", "/usr", "tmpfs", 0, NULL));
	fact_try("userns", unshare(CLONE_NEWUSER | CLONE_NEWNS));
	fact_try("mount_unshared", mount("tmpfs", "/usr", "tmpfs", 0, NULL));
}

static void look(void)
{
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");

	for (int i = 0; environ[i]; i++)
		printf("fact environment%d %s\n", i, environ[i]);
	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "CapEff:\t", 8) == 0)
			fact("capabilities", line + 8);
		if (strncmp(line, "NoNewPrivs:\t", 12) == 0)
			fact("no_new_privileges", line + 12);
	}
	fclose(f);
	fact_number("user", getuid());
	fact_number("group", getgid());
	fact_number("groups", getgroups(0, NULL));
	fact_number("process", getpid());
	fact_number("next_descriptor", dup(0));
	fact_try("usr", write_file("/usr/planted", "x", 0644));
	fact_try("root", write_file("/planted", "x", 0644));
	fact_try("node", mknod("/run/node", S_IFCHR | 0600, 0x103));
	fact_try("proc_sys", access("/proc/sys", F_OK));
	fact_try("secret", access("/run/secret", F_OK));
}

static void output(void)
{
	fact_try("program", write_file("/run/vendor/deep/program", "text\n", 0755));
	chmod("/run/vendor/deep/program", 06777);
	fact_try("secret", write_file("/run/vendor/secret", "text\n", 0600));
	fact_try("undeclared", write_file("/run/undeclared", "text\n", 0600));
}

static void output_link(void)
{
	fact_try("secret", write_file("/run/vendor/secret", "text\n", 0600));
	fact_try("link", symlink("../kept", "/run/vendor/link"));
	fact_try("moved", rename("/run/vendor/folder", "/run/vendor/old"));
	fact_try("out", symlink("/usr", "/run/vendor/folder"));
}

static void act(const char *name)
{
	if (strcmp(name, "hang") == 0)
		hang();
	else if (strcmp(name, "bomb") == 0)
		bomb();
	else if (strcmp(name, "flood") == 0)
		flood(1);
	else if (strcmp(name, "flood-messages") == 0)
		flood(2);
	else if (strcmp(name, "gigabyte") == 0)
		gigabyte();
	else if (strcmp(name, "orphan") == 0)
		orphan();
	else if (strcmp(name, "kill-all") == 0)
		kill_all();
	else if (strcmp(name, "mount") == 0)
		mount_over();
	else if (strcmp(name, "look") == 0)
		look();
	else if (strcmp(name, "output") == 0)
		output();
}

/* What ends it before it answers. */
static void act_without_answer(const char *name)
{
	if (strcmp(name, "kill-group") == 0)
		kill(0, SIGKILL);
	else if (strcmp(name, "signal") == 0)
		raise(SIGTERM);
	else if (strcmp(name, "crash") == 0)
		abort();
	else if (strcmp(name, "status") == 0)
		exit(3);
	else if (strcmp(name, "silent") == 0)
		exit(0);
	else if (strcmp(name, "refuse-and-hang") == 0 && puts("refuse not today") >= 0 && fflush(stdout) == 0)
		hang();
	else if (strcmp(name, "malformed") == 0)
		puts("continue");
	else if (strcmp(name, "continue-and-fail") == 0 && puts("continue") >= 0)
		exit(1);
}

int main(void)
{
	const char *name = getenv("SLIPWAY_HOOK");

	if (strcmp(name, "view") == 0) {
		char text[150] = "";
		ssize_t n = read(0, text, sizeof(text) - 1);

		fact_number("bytes", n);
		fact("view", text);
	}
	if (strcmp(name, "device") == 0) {
		fact_try("given", write_file("/dev/given", "x", 0));
		fact_try("attribute", write_file("/sys/class/led/brightness", "1", 0));
		fact_try("other_attribute", write_file("/sys/devices/led/trigger", "1", 0));
		fact_try("other_device", access("/dev/other", F_OK));
		fact_try("usr", write_file("/usr/planted", "x", 0644));
		fact_file("smbios", "/sys/firmware/dmi/tables/DMI");
	}
	if (strcmp(name, "credential") == 0) {
		fact_file("asked", "/run/credentials/asked");
		fact_file("absent", "/run/credentials/absent");
		fact_file("other", "/run/credentials/other");
	}
	/* Where a boot is told to be refused. */
	if (strcmp(name, "refuse-at") == 0) {
		char point[32] = "";
		int fd = open("/run/credentials/refuse.at", O_RDONLY);
		ssize_t n = fd < 0 ? 0 : read(fd, point, sizeof(point) - 1);

		if (n > 0 && strcmp(point, getenv("SLIPWAY_POINT")) == 0)
			return puts("refuse as it was told") < 0;
	}
	/* What it reads, on the console. */
	if (strcmp(name, "tell-view") == 0) {
		char chunk[4096];
		ssize_t n;

		while ((n = read(0, chunk, sizeof(chunk))) > 0)
			(void)!write(2, chunk, (size_t)n);
		(void)!write(2, "\n", 1);
	}
	if (strcmp(name, "output-link") == 0)
		output_link();
	if (strcmp(name, "output-kept") == 0) {
		fact_try("secret", write_file("/run/vendor/secret", "text\n", 0600));
		fact_try("kept", write_file("/run/kept", "planted", 0644));
	}
	if (strcmp(name, "output-folder") == 0)
		fact_try("folder", mkdir("/run/folder", 0755));
	if (strcmp(name, "output-large") == 0)
		fact_try("large", truncate("/run/large", write_file("/run/large", "x", 0644) + (1 << 20) + 1));
	act_without_answer(name);
	act(name);
	fprintf(stderr, "message of %s\n", name);
	puts(strcmp(name, "refuse") == 0 ? "refuse the lid is open" : "continue");
	return 0;
}
