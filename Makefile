# SPDX-License-Identifier: LGPL-2.1-or-later
# Every command a person types. Output only in build/. `make help` lists the targets.

TRIPLET ?= x86_64-linux-musl
CFLAGS ?= -Os
PREFIX ?= /usr
DESTDIR ?=
V ?= 0
VERSION := 0.1.0

DEPS := build/deps/$(TRIPLET)
CC_STATIC := $(DEPS)/bin/slipway-cc
Q := $(if $(filter 0,$(V)),@,)
say = @printf '  %-6s %s\n'

# Says in both programs whose they are, in the section .note.package; a distribution's build
# gives its own. The type is that of a package URL.
PACKAGE_METADATA ?= {"type":"generic","name":"slipway","version":"$(VERSION)","architecture":"$(firstword $(subst -, ,$(TRIPLET)))"}
NOTE = -Xlinker '--package-metadata=$(PACKAGE_METADATA)'

# What the code needs, whatever the user's CFLAGS.
WARN := -Wall -Wextra -Werror -Wconversion -Wno-sign-conversion -Wshadow -Wvla -Wformat=2 \
	-Wmissing-prototypes -Wstrict-prototypes -Wundef
REQUIRED := -std=gnu17 -I. -DSLIPWAY_VERSION='"$(VERSION)"' $(WARN)
HARDEN := -fstack-protector-strong -fstack-clash-protection -ffunction-sections -fdata-sections \
	-fno-asynchronous-unwind-tables -ffile-prefix-map=$(CURDIR)=.

