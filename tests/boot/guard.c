/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An allocator in place of the C library's, for a build of init that must not hide a mistake: each
 * allocation has pages of its own, ends at a page that nobody may touch, and is never used again.
 *
 * Reading or writing beyond it, or after it was freed, ends the program at once; a byte that was
 * written before it, or in the few behind it up to a multiple of 16, when it is freed. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, ALIGNMENT = 16, FILL = 0xa5 };

/* At the start of the first page. */
struct head {
	uint64_t magic; /* with the address, so that no copy of one passes */
	size_t n, n_mapped; /* as asked for; with the last page, the guard */
	uint8_t *p;
};

#define MAGIC UINT64_C(0x534c49505741597e)

static struct head *head_of(const uint8_t *p)
{
	uintptr_t at = ((uintptr_t)p - sizeof(struct head)) & ~(uintptr_t)(PAGE - 1);
	struct head *h = (struct head *)at;

	/* One that is aligned to more than a page may lie further behind its head. */
	while (h->magic != (MAGIC ^ (uintptr_t)h))
		h = (struct head *)((uintptr_t)h - PAGE);
	if (h->p != p)
		__builtin_trap();
	return h;
}

/* The bytes around it that nobody was given. */
static void check(const struct head *h)
{
	const uint8_t *end = (const uint8_t *)h + h->n_mapped - PAGE;

	for (const uint8_t *c = (const uint8_t *)(h + 1); c < h->p; c++)
		if (*c != FILL)
			__builtin_trap();
	for (const uint8_t *c = h->p + h->n; c < end; c++)
		if (*c != FILL)
			__builtin_trap();
}

static void *allocate(size_t alignment, size_t n)
{
	size_t room = sizeof(struct head) + n + alignment, n_mapped = (room + PAGE - 1) / PAGE * PAGE + PAGE;
	struct head *h;
	uint8_t *map, *end;

	if (n > PTRDIFF_MAX / 2 || alignment > PTRDIFF_MAX / 2) {
		errno = ENOMEM;
		return NULL;
	}
	map = mmap(NULL, n_mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return NULL;
	end = map + n_mapped - PAGE;
	mprotect(end, PAGE, PROT_NONE);
	memset(map, FILL, (size_t)(end - map));
	h = (struct head *)map;
	*h = (struct head){
		.magic = MAGIC ^ (uintptr_t)h, .n = n, .n_mapped = n_mapped,
		.p = (uint8_t *)(((uintptr_t)end - n) & ~(uintptr_t)(alignment - 1)),
	};
	return h->p;
}

void *malloc(size_t n)
{
	return allocate(ALIGNMENT, n);
}

void *calloc(size_t n, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	p = malloc(bytes);
	return p ? memset(p, 0, bytes) : NULL;
}

/* The addresses are never given again. */
void free(void *p)
{
	int saved = errno;
	struct head *h;

	if (!p)
		return;
	h = head_of(p);
	check(h);
	mmap(h, h->n_mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
	errno = saved;
}

void *realloc(void *p, size_t n)
{
	const struct head *h = p ? head_of(p) : NULL;
	void *grown = malloc(n);

	if (!grown)
		return NULL;
	if (h)
		memcpy(grown, p, h->n < n ? h->n : n);
	free(p);
	return grown;
}

void *aligned_alloc(size_t alignment, size_t n)
{
	return allocate(alignment < ALIGNMENT ? ALIGNMENT : alignment, n);
}

int posix_memalign(void **ret, size_t alignment, size_t n)
{
	void *p = aligned_alloc(alignment, n);

	if (!p)
		return ENOMEM;
	*ret = p;
	return 0;
}

size_t malloc_usable_size(void *p)
{
	return p ? head_of(p)->n : 0;
}
