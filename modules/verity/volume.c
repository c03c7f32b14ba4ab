/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "modules/verity/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <libcryptsetup.h>
#include <libdevmapper.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "init/core/cleanup.h"
#include "init/core/file.h"
#include "init/core/log.h"
#include "modules/trust/policy.h"
#include "modules/verity/proof.h"
#include "modules/verity/superblock.h"

#ifndef CRYPT_ACTIVATE_ERROR_AS_CORRUPTION /* cryptsetup < 2.8 */
#define CRYPT_ACTIVATE_ERROR_AS_CORRUPTION UINT32_C(0)
#endif

enum { NAME_BYTES = 128 }; /* DM_NAME_LEN */

struct volume {
	char name[NAME_BYTES];
	char path[NAME_BYTES + sizeof("/dev/mapper/")];
	dev_t dev;
	enum proof proof;
	bool kernel_agrees;
	char signer[2 * FINGERPRINT_BYTES + 1];
	char root_hash[2 * VERITY_MAX_HASH_BYTES + 1];
};

/* One proof under way. */
struct attempt {
	const struct volume_request *request;
	struct verity_info info;
	struct crypt_device *cd;
	struct volume *volume;
	struct signer signer;
	int ours; /* what our certificates say of the signature, with the reason */
	struct err why;
};

static void attempt_done(struct attempt *a)
{
	crypt_free(a->cd);
	free(a->volume);
}

static void log_library(int level, const char *text, void *unused)
{
	(void)level;
	(void)unused;
	log_debug("cryptsetup: %.*s", (int)strcspn(text, "\n"), text);
}

/* libcryptsetup opens by path: it must lead to the very device that fd is. */
static int partition_path(const struct partition *p, int fd, char *ret, size_t max, struct err *e)
{
	struct stat by_fd, by_path;

	snprintf(ret, max, "/dev/%s", p->devname);
	if (fstat(fd, &by_fd) < 0 || stat(ret, &by_path) < 0)
		return err_set(e, errno_code(errno), errno, "look at '%s'", ret);
	if (!S_ISBLK(by_path.st_mode) || by_fd.st_rdev != by_path.st_rdev)
		return err_set(e, ERR_GPT_DISAGREES, 0,
			       "'%s' is not the partition that was checked", ret);
	return 0;
}

/* libcryptsetup reads the superblock once more: it must be the one that was checked. */
static bool is_same_superblock(struct crypt_device *cd, const struct verity_info *v)
{
	struct crypt_params_verity p = { 0 };

	return crypt_get_verity_info(cd, &p) == 0 && strcmp(p.hash_name, v->algorithm) == 0 &&
	       p.hash_type == v->hash_type && p.data_block_size == v->data_block_bytes &&
	       p.hash_block_size == v->hash_block_bytes && p.data_size == v->n_data_blocks &&
	       p.salt_size == v->salt_bytes && memcmp(p.salt, v->salt, v->salt_bytes) == 0;
}

static int load(struct attempt *a, const char *data, const char *hash, struct err *e)
{
	int rc;

	crypt_set_log_callback(NULL, log_library, NULL);
	rc = crypt_init_data_device(&a->cd, hash, data);
	if (rc < 0)
		return err_set(e, ERR_VERITY_FAILED, -rc, "open '%s' and '%s'", data, hash);
	crypt_set_log_callback(a->cd, log_library, NULL);
	rc = crypt_load(a->cd, CRYPT_VERITY, NULL);
	if (rc < 0)
		return err_set(e, ERR_VERITY_FAILED, -rc, "load the superblock of '%s'", hash);
	if (!is_same_superblock(a->cd, &a->info))
		return err_set(e, ERR_VERITY_SUPERBLOCK, 0,
			       "superblock of '%s' changed while it was read", hash);
	return 0;
}

