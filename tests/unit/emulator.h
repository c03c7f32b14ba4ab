/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* emulator.h - a TPM for unit tests: swtpm over a socket pair, or one that answers what it is
 * told to. Include after "#define _GNU_SOURCE" and unit.h. */
#pragma once

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <tss2/tss2_esys.h>
#include <unistd.h>

#include "init/core/bytes.h"
#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "modules/tpm/command.h"
#include "modules/tpm/tcti.h"
#include "tests/unit/tree.h"

enum { ALL_BANKS = TPM_BANK_SHA1 | TPM_BANK_SHA256 | TPM_BANK_SHA384 | TPM_BANK_SHA512 };

struct wire {
	TSS2_TCTI_CONTEXT_COMMON_V2 common;
	int fd;                 /* of swtpm, or -1 */
	struct bytes answer;    /* instead: the answer to everything */
	struct bytes after;     /* from the second command on, if set */
	struct bytes reply;     /* to the command that was sent, if it is not swtpm's */
	bool no_ecc;            /* swtpm knows no elliptic curve */
	unsigned *n_sent;
	struct tap *tap;
};

/* Somebody on the wire between us and swtpm, at one command of a kind. */
struct tap {
	uint32_t code;       /* of the command */
	size_t spoil_at;     /* its answer has another bit there, if not 0 */
	struct bytes before; /* another command comes before it, once */
	uint32_t last;       /* code of the command that was sent */
	unsigned n;          /* how many of this kind there were */
	size_t n_heard;      /* of all that went both ways */
	uint8_t heard[65536];
};

#define BYTES(text) { (const uint8_t *)(text), sizeof(text) - 1 }
/* Two resets, one restart. */
#define CLOCK BYTES("\x80\x01\0\0\0\x23\0\0\0\0" "12345678" "12345678" "\0\0\0\2" "\0\0\0\1" "\1")

static inline void tap_hear(struct tap *tap, const uint8_t *p, size_t n)
{
	assert_true(tap->n_heard + n <= sizeof(tap->heard));
	memcpy(tap->heard + tap->n_heard, p, n);
	tap->n_heard += n;
}

static inline void tap_send(struct wire *w, const uint8_t *p, size_t n)
{
	uint8_t answer[4096];

	tap_hear(w->tap, p, n);
	w->tap->last = (uint32_t)p[6] << 24 | (uint32_t)p[7] << 16 | (uint32_t)p[8] << 8 | p[9];
	if (w->tap->last != w->tap->code || w->tap->n++ > 0 || !w->tap->before.p)
		return;
	assert_int_equal(write_full(w->fd, w->tap->before.p, w->tap->before.n), 0);
	assert_in_range(read(w->fd, answer, sizeof(answer)), 10, sizeof(answer));
	assert_memory_equal(answer + 6, "\0\0\0\0", 4);
}

static inline void tap_receive(struct tap *tap, uint8_t *p, size_t n)
{
	tap_hear(tap, p, n);
	if (tap->last == tap->code && tap->spoil_at && tap->spoil_at < n)
		p[tap->spoil_at] ^= 1;
}

static inline TSS2_RC wire_transmit(TSS2_TCTI_CONTEXT *c, size_t n, const uint8_t *p)
{
	struct wire *w = (struct wire *)c;

	/* A sound TPM is asked for its clock when it is opened; that is not counted. */
	static const uint8_t read_clock[] = { 0, 0, 0x01, 0x81 };

	w->reply = (struct bytes){ 0 };
	if (w->no_ecc && n == 67 && p[36] == TPM2_ALG_ECC) {
		w->reply = (struct bytes)BYTES("\x80\x01\0\0\0\x0a\0\0\x02\xe6");
		return TSS2_RC_SUCCESS;
	}
	if (w->answer.p && n == 10 && memcmp(p + 6, read_clock, 4) == 0) {
		w->reply = (struct bytes)CLOCK;
	} else {
		if (w->n_sent && (*w->n_sent)++ == 1 && w->after.p)
			w->answer = w->after;
		w->reply = w->answer;
	}
	if (w->tap)
		tap_send(w, p, n);
	return w->fd < 0 || write_full(w->fd, p, n) == 0 ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_IO_ERROR;
}

