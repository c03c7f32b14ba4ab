/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mkinitrd/sbom.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <json-c/json.h>
#include <mbedtls/sha256.h>

#include "init/core/bytes.h"
#include "init/core/cleanup.h"
#include "init/core/text.h"
#include "mkinitrd/elf.h"

enum {
	SHA256_BYTES = 32,
	MAX_TEXT = 4096,
	FORMAT = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE,
};

#define MODULES "usr/lib/modules/"

/* What init is linked with, from ci/deps/lock. */
static const struct library {
	const char *name, *version, *tarball, *sha256, *licence;
} libraries[] = {
#define LIBRARY(...) { __VA_ARGS__ },
#include "build/gen/libraries.def"
#undef LIBRARY
};

enum { N_LIBRARIES = sizeof(libraries) / sizeof(*libraries) };

struct sbom {
	struct json_object *top;
	struct json_object *components; /* borrowed from top, as the next */
	struct json_object *needs_of_init;
	bool lost; /* memory was short */
};

static void sbom_done(struct sbom *b)
{
	json_object_put(b->top);
}

/* Takes the value. What cannot be stored is remembered, and asked for once, at the end. */
static struct json_object *put(struct sbom *b, struct json_object *o, const char *key,
			       struct json_object *value)
{
	int rc = -1;

	if (o && value)
		rc = json_object_is_type(o, json_type_array) ?
			     json_object_array_add(o, value) :
			     json_object_object_add(o, key, value);
	if (rc == 0)
		return value;
	b->lost = true;
	json_object_put(value);
	return NULL;
}

static struct json_object *put_object(struct sbom *b, struct json_object *o, const char *key)
{
	return put(b, o, key, json_object_new_object());
}

static struct json_object *put_array(struct sbom *b, struct json_object *o, const char *key)
{
	return put(b, o, key, json_object_new_array());
}

/* Names and what modules say of themselves are somebody else's, and need not be UTF-8. */
__attribute__((format(printf, 4, 5)))
static void put_text(struct sbom *b, struct json_object *o, const char *key, const char *fmt, ...)
{
	char text[MAX_TEXT + PATH_MAX];
	va_list words;

	va_start(words, fmt);
	vsnprintf(text, sizeof(text), fmt, words);
	va_end(words);
	text_sanitize(text);
	put(b, o, key, json_object_new_string(text));
}

static void put_sha256(struct sbom *b, struct json_object *o, const char *hex)
{
	struct json_object *hash = put_object(b, put_array(b, o, "hashes"), NULL);

	put_text(b, hash, "alg", "SHA-256");
	put_text(b, hash, "content", "%s", hex);
}

/* kind is "expression" for SPDX, or "name" for words of another kind. */
static void put_licence(struct sbom *b, struct json_object *o, const char *kind, const char *text)
{
	struct json_object *choice = put_object(b, put_array(b, o, "licenses"), NULL);

	if (strcmp(kind, "name") == 0)
		choice = put_object(b, choice, "license");
	put_text(b, choice, kind, "%s", text);
}

static void put_property(struct sbom *b, struct json_object *list, const char *name,
			 const char *slash, const char *value)
{
	struct json_object *o = put_object(b, list, NULL);

	put_text(b, o, "name", "slipway:%s", name);
	put_text(b, o, "value", "%s%s", slash, value);
}

static int sha256(const void *p, size_t n, char ret[static 2 * SHA256_BYTES + 1], struct err *e)
{
	uint8_t hash[SHA256_BYTES];

	if (mbedtls_sha256(p, n, hash, 0) != 0)
		return err_set(e, ERR_SYSTEM, 0, "hash what was packed");
	hex_encode(hash, sizeof(hash), ret);
	return 0;
}

static void add_library(struct sbom *b, const struct library *l)
{
	struct json_object *o = put_object(b, b->components, NULL), *source;

	put_text(b, o, "type", "library");
	put_text(b, o, "bom-ref", "%s@%s", l->name, l->version);
	put_text(b, o, "name", "%s", l->name);
	put_text(b, o, "version", "%s", l->version);
	put_licence(b, o, "expression", l->licence);
	put_text(b, o, "purl", "pkg:generic/%s@%s?checksum=sha256:%s", l->name, l->version,
		 l->sha256);
	source = put_object(b, put_array(b, o, "externalReferences"), NULL);
	put_text(b, source, "type", "source-distribution");
	put_text(b, source, "url", "%s", l->tarball);
	put_sha256(b, source, l->sha256);
	put_text(b, b->needs_of_init, NULL, "%s@%s", l->name, l->version);
}