static int prepare(struct attempt *a, struct err *e)
{
	const struct volume_request *q = a->request;
	SCOPED(fd_close) int data_fd = -1;
	SCOPED(fd_close) int hash_fd = -1;
	struct proof_source source;
	char data[48], hash[48];
	int rc;

	data_fd = disk_open_partition(q->disk, q->set->data, e);
	if (data_fd < 0)
		return data_fd;
	hash_fd = disk_open_partition(q->disk, q->set->hash, e);
	if (hash_fd < 0)
		return hash_fd;
	source = (struct proof_source){ .data_fd = data_fd, .hash_fd = hash_fd };
	rc = proof_superblock(q->set, q->disk->sector_bytes, &source, &a->info, e);
	if (rc < 0)
		return rc;
	/* Before activation, because afterwards corruption may stop the machine. */
	rc = proof_content(q->set, &a->info, &source, false, e);
	if (rc < 0)
		return rc;
	rc = partition_path(q->set->data, data_fd, data, sizeof(data), e);
	if (rc < 0)
		return rc;
	rc = partition_path(q->set->hash, hash_fd, hash, sizeof(hash), e);
	if (rc < 0)
		return rc;
	return load(a, data, hash, e);
}

static bool is_active(struct attempt *a)
{
	crypt_status_info status = crypt_status(a->cd, a->volume->name);

	return status == CRYPT_ACTIVE || status == CRYPT_BUSY;
}

static void deactivate(struct attempt *a)
{
	if (is_active(a) && crypt_deactivate_by_name(a->cd, a->volume->name, 0) < 0)
		crypt_deactivate_by_name(a->cd, a->volume->name, CRYPT_DEACTIVATE_DEFERRED);
}

/* Returns 0 or a negative errno, and then leaves no device. */
static int activate_with(struct attempt *a, bool with_signature, uint32_t flags)
{
	const struct verity_set *set = a->request->set;
	const char *der = with_signature ? (const char *)set->parsed.der : NULL;
	int rc = crypt_activate_by_signed_key(a->cd, a->volume->name, (const char *)set->root_hash,
					      set->root_hash_bytes, der,
					      der ? set->parsed.der_bytes : 0,
					      CRYPT_ACTIVATE_READONLY | flags);

	if (rc < 0)
		deactivate(a);
	return rc < 0 ? rc : 0;
}

/* Where corruption stops the machine, so do read errors if the kernel can (6.12). An option
 * that the kernel does not know looks like any other refusal. */
static int activate(struct attempt *a, bool with_signature)
{
	static const uint32_t modes[] = {
		[ON_CORRUPTION_ERROR] = 0,
		[ON_CORRUPTION_RESTART] = CRYPT_ACTIVATE_RESTART_ON_CORRUPTION,
		[ON_CORRUPTION_PANIC] = CRYPT_ACTIVATE_PANIC_ON_CORRUPTION,
	};
	uint32_t stop = modes[a->request->on_corruption];
	int rc = activate_with(a, with_signature,
			       stop ? stop | CRYPT_ACTIVATE_ERROR_AS_CORRUPTION : 0);

	if (!stop || (rc != -EINVAL && rc != -EBUSY))
		return rc;
	rc = activate_with(a, with_signature, stop);
	if (rc == 0)
		log_warning("the kernel cannot treat read errors of '%s' as corruption, continuing "
			    "without",
			    a->request->name);
	return rc;
}

/* libcryptsetup says EBUSY for every refusal that it has no name for, a bad signature
 * among them; these few are surely of another kind. */
static bool is_no_verdict(int errnum)
{
	return errnum == ENOTSUP || errnum == ENODEV || errnum == ENXIO || errnum == ENOMEM;
}

/* The kernel's result is not enough, and there is no second opinion. */
static int only_the_kernel(const struct volume_request *q, int kernel, struct err *e)
{
	const char *why = q->allow_user_space ? "this initrd has no certificates" :
						"user space may not check it";

	if (kernel == 0)
		return err_set(e, ERR_SIGNATURE_UNTRUSTED, 0,
			       "the kernel accepts the signature of '%s', but %s, and %s", q->name,
			       q->secure_boot ? "certificates are denied, and it does not say whose "
						"it is" :
						"Secure Boot is off",
			       why);
	return err_set(e, is_no_verdict(-kernel) ? ERR_VERITY_FAILED : ERR_SIGNATURE_UNTRUSTED,
		       kernel == -EBUSY ? 0 : -kernel,
		       "the kernel does not accept the signature of '%s', and %s", q->name, why);
}

