/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The module lists are real (tests/data/modules/make); the kernel is not. */
#define _GNU_SOURCE
#include "tests/unit/unit.h"

#include <errno.h>
#include <semaphore.h>
#include <time.h>

#include "init/core/clock.h"
#include "modules/kernel/graph.h"
#include "modules/kernel/loader.h"
#include "tests/unit/tree.h"

static const char *const config[] = { "tests/data/modules/modprobe.d", NULL };

/* The module whose load fails is named by fail. */
static const struct {
	const char *wish;
	bool device;
	const char *fail;
	const char *order; /* in which one worker loads */
	bool known;
	int errnum; /* of the first match */
} cases[] = {
	{ "base", false, NULL, "base", true, 0 },
	/* What holds up most comes first: left is larger than right. */
	{ "top", false, NULL, "base left right top", true, 0 },
	{ "fs-topfs", false, NULL, "base left right top", true, 0 },
	{ "shortcut", false, NULL, "base left right top", true, 0 },
	{ "virtio:d00000002v00001AF4", true, NULL, "base left right top", true, 0 },
	/* A failure takes along what needs the module, and nothing else. */
	{ "top", false, "base", "base", true, EIO },
	{ "top", false, "left", "base left right", true, EIO },
	/* Soft dependencies come before and after; a circle of them is no harm, nor is
	 * a failure, nor an install command. */
	{ "pci:v00001AF4d00001001sv00001AF4sd2", true, NULL, "helper disk after", true, 0 },
	{ "disk", false, "helper", "helper disk after", true, 0 },
	{ "disk", false, "disk", "helper disk", true, EIO },
	{ "helper", false, NULL, "disk helper after", true, 0 },
	{ "pci:v000010DEd00001234", true, NULL, "", false, 0 },
	{ "pci:v000010DEd00001234", false, NULL, "display", true, 0 },
	{ "display", false, NULL, "display", true, 0 },
	{ "crypto-hash", false, NULL, "hash_fast hash_generic", true, 0 },
	{ "hash-fast", false, NULL, "hash_fast", true, 0 },
	{ "inside", false, NULL, "", true, 0 },
	{ "fs-insidefs", false, NULL, "", true, 0 },
	{ "gone", false, NULL, "", true, ENOENT },
	/* libkmod drops dependencies whose file is missing: the kernel will refuse. */
	{ "widow", false, "widow", "widow", true, EIO },
	{ "nothing", false, NULL, "", false, 0 },
	{ "", false, NULL, "", false, 0 },
};

/* Loads all that is ready, one by one, and writes down the order. */
static void drain(struct graph *g, const char *fail, char *ret, size_t max)
{
	struct module *m;

	ret[0] = '\0';
	while ((m = graph_take(g))) {
		size_t n = strlen(ret);

		snprintf(ret + n, max - n, "%s%s", n ? " " : "", m->name);
		graph_finish(g, m, fail && strcmp(m->name, fail) == 0 ? EIO : 0);
	}
}

static void graph_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct graph g = { 0 };
		struct matches matches;
		struct err e;
		char order[256];

		assert_code(graph_open(&g, "tests/data/modules/first", config, &e), &e, ERR_NONE, "open");
		assert_code(graph_add(&g, cases[i].wish, cases[i].device ? WISH_DEVICE : WISH_LISTED, &matches, &e), &e, ERR_NONE,
			    cases[i].wish);
		drain(&g, cases[i].fail, order, sizeof(order));
		if (strcmp(order, cases[i].order) != 0)
			fail_msg("'%s': loaded '%s', expected '%s'", cases[i].wish, order, cases[i].order);
		if (matches.known != cases[i].known)
			fail_msg("'%s': known: %d", cases[i].wish, matches.known);
		if (matches.n && (matches.modules[0]->state != MODULE_DONE ||
				  matches.modules[0]->errnum != cases[i].errnum))
			fail_msg("'%s': ended with %d", cases[i].wish, matches.modules[0]->errnum);
		graph_done(&g);
	}
}

/* ---- modules that no list has ---- */