/* Copies the text of a member of the JSON object in a package note. */
static bool note_member(const struct json_object *note, const char *key, char *ret, size_t n)
{
	struct json_object *value;

	return json_object_object_get_ex(note, key, &value) &&
	       json_object_is_type(value, json_type_string) &&
	       snprintf(ret, n, "%s", json_object_get_string(value)) < (int)n;
}

/* What the program says that it is; false if it says nothing. */
static bool read_note(const struct cpio_entry *init, char name[static 64], char version[static 64])
{
	struct json_tokener *tokener;
	struct json_object *note;
	struct bytes section, text;
	bool good;

	if (!elf_section((const uint8_t *)init->data, init->n_data, ".note.package", &section) ||
	    !elf_package_note(section, &text) || text.n > MAX_TEXT)
		return false;
	tokener = json_tokener_new_ex(4);
	if (!tokener)
		return false;
	note = json_tokener_parse_ex(tokener, (const char *)text.p, (int)text.n);
	good = json_object_is_type(note, json_type_object) && note_member(note, "name", name, 64) &&
	       note_member(note, "version", version, 64);
	json_object_put(note);
	json_tokener_free(tokener);
	return good;
}

/* A distribution adds its own revision: 1.2.3-4 is our 1.2.3. */
static bool of_this_version(const char *version)
{
	size_t n = strlen(SLIPWAY_VERSION);

	return strncmp(version, SLIPWAY_VERSION, n) == 0 &&
	       (!version[n] || !strchr(".0123456789", version[n]));
}

static void describe_init(struct sbom *b, struct json_object *o, const struct cpio_entry *entry)
{
	char name[64] = "init", version[64] = "";
	bool ours = read_note(entry, name, version) && strncmp(name, "slipway", 7) == 0;

	put_text(b, o, "type", "application");
	put_text(b, o, "name", "%s", name);
	if (*version)
		put_text(b, o, "version", "%s", version);
	if (!ours)
		return;
	put_licence(b, o, "expression", "LGPL-2.1-or-later");
	put_text(b, o, "purl", "pkg:generic/%s@%s", name, version);
	if (of_this_version(version))
		for (size_t n = 0; n < N_LIBRARIES; n++)
			add_library(b, &libraries[n]);
}

static bool in_module_folder(const struct cpio_entry *entry)
{
	return strncmp(entry->path, MODULES, strlen(MODULES)) == 0;
}

/* Its licence is told in the kernel's words, which are no SPDX expression. */
static void describe_module(struct sbom *b, struct json_object *o, const struct cpio_entry *entry)
{
	const char *file = strrchr(entry->path, '/') + 1, *kernel = entry->path + strlen(MODULES);
	const char *version = NULL, *licence = NULL;
	struct bytes info;

	if (elf_section((const uint8_t *)entry->data, entry->n_data, ".modinfo", &info)) {
		version = elf_modinfo(info, "version");
		licence = elf_modinfo(info, "license");
	}
	put_text(b, o, "type", "device-driver");
	put_text(b, o, "name", "%.*s", (int)(strlen(file) - 3), file);
	if (version)
		put_text(b, o, "version", "%s", version);
	else
		put_text(b, o, "version", "%.*s", (int)strcspn(kernel, "/"), kernel);
	if (licence)
		put_licence(b, o, "name", licence);
}

static bool is_module(const struct cpio_entry *entry)
{
	return in_module_folder(entry) &&
	       strcmp(entry->path + strlen(entry->path) - 3, ".ko") == 0;
}

static int add_file(struct sbom *b, const struct cpio_entry *entry, struct err *e)
{
	struct json_object *o = put_object(b, b->components, NULL), *properties;
	char hash[2 * SHA256_BYTES + 1];
	int rc = sha256(entry->data, entry->n_data, hash, e);

	put_text(b, o, "bom-ref", "/%s", entry->path);
	if (strcmp(entry->path, "init") == 0) {
		describe_init(b, o, entry);
	} else if (is_module(entry)) {
		describe_module(b, o, entry);
	} else {
		put_text(b, o, "type", "file");
		put_text(b, o, "name", "/%s", entry->path);
	}
	put_sha256(b, o, hash);
	properties = put_array(b, o, "properties");
	put_property(b, properties, "path", "/", entry->path);
	put_property(b, properties, "why", "", entry->why);
	return rc;
}