/* The kernel does not say who signed, so where certificates are denied its yes is not enough. */
static bool denies(const struct volume_request *q)
{
	return q->anchors && anchors_deny(q->anchors);
}

static bool has_certificates(const struct volume_request *q)
{
	return q->allow_user_space && q->anchors && anchors_count(q->anchors);
}

/* Before the driver is awaited: it takes its time, too. */
static void check_certificates(struct attempt *a)
{
	const struct volume_request *q = a->request;

	a->signer.known_to_kernel = true;
	if (q->set->signature && has_certificates(q))
		a->ours = proof_signature(q->set, q->anchors, &a->signer, &a->why);
}

static int activate_unsigned(struct attempt *a, struct err *e)
{
	int rc = activate(a, false);

	if (rc == -ENOKEY) /* dm_verity.require_signatures=1 */
		return err_set(
			e, ERR_SIGNATURE_UNTRUSTED, -rc,
			"the kernel requires a signature of '%s' by a key in its own keyrings",
			a->request->name);
	if (rc < 0)
		return err_set(e, ERR_VERITY_FAILED, -rc, "activate '%s'", a->request->name);
	return 0;
}

/* The kernel's word comes first: only a device that it found signed itself satisfies its
 * security modules. It is not asked for what it cannot know. Without Secure Boot anybody could
 * have put keys into its keyrings, so then our certificates must agree. */
static int prove_signed(struct attempt *a, struct err *e)
{
	const struct volume_request *q = a->request;
	int kernel;

	if (a->ours == -(int)ERR_DENIED) {
		*e = a->why;
		return a->ours;
	}
	kernel = a->signer.known_to_kernel ? activate(a, true) : -ENOKEY;
	a->volume->kernel_agrees = kernel == 0;
	if (kernel == 0 && q->secure_boot && !denies(q)) {
		a->volume->proof = PROOF_KERNEL;
		return 0;
	}
	if (kernel < 0)
		log_debug("the kernel %s the signature of '%s': %s",
			  a->signer.known_to_kernel ? "does not accept" : "is not asked about",
			  q->name, strerror(-kernel));
	if (!has_certificates(q))
		a->ours = only_the_kernel(q, kernel, &a->why);
	if (a->ours < 0) {
		deactivate(a);
		*e = a->why;
		return a->ours;
	}
	a->volume->proof = PROOF_CERTIFICATE;
	hex_encode(a->signer.fingerprint, sizeof(a->signer.fingerprint), a->volume->signer);
	return kernel == 0 ? 0 : activate_unsigned(a, e);
}

static int prove(struct attempt *a, struct err *e)
{
	const struct volume_request *q = a->request;
	int rc;

	check_certificates(a);
	rc = q->await_driver ? q->await_driver(q->arg, e) : 0;
	if (rc < 0)
		return rc;
	if (is_active(a))
		return err_set(e, ERR_NAME_TAKEN, 0, "device '%s' exists already", a->volume->path);
	if (q->set->signature)
		return prove_signed(a, e);
	if (!q->root_hash_trusted)
		return err_set(e, ERR_SIGNATURE_MISSING, 0, "root hash of '%s' (%s) is not signed",
			       q->set->data->label, q->set->data->devname);
	a->volume->proof = PROOF_ROOT_HASH;
	return activate_unsigned(a, e);
}

static void task_free(struct dm_task **task)
{
	if (*task)
		dm_task_destroy(*task);
}