/* A module's file: nothing but a section .modinfo, whose strings info has, each with its NUL. */
static void write_module(const char *folder, const char *file, const char *info, size_t n)
{
	static const char names[] = "\0.names\0.modinfo";
	struct { Elf64_Ehdr head; Elf64_Shdr table[3]; char names[20]; char info[128]; } f = {
		.head = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB },
			  .e_shoff = offsetof(typeof(f), table), .e_shentsize = sizeof(Elf64_Shdr),
			  .e_shnum = 3, .e_shstrndx = 1 },
		.table = { { 0 },
			   { .sh_name = 1, .sh_type = SHT_STRTAB,
			     .sh_offset = offsetof(typeof(f), names), .sh_size = sizeof(names) },
			   { .sh_name = 8, .sh_type = SHT_PROGBITS,
			     .sh_offset = offsetof(typeof(f), info), .sh_size = n } },
	};
	char path[256];
	struct err e;

	assert_true(n <= sizeof(f.info));
	memcpy(f.names, names, sizeof(names));
	memcpy(f.info, info, n);
	snprintf(path, sizeof(path), "%s/%s", folder, file);
	assert_code(file_write(path, 0644, &f, sizeof(f), &e), &e, ERR_NONE, file);
}

#define MODULE(file, info) write_module(folder, file, info, sizeof(info) - 1)

static const struct {
	const char *wish;
	bool device;
	const char *order;
	bool known;
	int errnum;
} unlisted_cases[] = {
	{ "new-disk", false, "new_help base new_disk", true, 0 },
	{ "pci:v0000AAAAd00000001", true, "new_help base new_disk", true, 0 },
	{ "of:Nxdisk-a", true, "new_help base new_disk", true, 0 },
	{ "circle-a", false, "circle_b circle_a", true, 0 },
	{ "lost", false, "", true, ENOENT },
	{ "unwanted", true, "", false, 0 },
	{ "unwanted", false, "unwanted", true, 0 },
	/* What the lists have is theirs, whatever another file of that name says. */
	{ "pci:v0000BBBBd00000001", true, "", false, 0 },
	{ "pci:v00001AF4d00001001sv1", true, "helper disk after", true, 0 },
	/* Compressed, damaged. */
	{ "packed", false, "", false, 0 },
	{ "damaged", false, "", false, 0 },
};

static void fill_unlisted(const char *folder)
{
	struct err e;
	char path[128];

	MODULE("new-disk.ko", "name=new_disk\0alias=pci:v0000AAAAd*\0alias=of:N*disk_[a-c]\0"
			      "depends=base,new_help\0");
	MODULE("new_help.ko", "depends=\0");
	MODULE("circle-a.ko", "depends=circle_b\0");
	MODULE("circle-b.ko", "depends=circle_a\0");
	MODULE("lost.ko", "depends=nowhere\0");
	MODULE("unwanted.ko", "description=x\0");
	MODULE("disk.ko", "alias=pci:v0000BBBBd*\0");
	MODULE("packed.ko.xz", "depends=\0");
	snprintf(path, sizeof(path), "%s/damaged.ko", folder);
	assert_code(file_write(path, 0644, "\x7f" "ELF", 4, &e), &e, ERR_NONE, path);
	snprintf(path, sizeof(path), "%s/unwanted.conf", folder);
	assert_code(file_write(path, 0644, "blacklist unwanted\n", 19, &e), &e, ERR_NONE, path);
}

static void modules_in_no_list(void **state)
{
	static const char *const lines[] = { "d deep/er", NULL };
	char top[32], folder[64];
	const char *const configs[] = { "tests/data/modules/modprobe.d", folder, NULL };
	char order[256];

	(void)state;
	tree_make(lines, top);
	snprintf(folder, sizeof(folder), "%s/deep/er", top);
	fill_unlisted(folder);
	for (size_t i = 0; i < sizeof(unlisted_cases) / sizeof(*unlisted_cases); i++) {
		struct graph g = { 0 };
		struct matches m;
		struct err e;

		assert_code(graph_open(&g, "tests/data/modules/first", configs, &e), &e, ERR_NONE, "open");
		graph_scan(&g, top);
		graph_scan(&g, top);
		assert_code(graph_add(&g, unlisted_cases[i].wish, unlisted_cases[i].device ? WISH_DEVICE : WISH_LISTED, &m, &e), &e,
			    ERR_NONE, unlisted_cases[i].wish);
		drain(&g, NULL, order, sizeof(order));
		if (strcmp(order, unlisted_cases[i].order) != 0 || m.known != unlisted_cases[i].known ||
		    (m.n && m.modules[0]->errnum != unlisted_cases[i].errnum))
			fail_msg("'%s': loaded '%s', known: %d", unlisted_cases[i].wish, order, m.known);
		graph_done(&g);
	}
	tree_remove(top);
}