static inline TSS2_RC wire_receive(TSS2_TCTI_CONTEXT *c, size_t *n, uint8_t *p, int32_t timeout_ms)
{
	struct wire *w = (struct wire *)c;
	struct pollfd ready = { .fd = w->fd, .events = POLLIN };
	ssize_t got;

	/* No wait for ever: a TPM that hangs must not hang the boot. */
	assert_in_range(timeout_ms, 0, 120000);
	if (!p) {
		*n = 4096;
		return TSS2_RC_SUCCESS;
	}
	if (w->fd < 0 || w->reply.p) {
		if (!w->reply.p)
			return TSS2_TCTI_RC_IO_ERROR;
		memcpy(p, w->reply.p, w->reply.n);
		*n = w->reply.n;
		return TSS2_RC_SUCCESS;
	}
	if (poll(&ready, 1, timeout_ms) != 1)
		return TSS2_TCTI_RC_TRY_AGAIN;
	got = read(w->fd, p, *n); /* swtpm writes an answer at once */
	if (got < 10)
		return TSS2_TCTI_RC_IO_ERROR;
	*n = (size_t)got;
	if (w->tap)
		tap_receive(w->tap, p, *n);
	return TSS2_RC_SUCCESS;
}

static inline void wire_finalize(TSS2_TCTI_CONTEXT *c)
{
	fd_close(&((struct wire *)c)->fd);
}

static inline TSS2_TCTI_CONTEXT *wire_new(const struct wire *from)
{
	struct wire *w = malloc(sizeof(*w));

	assert_non_null(w);
	*w = *from;
	w->common.v1.magic = 0x736c697077617900;
	w->common.v1.version = 2;
	w->common.v1.transmit = wire_transmit;
	w->common.v1.receive = wire_receive;
	w->common.v1.finalize = wire_finalize;
	return (TSS2_TCTI_CONTEXT *)w;
}

/* One running swtpm with its folder. */
struct emulator {
	char root[32], log[64];
	int fd; /* the tests' end, duplicated for each connection */
	int its_fd;
	pid_t pid;
};

static inline void run_swtpm(int fd, const char *root, const char *flags)
{
	char fd_text[16], state[64];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(fd_text, sizeof(fd_text), "%d", fd);
	snprintf(state, sizeof(state), "dir=%s", root);
	execlp("swtpm", "swtpm", "socket", "--tpm2", "--fd", fd_text, "--tpmstate", state, "--flags",
	       flags, (char *)NULL);
	_exit(127);
}

static inline void emulator_power_on(struct emulator *em, const char *flags)
{
	em->pid = fork();
	assert_true(em->pid >= 0);
	if (em->pid == 0) {
		close(em->fd);
		run_swtpm(em->its_fd, em->root, flags);
	}
}

static inline void emulator_power_off(struct emulator *em)
{
	kill(em->pid, SIGKILL);
	waitpid(em->pid, NULL, 0);
}

/* With the state of another one, of which this is the file, or a new one. False if there is no swtpm
 * here. */
static inline bool emulator_start_with(struct emulator *em, const char *state)
{
	static const char *const nothing[] = { NULL };
	SCOPED(mem_free) char *content = NULL;
	char path[64];
	struct err e;
	int pair[2];
	size_t n;

	if (system("command -v swtpm >/dev/null") != 0)
		return false;
	tree_make(nothing, em->root);
	snprintf(em->log, sizeof(em->log), "%s/run/log/measure.log", em->root);
	if (state) {
		snprintf(path, sizeof(path), "%s/tpm2-00.permall", em->root);
		assert_code(file_read(AT_FDCWD, state, 65536, &content, &n, &e), &e, ERR_NONE, state);
		assert_code(file_write(path, 0600, content, n, &e), &e, ERR_NONE, path);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	em->fd = pair[0];
	em->its_fd = pair[1];
	emulator_power_on(em, "not-need-init,startup-clear");
	return true;
}

static inline bool emulator_start(struct emulator *em)
{
	return emulator_start_with(em, NULL);
}

static inline void emulator_stop(struct emulator *em)
{
	emulator_power_off(em);
	close(em->fd);
	close(em->its_fd);
	tree_remove(em->root);
}

static inline struct tpm *connect_with(const struct emulator *em, uint32_t banks, bool no_ecc)
{
	struct wire w = { .fd = dup(em->fd), .no_ecc = no_ecc };
	struct tpm *t = NULL;
	struct err e;

	assert_code(tpm_open_tcti(wire_new(&w), banks, 11, em->log, &t, &e), &e, ERR_NONE, "open");
	return t;
}

static inline struct tpm *connect_to(const struct emulator *em, uint32_t banks)
{
	return connect_with(em, banks, false);
}

/* So many, and so long until one of them is forgotten; those that there were count on. */
static inline void allow_wrong_passwords(struct tpm *t, unsigned n, unsigned interval_s)
{
	struct command c;

	command_begin_with(&c, true, TPM2_CC_DictionaryAttackParameters, TPM2_RH_LOCKOUT);
	command_put_authorization(&c, COMMAND_PASSWORD);
	command_put_32(&c, n);
	command_put_32(&c, interval_s);
	command_put_32(&c, 9);
	assert_int_equal(command_do(t, &c), TSS2_RC_SUCCESS);
}