CORE := $(sort $(wildcard init/core/*.c))
# One program has the first, the other the second, whose functions are the same.
LUKS := $(filter-out modules/luks/absent.c,$(sort $(wildcard modules/luks/*.c)))
NO_LUKS := modules/luks/absent.c
MODULES := $(filter-out $(LUKS) $(NO_LUKS),$(sort $(wildcard modules/*/*.c)))
INIT := $(sort $(wildcard init/*.c))
HOOKS := $(sort $(wildcard hooks/*.c))
MKINITRD := $(sort $(wildcard mkinitrd/*.c))
REPORT := $(sort $(wildcard report/*.c))
DEBUG := $(sort $(wildcard debug/*.c))
# The parsers that tell the image builder what init would refuse.
JUDGES := modules/inputs/cmdline.c modules/inputs/config.c modules/inputs/device_name.c \
	modules/inputs/device_timeout.c modules/inputs/failure.c modules/inputs/lockdown.c \
	modules/inputs/luks_words.c modules/inputs/manifest.c modules/inputs/options.c modules/inputs/unsupported.c \
	modules/trust/anchors.c modules/trust/expired.c modules/trust/filter.c modules/trust/keyring.c \
	modules/trust/pkcs7.c modules/trust/floor.c modules/trust/policy.c modules/trust/verdict.c \
	modules/root/os_release.c \
	modules/disk/dps.c modules/disk/filesystem.c modules/disk/gpt.c modules/disk/read.c \
	modules/verity/filtered.c modules/verity/others.c modules/verity/proof.c modules/verity/set.c \
	modules/verity/signature.c modules/verity/state.c modules/verity/superblock.c modules/verity/tree.c \
	modules/verity/word.c modules/tpm/nvpcr.c modules/tpm/nvpcr_files.c modules/tpm/bank.c modules/tpm/pcrkey.c \
	modules/extension/class.c modules/extension/judge.c modules/extension/metadata.c modules/extension/name.c \
	modules/extension/release.c modules/extension/tree.c modules/extension/word.c hooks/declaration.c hooks/point.c hooks/word.c
MANPAGES := $(sort $(wildcard init/*.[5-8] hooks/*.[5-8] mkinitrd/*.[5-8] report/*.[1-8] tests/lib/*.[1-8])) \
	build/man/slipway-reasons.7
HEADERS := $(sort $(wildcard init/*.h init/core/*.h init/core/*.def modules/*/*.h hooks/*.h mkinitrd/*.h report/*.h debug/*.h \
	mkinitrd/profiles/*.list))

INIT_LIBS := -lcryptsetup -ldevmapper -lblkid -luuid -ljson-c -lkmod \
	-ltss2-esys -ltss2-sys -ltss2-mu -ltss2-tcti-device \
	-lmbedx509 -lmbedcrypto -lpthread -lm
# What init has of ci/deps/lock, for bills of materials.
INIT_DEPS := musl kmod util-linux lvm2 json-c mbedtls cryptsetup tpm2-tss
MKINITRD_LIBS := -lkmod -lzstd -llz4 -lblkid -ljson-c -lmbedx509 -lmbedcrypto -lpthread

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:

## Building

all: build/init build/init-luks build/slipway-mkinitrd build/slipway build/slipway-debug ## build both inits and all that goes with them

# ci/deps/build stamps what it built; a second call returns at once.
$(CC_STATIC):
	$(Q)ci/deps/build $(TRIPLET)

build/obj/%.o: %.c $(HEADERS) | $(CC_STATIC)
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(CC_STATIC) $(REQUIRED) $(HARDEN) -I$(DEPS)/include $(CFLAGS) -c $< -o $@

init_objs := $(patsubst %.c,build/obj/%.o,$(CORE) $(MODULES) $(HOOKS) $(INIT))
report_objs := $(patsubst %.c,build/obj/%.o,$(CORE) $(REPORT))
debug_objs := $(patsubst %.c,build/obj/%.o,$(DEBUG))
mkinitrd_objs := $(patsubst %.c,build/obj/%.o,$(CORE) $(JUDGES) $(MKINITRD))

$(DEPS)/lib/libcryptsetup-luks.a:
	$(Q)ci/deps/build $(TRIPLET)

build/init.debug: $(init_objs) $(NO_LUKS:%.c=build/obj/%.o)
build/init-luks.debug: $(init_objs) $(LUKS:%.c=build/obj/%.o) $(DEPS)/lib/libcryptsetup-luks.a
build/init-luks.debug: INIT_LIBS := $(filter-out -lcryptsetup,$(INIT_LIBS))

build/init.debug build/init-luks.debug:
	$(say) LD $@
	$(Q)$(CC_STATIC) -Wl,--gc-sections -Wl,-O1 $(NOTE) -L$(DEPS)/lib -o $@ $^ $(INIT_LIBS)

# At most as large as it is worth.
build/init: MAX_BYTES := 737280
build/init-luks: MAX_BYTES := 851968

build/init build/init-luks: build/%: build/%.debug
	$(say) STRIP $@
	$(Q)strip -s -R .comment -R .note.gnu.property -o $@ $<
	$(Q)ci/check-binary $@ $(MAX_BYTES)

# The same programs as they are, but for what shows mistakes: undefined behaviour ends them, and memory
# comes from tests/boot/guard.c. For tests/boot/test_checked.py; the planted one has a mistake.
CHECK := -fsanitize=undefined -fsanitize-undefined-trap-on-error -Wno-error
checked_objs := $(patsubst %.c,build/checkedobj/%.o,$(CORE) $(MODULES) $(HOOKS) $(INIT) $(LUKS) tests/boot/guard.c)

build/checkedobj/%.o: %.c $(HEADERS) | $(CC_STATIC)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC_STATIC) $(REQUIRED) $(HARDEN) $(CHECK) -fno-builtin-malloc -I$(DEPS)/include $(CFLAGS) -g -c $< -o $@

build/checked/init build/checked/init-planted: INIT_LIBS := $(filter-out -lcryptsetup,$(INIT_LIBS))
build/checked/init: $(checked_objs) $(DEPS)/lib/libcryptsetup-luks.a
build/checked/init-planted: build/checked/planted.o $(filter-out %/inputs/failure.o,$(checked_objs)) $(DEPS)/lib/libcryptsetup-luks.a
build/checked/guarded: build/checkedobj/tests/boot/guarded.o build/checkedobj/tests/boot/guard.o

build/checked/init build/checked/init-planted build/checked/guarded:
	$(say) LD $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC_STATIC) -Wl,--gc-sections -L$(DEPS)/lib -o $@ $^ $(INIT_LIBS)

build/checked/planted.o: tests/fuzz/planted.toml modules/inputs/failure.c
	$(Q)mkdir -p $(@D)
	$(Q)/usr/bin/python3 tests/fuzz/planted.py --source fuzz_config.failure >$(@D)/planted.c
	$(Q)$(CC_STATIC) $(REQUIRED) $(HARDEN) $(CHECK) -I$(DEPS)/include $(CFLAGS) -g -c $(@D)/planted.c -o $@

checked: build/checked/init build/checked/init-planted build/checked/guarded

build/slipway-mkinitrd: $(mkinitrd_objs)
	$(say) LD $@
	$(Q)$(CC_STATIC) -Wl,--gc-sections $(NOTE) -L$(DEPS)/lib -o $@.debug $(mkinitrd_objs) $(MKINITRD_LIBS)
	$(Q)strip -s -o $@ $@.debug

build/slipway-debug: $(debug_objs)
	$(say) LD $@
	$(Q)$(CC_STATIC) -Wl,--gc-sections $(NOTE) -o $@.debug $(debug_objs)
	$(Q)strip -s -o $@ $@.debug
	$(Q)ci/check-binary $@

build/slipway: $(report_objs)
	$(say) LD $@
	$(Q)$(CC_STATIC) -Wl,--gc-sections $(NOTE) -L$(DEPS)/lib -o $@.debug $(report_objs) -ljson-c -lm
	$(Q)strip -s -o $@ $@.debug

build/obj/mkinitrd/sbom.o build/host/mkinitrd/sbom.o build/fuzzobj/mkinitrd/sbom.o build/aflobj/mkinitrd/sbom.o: build/gen/libraries.def

build/gen/libraries.def: ci/deps/lock ci/libraries Makefile
	$(say) GEN $@
	$(Q)mkdir -p $(@D)
	$(Q)ci/libraries ci/deps/lock $(INIT_DEPS) >$@

build/man/slipway-reasons.7: init/core/err.def ci/reasons
	$(say) MAN $@
	$(Q)mkdir -p $(@D)
	$(Q)ci/reasons $< >$@

## The main jobs: they install and build what is missing, and say what they do

JOBS ?= $(shell nproc)
PYTEST := PYTHONPATH=tests/lib PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -q -p no:cacheprovider
sub = $(MAKE) --no-print-directory -j$(JOBS)

prepare:
	$(Q)ci/setup
	$(Q)ci/deps/build $(TRIPLET)
	$(Q)ci/step build/log/build.log "build/init and build/slipway-mkinitrd" $(sub) all

boot: prepare ## boot a signed demo image in QEMU, from firmware to its running system
	$(Q)tests/lib/slipway-lab boot

check: CASES := --first-of-each ## every test, but of the boots in a file's tables only one of each outcome
check-all: ## every test
check check-all: prepare
	$(Q)ci/deps/build host
	$(Q)ci/step build/log/selftest.log "every library links and runs" ci/deps/selftest $(TRIPLET)
	$(Q)$(sub) lint
	$(Q)ci/step build/log/unit.log "build the unit tests" $(sub) unit
	$(Q)$(sub) check-unit
	$(Q)ci/step build/log/fuzz.log "build the fuzz targets" $(sub) fuzz
	$(Q)FUZZ_SECONDS=$${FUZZ_SECONDS:-10} FUZZ_SEED=$${FUZZ_SEED:-1} $(sub) check-fuzz
	$(Q)$(sub) check-component
	$(Q)tests/lib/slipway-lab demo
	$(Q)$(sub) check-image
	$(Q)$(sub) check-boot CASES=$(CASES)

# BENCH=--strict fails over an aim that is missed
bench: prepare ## our time and size beside a floor, by instruction count
	$(Q)tests/lib/slipway-lab demo
	$(Q)PYTHONPATH=tests/lib /usr/bin/python3 tests/bench/bench.py $(BENCH)

bench-mkinitrd: prepare ## how long and how large, beside dracut, mkosi-initrd, initramfs-tools
	$(Q)PYTHONPATH=tests/lib /usr/bin/python3 tests/bench/bench_mkinitrd.py

## Tests on the host: glibc, ASan and UBSan, no root

HOST_DEPS := build/deps/host
HOST_READY := $(HOST_DEPS)/lib/libmbedcrypto.a $(HOST_DEPS)/lib/libblkid.a
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
HOST_FLAGS := $(REQUIRED) -I$(HOST_DEPS)/include -g -O1
HOST_LIBS := -L$(HOST_DEPS)/lib -lcmocka -lcryptsetup -largon2 -ldevmapper -lblkid -ljson-c -lkmod \
	-ltss2-esys -ltss2-mu -ltss2-tcti-device \
	-lmbedx509 -lmbedcrypto -lzstd -llz4 -lcrypt -lpthread
UNIT := $(patsubst tests/unit/%.c,build/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
COMPONENT := $(patsubst tests/component/%.c,build/component/%,$(sort $(wildcard tests/component/test_*.c)))
FUZZ := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
# Everything but the mains, which the tests replace; that of PID 1 has another name, and one calls it.
HOST_SOURCES := $(CORE) $(MODULES) $(LUKS) $(HOOKS) $(INIT) $(filter-out mkinitrd/main.c,$(MKINITRD)) \
	$(filter-out report/main.c,$(REPORT)) $(filter-out debug/main.c,$(DEBUG))

$(HOST_READY) &:
	$(Q)ci/deps/build host

build/host/%.o: %.c $(HEADERS) | $(HOST_READY)
	$(Q)mkdir -p $(@D)
	$(Q)gcc $(HOST_FLAGS) $(SAN) -c $< -o $@

build/host/init/main.o build/fuzzobj/init/main.o build/aflobj/init/main.o build/cov/obj/init/main.o: \
	HOST_FLAGS += -Dmain=slipway_main -Wno-missing-prototypes

build/host/libslipway.a: $(patsubst %.c,build/host/%.o,$(HOST_SOURCES))
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

# This one stands in for what it would take a kernel to do.
build/unit/test_prove: HOST_LIBS += -Wl,--wrap=volume_prove -Wl,--wrap=volume_uses -Wl,--wrap=volume_close

TEST_HEADERS := $(sort $(wildcard tests/unit/*.h tests/component/*.h))

build/unit/%: tests/unit/%.c $(TEST_HEADERS) build/host/libslipway.a
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)gcc $(HOST_FLAGS) $(SAN) $< build/host/libslipway.a $(HOST_LIBS) -o $@

build/component/%: tests/component/%.c $(TEST_HEADERS) build/host/libslipway.a
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)gcc $(HOST_FLAGS) $(SAN) $< build/host/libslipway.a $(HOST_LIBS) -o $@

# A hook as vendors build them: static, with the C library of init.
build/component/hook: tests/component/hook.c | $(CC_STATIC)
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC_STATIC) $(REQUIRED) $(CFLAGS) $< -o $@

build/component/test_hooks: build/component/hook

# The init of the system that whole boots in a sandbox end in, and the disk that it is on.
build/component/host: tests/component/host.c | $(CC_STATIC)
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)$(CC_STATIC) $(REQUIRED) $(CFLAGS) -s $< -o $@

build/component/machine/vendor.crt: tests/component/make-machine build/component/host
	$(say) IMAGE $(@D)
	$(Q)tests/component/make-machine build/component/host $(@D)

$(filter build/component/test_boot%,$(COMPONENT)): build/component/machine/vendor.crt build/component/hook

build/fuzzobj/%.o: %.c $(HEADERS) | $(HOST_READY)
	$(Q)mkdir -p $(@D)
	$(Q)clang $(HOST_FLAGS) -Wno-error -fsanitize=fuzzer-no-link,address,undefined \
		-fno-sanitize-recover=undefined -c $< -o $@

build/fuzzobj/libslipway.a: $(patsubst %.c,build/fuzzobj/%.o,$(HOST_SOURCES))
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

build/fuzz/%: tests/fuzz/%.c build/fuzzobj/libslipway.a
	$(say) FUZZ $@
	$(Q)mkdir -p $(@D)
	$(Q)clang $(HOST_FLAGS) -Wno-missing-prototypes -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined $< build/fuzzobj/libslipway.a $(HOST_LIBS) -o $@

# The same targets for AFL++, whose driver runs them in one process, as libFuzzer does.
AFL_CC := AFL_QUIET=1 AFL_USE_ASAN=1 AFL_USE_UBSAN=1 afl-clang-fast
AFL := $(patsubst tests/fuzz/%.c,build/afl/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))

build/aflobj/%.o: %.c $(HEADERS) | $(HOST_READY)
	$(Q)mkdir -p $(@D)
	$(Q)$(AFL_CC) $(HOST_FLAGS) -Wno-error -c $< -o $@

build/aflobj/libslipway.a: $(patsubst %.c,build/aflobj/%.o,$(HOST_SOURCES))
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

build/afl/%: tests/fuzz/%.c build/aflobj/libslipway.a
	$(say) AFL $@
	$(Q)mkdir -p $(@D)
	$(Q)$(AFL_CC) $(HOST_FLAGS) -Wno-error -Wno-missing-prototypes -fsanitize=fuzzer $< build/aflobj/libslipway.a \
		$(HOST_LIBS) -o $@

# A fuzz target with a bug in the parser behind the dot: tests/fuzz/planted.toml. The altered source
# comes before the library, which then gives all but that one.
build/planted/%: tests/fuzz/planted.toml tests/fuzz/planted.py $(wildcard tests/fuzz/*.c) build/fuzzobj/libslipway.a
	$(say) PLANT $@
	$(Q)mkdir -p $(@D)
	$(Q)/usr/bin/python3 tests/fuzz/planted.py --source $* >$@.c
	$(Q)clang $(HOST_FLAGS) -w -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=undefined tests/fuzz/$(basename $*).c $@.c build/fuzzobj/libslipway.a \
		$(HOST_LIBS) -o $@

# What the tests on the host reach. The counters live in a mapped file, so those of a process that ends
# in another root count, too.
COV := -Wno-error -fprofile-instr-generate -fcoverage-mapping -mllvm -runtime-counter-relocation
COVERED := $(patsubst build/%,build/cov/%,$(UNIT) $(COMPONENT) $(FUZZ))

build/cov/obj/%.o: %.c $(HEADERS) | $(HOST_READY)
	$(Q)mkdir -p $(@D)
	$(Q)clang $(HOST_FLAGS) $(COV) -c $< -o $@

build/cov/libslipway.a: $(patsubst %.c,build/cov/obj/%.o,$(HOST_SOURCES))
	$(say) AR $@
	$(Q)rm -f $@ && ar rcs $@ $^

build/cov/fuzz/%: COV += -Wno-missing-prototypes -fsanitize=fuzzer
build/cov/%: tests/%.c $(TEST_HEADERS) build/cov/libslipway.a
	$(say) TEST $@
	$(Q)mkdir -p $(@D)
	$(Q)clang $(HOST_FLAGS) $(COV) $< build/cov/libslipway.a $(HOST_LIBS) -o $@

coverage: $(COVERED) build/component/hook build/component/machine/vendor.crt ## which lines the unit, component and fuzz tests reach
	$(Q)ci/coverage $(COVERED)

build/junit:
	$(Q)mkdir -p $@

unit: $(UNIT) $(COMPONENT)
fuzz: $(FUZZ)
fuzz-afl: $(AFL)

check-unit: $(UNIT) | build/junit ## unit tests with ASan and UBSan, in seconds
	$(Q)ci/run-unit $(UNIT)

check-fuzz: $(FUZZ) ## every fuzz target for FUZZ_SECONDS (60) seconds
	$(Q)ci/run-fuzz $(FUZZ)

check-fuzz-afl: $(AFL) ## the same targets by AFL++, each for FUZZ_SECONDS (60) seconds
	$(Q)ci/run-afl $(AFL)

check-component: $(COMPONENT) | build/junit ## the hand-over for real, in namespaces
	$(Q)ci/run-unit $(COMPONENT)

check-image: all ## what the image builder makes
	$(Q)$(PYTEST) -n 2 --junitxml=build/junit/image.xml tests/image

check-checked: all checked ## the standard boots by an init whose mistakes end it
	$(Q)tests/lib/slipway-lab demo
	$(Q)$(PYTEST) tests/boot/test_checked.py

check-boot: all checked ## boots, and twins that must not boot, in QEMU
	$(Q)tests/lib/slipway-lab demo
	$(Q)$(PYTEST) -n 2 --dist loadgroup $(CASES) --junitxml=build/junit/boot.xml tests/boot

check-faults: all unit | build/junit ## every fault of tests/FAULTS.md; goes on where it was interrupted
	$(Q)tests/lib/slipway-lab demo
	$(Q)/usr/bin/python3 tests/faults/run.py

check-soak: all ## 500 boots in a row, none of which may fail or leave anything behind
	$(Q)tests/lib/slipway-lab demo
	$(Q)PYTHONPATH=tests/lib /usr/bin/python3 tests/soak/soak.py

check-altered: build/component/test_boot_altered ## PID 1 in a sandbox, from 2000 disks that were altered at random
	$(Q)ALTERED_BOOTS=$${ALTERED_BOOTS:-2000} $<

check-fuzz-long: $(FUZZ) ## every fuzz target for ten minutes
	$(Q)FUZZ_SECONDS=600 ci/run-fuzz $(FUZZ)

check-planted: ## a bug in each parser, which its fuzz target must find in PLANTED_SECONDS (60)
	$(Q)$(sub) fuzz $$(/usr/bin/python3 tests/fuzz/planted.py --names | sed 's,^,build/planted/,')
	$(Q)/usr/bin/python3 tests/fuzz/planted.py

lint: $(MANPAGES) $(HOST_READY) build/gen/libraries.def ## layers, C, scripts, man pages, spelling
	$(Q)ci/lint $(MANPAGES)

## The rest

# The part of the lab that boots machines, which is slipway-smoke. What makes the demo stays here.
SMOKE := accel disk efivars firmware gpt ovmf paths qemu qmp record report smoke spec steps swtpm vm

prefix = $(DESTDIR)$(PREFIX)
doc = $(prefix)/share/doc/slipway

install: all $(MANPAGES) ## into $(DESTDIR)$(PREFIX)
	install -D -m 755 build/init $(prefix)/lib/slipway/init
	install -D -m 755 build/slipway-debug $(prefix)/lib/slipway/slipway-debug
	install -D -m 755 build/init-luks $(prefix)/lib/slipway/init-luks
	install -D -m 755 build/slipway-mkinitrd $(prefix)/bin/slipway-mkinitrd
	install -D -m 755 build/slipway $(prefix)/bin/slipway
	install -D -m 755 -t $(prefix)/bin tests/lib/slipway-smoke
	install -D -m 644 -t $(prefix)/share/slipway init/slipway-boot.schema.json
	install -D -m 644 -t $(prefix)/share/slipway/lab $(SMOKE:%=tests/lib/lab/%.py)
	install -D -m 755 -t $(prefix)/lib/kernel/install.d mkinitrd/kernel-install/55-slipway.install
	install -D -m 644 -t $(prefix)/share/bash-completion/completions mkinitrd/completion/slipway-mkinitrd mkinitrd/completion/slipway
	ln -sf slipway $(prefix)/share/bash-completion/completions/slipway-smoke
	install -D -m 644 -t $(doc) README.md TUTORIAL.md NEWS.md SECURITY.md LICENSE ci/deps/LICENCES.md \
		ci/deps/lock init/doc/differences.md init/doc/extensions.md
	install -D -m 644 -t $(doc)/examples mkinitrd/mkinitrd.conf
	install -D -m 644 -t $(doc)/mkosi mkinitrd/mkosi/README.md mkinitrd/mkosi/mkosi.conf
	install -D -m 755 -t $(doc)/mkosi mkinitrd/mkosi/mkosi.finalize
	install -D -m 644 -t $(doc)/mkosi/mkosi.repart mkinitrd/mkosi/mkosi.repart/*.conf
	install -D -m 644 -t $(doc)/hooks hooks/view.schema.json
	install -D -m 644 -t $(doc)/hooks/examples hooks/examples/*.md hooks/examples/*.c hooks/examples/*.hook
	install -D -m 755 -t $(doc)/hooks/examples hooks/examples/splash
	for page in $(MANPAGES); do \
		install -D -m 644 -t $(prefix)/share/man/man$${page##*.} $$page || exit; \
	done

clean: ## remove what was built, keep libraries and images
	rm -rf build/obj build/host build/fuzzobj build/aflobj build/checkedobj build/checked build/unit build/fuzz build/afl build/planted build/man build/gen build/init* build/slipway build/slipway.debug build/slipway-debug* build/slipway-mkinitrd*

distclean: ## remove everything that was built
	rm -rf build

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 20

.PHONY: all prepare boot check check-all bench bench-mkinitrd unit fuzz fuzz-afl checked check-unit check-fuzz check-fuzz-afl check-checked check-component check-image \
	check-boot coverage check-faults check-soak check-altered check-fuzz-long check-planted lint install clean distclean help