static void graph_keeps_what_it_has(void **state)
{
	struct graph g = { 0 };
	struct matches m;
	struct err e;
	char order[256];

	(void)state;
	assert_code(graph_add(&g, "top", WISH_LISTED, &m, &e), &e, ERR_NONE, "no lists");
	assert_false(m.known);
	assert_code(graph_open(&g, "tests/data/modules/first", config, &e), &e, ERR_NONE, "open");
	assert_code(graph_add(&g, "disk", WISH_LISTED, &m, &e), &e, ERR_NONE, "disk");
	assert_string_equal(m.modules[0]->options, "speed=3 colour=red");
	assert_code(graph_add(&g, "top", WISH_LISTED, &m, &e), &e, ERR_NONE, "top");
	drain(&g, "top", order, sizeof(order));
	assert_code(graph_add(&g, "top", WISH_LISTED, &m, &e), &e, ERR_NONE, "top again");
	assert_int_equal(graph_count_ready(&g), 0);
	/* New lists: what was loaded stays so, what failed may be tried again. */
	assert_code(graph_open(&g, "tests/data/modules/extended", config, &e), &e, ERR_NONE, "again");
	assert_code(graph_add(&g, "fs-latefs", WISH_LISTED, &m, &e), &e, ERR_NONE, "late");
	drain(&g, NULL, order, sizeof(order));
	assert_string_equal(order, "late");
	assert_code(graph_add(&g, "top", WISH_LISTED, &m, &e), &e, ERR_NONE, "top at last");
	assert_code(graph_add(&g, "widow", WISH_LISTED, &m, &e), &e, ERR_NONE, "widow");
	drain(&g, NULL, order, sizeof(order));
	assert_string_equal(order, "top gone widow");
	graph_done(&g);
}

struct wishes {
	const char *name; /* what the order shows */
	struct {
		const char *wish;
		enum wish_kind kind;
	} add[3];
	const char *order;
};

#define DISK "pci:v00001AF4d00001001sv1"

static const struct wishes orders[] = {
	{ "what is listed first goes first",
	  { { "hash-fast", WISH_LISTED }, { "disk", WISH_LISTED } },
	  "hash_fast helper disk after" },
	{ "of drivers what holds up most, not what is found first",
	  { { "hash-fast", WISH_DEVICE }, { "disk", WISH_DEVICE } },
	  "helper disk hash_fast after" },
	{ "a driver goes before what is listed",
	  { { "left", WISH_LISTED }, { DISK, WISH_DEVICE } },
	  "helper disk base left after" },
	{ "a driver that is listed is as urgent, and so is what it needs",
	  { { "left", WISH_LISTED }, { "disk", WISH_LISTED }, { DISK, WISH_DEVICE } },
	  "helper disk base left after" },
	{ "what is awaited goes before drivers",
	  { { "left", WISH_LISTED }, { DISK, WISH_DEVICE }, { "left", WISH_AWAITED } },
	  "base left helper disk after" },
};

static void the_urgent_goes_first(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(orders) / sizeof(*orders); i++) {
		const struct wishes *w = &orders[i];
		struct graph g = { 0 };
		struct matches m;
		struct err e;
		char order[256];

		assert_code(graph_open(&g, "tests/data/modules/first", config, &e), &e, ERR_NONE, "open");
		for (size_t j = 0; j < 3 && w->add[j].wish; j++)
			assert_code(graph_add(&g, w->add[j].wish, w->add[j].kind, &m, &e), &e,
				    ERR_NONE, w->add[j].wish);
		drain(&g, NULL, order, sizeof(order));
		if (strcmp(order, w->order) != 0)
			fail_msg("%s: loaded '%s', expected '%s'", w->name, order, w->order);
		graph_done(&g);
	}
}

/* Two modules meet in insert(): each says so, and waits for the other. */
static sem_t meeting[2];

static int wait_up_to_10_s(sem_t *s)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 10;
	return sem_timedwait(s, &until) < 0 ? errno : 0;
}

static void close_loader(struct loader *l)
{
	struct err e;

	assert_code(loader_close(l, now_ms() + 10000, &e), &e, ERR_NONE, "close");
}

static int meet(const char *path, const char *options)
{
	bool one = strstr(path, "left.ko") || strstr(path, "hash-fast.ko");

	(void)options;
	if (!one && !strstr(path, "right.ko") && !strstr(path, "hash-generic.ko"))
		return 0;
	sem_post(&meeting[one]);
	return wait_up_to_10_s(&meeting[!one]);
}