/* The versions of the kernels that the image has modules for, divided by spaces. */
static void put_kernels(struct sbom *b, struct json_object *o, const struct initrd *i)
{
	char versions[MAX_TEXT] = "";

	for (size_t n = 0; n < i->n; n++) {
		const struct cpio_entry *entry = &i->entries[n];
		size_t used = strlen(versions);
		const char *version;

		if (!S_ISDIR(entry->mode) || !in_module_folder(entry))
			continue;
		version = entry->path + strlen(MODULES);
		if (!strchr(version, '/'))
			snprintf(versions + used, sizeof(versions) - used, "%s%s", used ? " " : "",
				 version);
	}
	if (*versions)
		put_text(b, o, "version", "%s", versions);
}

static int put_metadata(struct sbom *b, const struct initrd *i, const struct buffer *image,
			uint32_t seconds, struct err *e)
{
	struct json_object *o = put_object(b, b->top, "metadata"), *tool;
	char hash[2 * SHA256_BYTES + 1], text[32];
	time_t when = seconds;
	struct tm tm;
	int rc = sha256(image->p, image->n, hash, e);

	if (seconds && gmtime_r(&when, &tm) && strftime(text, sizeof(text), "%FT%TZ", &tm))
		put_text(b, o, "timestamp", "%s", text);
	tool = put_object(b, put_array(b, put_object(b, o, "tools"), "components"), NULL);
	put_text(b, tool, "type", "application");
	put_text(b, tool, "name", "slipway-mkinitrd");
	put_text(b, tool, "version", SLIPWAY_VERSION);
	o = put_object(b, o, "component");
	put_text(b, o, "type", "operating-system");
	put_text(b, o, "bom-ref", "initrd");
	put_text(b, o, "name", "initrd");
	put_kernels(b, o, i);
	put_sha256(b, o, hash);
	return rc;
}

static void put_dependencies(struct sbom *b)
{
	struct json_object *list = put_array(b, b->top, "dependencies"), *o;

	o = put_object(b, list, NULL);
	put_text(b, o, "ref", "initrd");
	put_text(b, put_array(b, o, "dependsOn"), NULL, "/init");
	o = put_object(b, list, NULL);
	put_text(b, o, "ref", "/init");
	b->needs_of_init = put_array(b, o, "dependsOn");
}

/* The same document has the same number, whenever and wherever it is made: version 8 of
 * RFC 9562, from the digest of all but the number. */
static int put_serial_number(struct sbom *b, struct err *e)
{
	uint8_t hash[SHA256_BYTES];
	char text[UUID_TEXT_BYTES];
	struct uuid u;
	const char *document;
	size_t n;

	document = json_object_to_json_string_length(b->top, FORMAT, &n);
	if (!document || mbedtls_sha256((const unsigned char *)document, n, hash, 0) != 0)
		return err_set(e, ERR_MEMORY, 0, "no memory for the bill of materials");
	memcpy(u.b, hash, sizeof(u.b));
	u.b[6] = (u.b[6] & 0x0f) | 0x80;
	u.b[8] = (u.b[8] & 0x3f) | 0x80;
	put_text(b, b->top, "serialNumber", "urn:uuid:%s", uuid_format(&u, text));
	return 0;
}

static int print(const struct sbom *b, struct buffer *ret, struct err *e)
{
	size_t n;
	const char *text = json_object_to_json_string_length(b->top, FORMAT, &n);
	int rc;

	if (b->lost || !text)
		return err_set(e, ERR_MEMORY, 0, "no memory for the bill of materials");
	rc = buffer_append(ret, text, n, e);
	return rc == 0 ? buffer_append(ret, "\n", 1, e) : rc;
}

int sbom_write(const struct initrd *i, const struct buffer *image, uint32_t time,
	       struct buffer *ret, struct err *e)
{
	SCOPED(sbom_done) struct sbom b = { .top = json_object_new_object() };
	int rc;

	put_text(&b, b.top, "$schema", "http://cyclonedx.org/schema/bom-1.6.schema.json");
	put_text(&b, b.top, "bomFormat", "CycloneDX");
	put_text(&b, b.top, "specVersion", "1.6");
	put_text(&b, b.top, "serialNumber", "%s", ""); /* keeps its place */
	put(&b, b.top, "version", json_object_new_int(1));
	rc = put_metadata(&b, i, image, time, e);
	b.components = put_array(&b, b.top, "components");
	put_dependencies(&b);
	for (size_t n = 0; n < i->n && rc == 0; n++)
		if (S_ISREG(i->entries[n].mode))
			rc = add_file(&b, &i->entries[n], e);
	if (rc == 0)
		rc = put_serial_number(&b, e);
	return rc == 0 ? print(&b, ret, e) : rc;
}