/* The status of a verity target is V until a block did not match, then C. */
static int check_status(const struct volume *v, struct err *e)
{
	SCOPED(task_free) struct dm_task *task = dm_task_create(DM_DEVICE_STATUS);
	char *type = NULL, *status = NULL;
	uint64_t start, length;

	if (!task || !dm_task_set_name(task, v->name) || !dm_task_run(task))
		return err_set(e, ERR_VERITY_FAILED, 0, "ask for the state of '%s'", v->path);
	dm_get_next_target(task, NULL, &start, &length, &type, &status);
	if (!type || strcmp(type, "verity") != 0 || !status)
		return err_set(e, ERR_VERITY_FAILED, 0, "'%s' is no verity device", v->path);
	if (*status != 'V')
		return err_set(e, ERR_VERITY_CORRUPTED, 0, "the kernel found '%s' corrupted", v->path);
	return 0;
}

/* The kernel activates with any root hash: one read through the device and its status show
 * that the one it was given holds. */
static int check_device(struct attempt *a, struct err *e)
{
	SCOPED(fd_close) int fd = open(a->volume->path, O_RDONLY | O_CLOEXEC);
	uint8_t sector[512];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode))
		return err_set(e, ERR_VERITY_FAILED, errno, "open '%s'", a->volume->path);
	if (pread_full(fd, sector, sizeof(sector), 0, e) < 0)
		return err_set(e, ERR_VERITY_CORRUPTED, e->errnum, "read '%s'", a->volume->path);
	a->volume->dev = st.st_rdev;
	return check_status(a->volume, e);
}

static int start(struct attempt *a, struct err *e)
{
	const struct volume_request *q = a->request;
	int rc = proof_not_denied(q->set, q->denied_root_hashes, e);

	if (rc < 0)
		return rc;
	if (!q->set->root_hash_bytes || !q->set->hash)
		return err_set(e, ERR_ROOT_UNPROTECTED, 0,
			       "nothing proves the content of '%s' (%s)", q->set->data->label,
			       q->set->data->devname);
	if (!*q->name || strlen(q->name) >= NAME_BYTES)
		return err_set(e, ERR_VERITY_FAILED, 0, "'%s' is no name for a device", q->name);
	a->volume = calloc(1, sizeof(*a->volume));
	if (!a->volume)
		return err_set(e, ERR_MEMORY, 0, "no memory for volume '%s'", q->name);
	snprintf(a->volume->name, sizeof(a->volume->name), "%s", q->name);
	snprintf(a->volume->path, sizeof(a->volume->path), "/dev/mapper/%s", q->name);
	hex_encode(q->set->root_hash, q->set->root_hash_bytes, a->volume->root_hash);
	return prepare(a, e);
}

int volume_prove(const struct volume_request *request, struct volume **ret, struct err *e)
{
	SCOPED(attempt_done) struct attempt a = { .request = request };
	int rc = start(&a, e);

	if (rc < 0)
		return rc;
	rc = prove(&a, e);
	if (rc < 0)
		return rc;
	rc = check_device(&a, e);
	if (rc < 0) {
		deactivate(&a);
		return rc;
	}
	*ret = ptr_take(&a.volume);
	return 0;
}

const char *volume_path(const struct volume *v)
{
	return v->path;
}

dev_t volume_dev(const struct volume *v)
{
	return v->dev;
}

const char *volume_root_hash(const struct volume *v)
{
	return v->root_hash;
}

enum proof volume_proof(const struct volume *v)
{
	return v->proof;
}

unsigned volume_uses(const struct volume *v)
{
	return USE_VERITY | (v->proof == PROOF_ROOT_HASH ? 0 : USE_SIGNED);
}

bool volume_kernel_agrees(const struct volume *v)
{
	return v->kernel_agrees;
}

const char *volume_signer(const struct volume *v)
{
	return v->signer;
}

void volume_close(struct volume *v)
{
	if (!v)
		return;
	if (crypt_deactivate_by_name(NULL, v->name, CRYPT_DEACTIVATE_DEFERRED) < 0)
		log_warning("'%s' cannot be taken down, leaving it", v->path);
	free(v);
}