static void loader_works_in_parallel(void **state)
{
	static const struct loader_setup setup = {
		"tests/data/modules/first", config, 2, meet,
	};
	struct loader *l;
	struct module_load *loads;
	struct news news;
	struct err e;

	(void)state;
	sem_init(&meeting[0], 0, 0);
	sem_init(&meeting[1], 0, 0);
	assert_code(news_init(&news, &e), &e, ERR_NONE, "news");
	assert_code(loader_open(&setup, &news, &l, &e), &e, ERR_NONE, "open");
	assert_int_equal(loader_spread(l, &e), 0);
	/* Both are queued at once; then base ends, and must wake a second worker. */
	assert_code(loader_require(l, "crypto-hash", now_ms() + 10000, &e), &e, ERR_NONE, "hash");
	assert_code(loader_require(l, "fs-topfs", now_ms() + 10000, &e), &e, ERR_NONE, "top");
	assert_int_equal(loader_require(l, "fs-topfs", now_ms() + 10000, &e), 1);
	assert_int_equal(loader_loaded(l, &loads), 6);
	assert_string_equal(loads[2].name, "base");
	assert_string_equal(loads[5].name, "top");
	assert_true(loads[5].start_us >= loads[4].start_us);
	free(loads);
	assert_int_equal(news_count(&news), 6);
	close_loader(l);
	news_done(&news);
}

static int refuse(const char *path, const char *options)
{
	(void)options;
	return strstr(path, "right.ko") ? EKEYREJECTED : strstr(path, "hash-fast.ko") ? ENODEV :
	       strstr(path, "widow.ko") ? ENOENT : 0;
}

static void loader_requires(void **state)
{
	static const struct { const char *wish; int rc; enum err_code code; } wishes[] = {
		{ "left", 1, ERR_NONE }, { "right", 0, ERR_MODULES }, { "fs-topfs", 0, ERR_MODULES },
		{ "crypto-hash", 1, ERR_NONE }, { "hash-fast", 0, ERR_MODULES }, { "inside", 1, ERR_NONE },
		{ "widow", 0, ERR_MODULES }, { "nothing", 0, ERR_NONE },
	};
	static const struct loader_setup setup = {
		"tests/data/modules/first", config, 1, refuse,
	};
	struct loader *l;
	struct news news;
	struct err e;

	(void)state;
	assert_code(news_init(&news, &e), &e, ERR_NONE, "news");
	assert_code(loader_open(&setup, &news, &l, &e), &e, ERR_NONE, "open");
	for (size_t i = 0; i < sizeof(wishes) / sizeof(*wishes); i++) {
		int rc = loader_require(l, wishes[i].wish, now_ms() + 10000, &e);

		assert_code(rc, &e, wishes[i].code, wishes[i].wish);
		if (rc >= 0 && rc != wishes[i].rc)
			fail_msg("'%s': %d", wishes[i].wish, rc);
	}
	close_loader(l);
	news_done(&news);
}

/* The lists come with an extension, over a folder that was not there. */
static void loader_reloads(void **state)
{
	static char lists[64];
	static const struct loader_setup setup = { lists, config, 2, refuse };
	static const char *const nothing[] = { NULL };
	char root[32], cwd[256], target[320];
	struct loader *l;
	struct module_load *loads;
	struct news news;
	struct err e;

	(void)state;
	tree_make(nothing, root);
	snprintf(lists, sizeof(lists), "%s/lists", root);
	assert_code(news_init(&news, &e), &e, ERR_NONE, "news");
	assert_code(loader_open(&setup, &news, &l, &e), &e, ERR_NONE, "open");
	assert_int_equal(loader_spread(l, &e), 0); /* nothing to spread yet */
	assert_int_equal(loader_want(l, "late", WISH_LISTED, &e), 0);
	assert_int_equal(loader_loaded(l, &loads), 0);
	snprintf(target, sizeof(target), "%s/tests/data/modules/extended", getcwd(cwd, sizeof(cwd)));
	assert_int_equal(symlink(target, lists), 0);
	assert_code(loader_reload(l, &e), &e, ERR_NONE, "reload");
	assert_int_equal(loader_require(l, "fs-latefs", now_ms() + 10000, &e), 1);
	close_loader(l);
	news_done(&news);
	tree_remove(root);
}

static sem_t started, go_on;

static int block(const char *path, const char *options)
{
	(void)path;
	(void)options;
	sem_post(&started);
	return wait_up_to_10_s(&go_on);
}

static void *let_go(void *arg)
{
	(void)arg;
	sem_post(&go_on);
	sem_post(&go_on); /* for left, if it comes to that */
	return NULL;
}

