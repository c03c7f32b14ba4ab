/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* floor.c - the least that could boot the benchmark's root: loads the modules of a list one
 * after the other, activates a verity table that was computed before, mounts, executes init.
 * It checks nothing and finds nothing: what we are slower than this is what safety costs. */
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char parameters[1024];
};

static _Noreturn void die(const char *what)
{
	perror(what);
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void load_modules(void)
{
	FILE *list = fopen("/floor/modules", "re");
	char path[256];

	while (list && fgets(path, sizeof(path), list)) {
		int fd;

		path[strcspn(path, "\n")] = '\0';
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0)
			die(path);
		close(fd);
	}
}

static void call(int control, unsigned long command, struct request *r, const char *what)
{
	r->head = (struct dm_ioctl){
		.version = { 4, 0, 0 },
		.data_size = sizeof(*r),
		.data_start = sizeof(r->head),
		.flags = DM_READONLY_FLAG,
		.target_count = command == DM_TABLE_LOAD,
		.name = "root",
	};
	if (ioctl(control, command, r) < 0)
		die(what);
}

/* /floor/table: the length in sectors, then the target's parameters. */
static dev_t activate(void)
{
	struct request r = { 0 };
	FILE *table = fopen("/floor/table", "re");
	unsigned long long sectors;
	int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);

	if (!table || fscanf(table, "%llu %1023[^\n]", &sectors, r.parameters) != 2)
		die("/floor/table");
	call(control, DM_DEV_CREATE, &r, "create");
	r.target = (struct dm_target_spec){ .length = sectors, .target_type = "verity" };
	call(control, DM_TABLE_LOAD, &r, "load");
	call(control, DM_DEV_SUSPEND, &r, "resume");
	return (dev_t)r.head.dev;
}

int main(void)
{
	dev_t dev;

	mkdir("/dev", 0755);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	load_modules();
	dev = activate();
	if (mknod("/dev/root", S_IFBLK | 0600, dev) < 0)
		die("mknod");
	if (mount("/dev/root", "/sysroot", "erofs", MS_RDONLY, NULL) < 0)
		die("mount");
	if (mount("/dev", "/sysroot/dev", NULL, MS_MOVE, NULL) < 0 || chdir("/sysroot") < 0 ||
	    mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
		die("switch");
	execl("/usr/lib/systemd/systemd", "init", (char *)NULL);
	die("exec");
}