/* Closing waits for what the kernel is loading and drops the rest. */
static void loader_closes_in_flight(void **state)
{
	static const struct loader_setup setup = {
		"tests/data/modules/first", config, 2, block,
	};
	pthread_t helper;
	struct loader *l;
	struct news news;
	struct err e;

	(void)state;
	sem_init(&started, 0, 0);
	sem_init(&go_on, 0, 0);
	assert_code(news_init(&news, &e), &e, ERR_NONE, "news");
	assert_code(loader_open(&setup, &news, &l, &e), &e, ERR_NONE, "open");
	assert_int_equal(loader_want(l, "left", WISH_DEVICE, &e), 1);
	assert_int_equal(wait_up_to_10_s(&started), 0);
	assert_int_equal(pthread_create(&helper, NULL, let_go, NULL), 0);
	close_loader(l);
	pthread_join(helper, NULL);
	news_done(&news);
}

/* A driver that hangs must not hang the boot: its thread is left behind. */
static void loader_leaves_what_is_stuck(void **state)
{
	static const struct loader_setup setup = {
		"tests/data/modules/first", config, 2, block,
	};
	struct loader *l;
	struct news news;
	struct err e;

	(void)state;
	sem_init(&started, 0, 0);
	sem_init(&go_on, 0, 0);
	assert_code(news_init(&news, &e), &e, ERR_NONE, "news");
	assert_code(loader_open(&setup, &news, &l, &e), &e, ERR_NONE, "open");
	assert_int_equal(loader_want(l, "base", WISH_DEVICE, &e), 1);
	assert_int_equal(wait_up_to_10_s(&started), 0);
	assert_code(loader_require(l, "base", now_ms() + 20, &e), &e, ERR_MODULES, "require");
	assert_non_null(strstr(e.what, "load module 'base'"));
	assert_code(loader_close(l, now_ms() + 20, &e), &e, ERR_MODULES, "stuck");
	assert_string_equal(e.what, "module 'base' is still being loaded");
	sem_post(&go_on);
	close_loader(l);
	news_done(&news);
}

static void news_are_not_missed(void **state)
{
	struct news news;
	struct err e;
	uint64_t seen;

	(void)state;
	assert_code(news_init(&news, &e), &e, ERR_NONE, "news");
	seen = news_count(&news);
	assert_false(news_wait(&news, seen, 1));
	news_tell(&news);
	assert_true(news_wait(&news, seen, 10000));
	assert_false(news_wait(&news, news_count(&news), 0));
	news_done(&news);
}

/* A device that never rests: each look is followed by news. */
static int tell_and_look(void *arg, struct err *e)
{
	static unsigned n;

	(void)e;
	news_tell(arg);
	return ++n > 1000000; /* so that it fails instead of hanging */
}

static void waiting_ends_in_spite_of_news(void **state)
{
	struct news news;
	struct err e;

	(void)state;
	assert_code(news_init(&news, &e), &e, ERR_NONE, "news");
	assert_code(news_until(&news, tell_and_look, &news, "the disk", now_ms() + 20, &e), &e,
		    ERR_TIMEOUT, "restless");
	assert_string_equal(e.what, "waited 0 s for the disk in vain");
	news_done(&news);
}

static int count_looks(void *arg, struct err *e)
{
	(void)e;
	++*(unsigned *)arg;
	return 0;
}

/* What no event announces must not be found by chance at a line or at the end: so a lost event shows. */
static void waiting_looks_only_at_news(void **state)
{
	struct news news;
	unsigned looks = 0;
	struct err e;
	int rc;

	(void)state;
	assert_code(news_init(&news, &e), &e, ERR_NONE, "news");
	news_tell(&news);
	rc = news_until(&news, count_looks, &looks, "the disk", now_ms() + 20, &e);
	assert_code(rc, &e, ERR_TIMEOUT, "silence");
	assert_int_equal(looks, 1);
	news_done(&news);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_TEST(graph_cases), UNIT_TEST(modules_in_no_list), UNIT_TEST(graph_keeps_what_it_has),
		UNIT_TEST(the_urgent_goes_first),
		UNIT_TEST(loader_works_in_parallel), UNIT_TEST(loader_requires),
		UNIT_TEST(loader_reloads), UNIT_TEST(loader_closes_in_flight),
		UNIT_TEST(loader_leaves_what_is_stuck), UNIT_TEST(news_are_not_missed),
		UNIT_TEST(waiting_ends_in_spite_of_news),
		UNIT_TEST(waiting_looks_only_at_news),
	};

	return cmocka_run_group_tests_name("modules", tests, NULL, NULL);
}
