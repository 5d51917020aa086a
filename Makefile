# SPDX-License-Identifier: GPL-2.0-or-later
#
# Verbs only: each makes sure of its packages and hands over to one script.
#
#   GUEST=6.1 | 5.10 | 6.12 | 7.2 | 6.1-debug | 6.1-kcsan    the guest kernel, or of another machine:
#   GUEST=6.1-arm64 | 6.12-arm64 | 6.12-arm64-16k | 6.1-arm64-64k | 6.1-s390x
#   QEMU_VERSION=7.2 | 10.0 | 10.2    the emulator's source
#   LIBVIRT=9 | 11             the installed libvirt or a newer one, for tests and demo
#   SANITIZE=1                 the emulator with sanitizers
#   REFRESH=1                  look for newer Debian revisions
#   BALLONET_CACHE=folder      where downloads and builds are kept

S := scripts
.DEFAULT_GOAL := all
.NOTPARALLEL:

all: build-device build-driver build-overcommit ## build the device, the driver, the overcommit daemon

build-device: ## fetch and build QEMU with our device
	@$S/setup.sh build-device && $S/qemu.sh

# Beside the version asked for: 7.2 cannot move a guest that runs under TCG.
build-qemu-10:
	@$S/setup.sh build-device && QEMU_VERSION=10.0 $S/qemu.sh

build-driver: ## fetch the guest kernel and build the driver for it
	@$S/setup.sh build-driver $(if $(filter %-debug %-kcsan %-64k,$(GUEST)),build-debug) && \
		$S/kernel.sh && $S/driver.sh

build-overcommit: ## build the daemon that sizes guests by their need, and its tool
	@$S/setup.sh build-overcommit && $S/overcommit.sh

demo: all ## show it at work: shrink, compact and grow a guest through libvirt
	@$S/setup.sh demo && $S/demo.sh

bench: all ## compare with the stock pair: a table, a JSON file, plots (BENCH=quick, ROWS=...)
	@$S/setup.sh bench && $S/bench.sh

results: ## put the figures of the last `make bench`, and of the tests, into README.md and tests/RESULTS.md
	@$S/bench.sh --results && $(MAKE) --no-print-directory matrix ARGS="--no-run --results"

test: all ## run every test that CI runs, and the style checks
	@$S/setup.sh test style && $S/test.sh style+unit scripts qtest timing guests speed

test-unit: ## the pure files against a model, and the scripts that judge; no guest
	@$S/setup.sh test-unit && $S/test.sh unit scripts

test-qtest: build-device ## the device alone, requests made by hand
	@$S/setup.sh test && $S/test.sh qtest timing

test-vm: all ## real guests
	@$S/setup.sh test && $S/test.sh vm

test-interop: all ## one of our halves with Debian's other half
	@$S/setup.sh test && $S/test.sh interop speed

DEBUG_GUEST := $(or $(filter %-debug %-kcsan,$(GUEST)),6.1-debug)
test-debug: ## the guest tests in a kernel that checks the driver (GUEST=6.1-kcsan: data races)
	@$(MAKE) --no-print-directory GUEST=$(DEBUG_GUEST) all
	@$S/setup.sh test && GUEST=$(DEBUG_GUEST) $S/test.sh debug

# One after the other: each has its own driver, and its emulator.
ARCHES := $(or $(filter %-arm64 %-16k %-64k %-s390x,$(GUEST)),6.1-arm64 6.12-arm64-16k 6.1-arm64-64k 6.1-s390x)
test-arch: ## guests of other architectures and page sizes (GUEST=6.1-arm64 for one)
	@for guest in $(ARCHES); do \
		$(MAKE) --no-print-directory GUEST=$$guest all || exit; done
	@$S/setup.sh test && $S/test.sh $(ARCHES:%=arch-%)

test-libvirt: all ## the tests through libvirt, with libvirt 11 (LIBVIRT=9 for the installed one)
	@$S/setup.sh test && $S/test.sh libvirt-$(or $(LIBVIRT),11)

test-migration: all build-qemu-10 ## guests that run while they move, on QEMU 10.0
	@$S/setup.sh test && $S/test.sh migration

test-qemu: build-device ## QEMU's own tests of a balloon, and its migration stream beside the stock one
	@$S/setup.sh test && $S/test.sh qemu

test-long: all build-qemu-10 deb ## everything at once for half an hour (STRESS_SECONDS=1800, SEED=), each kernel on each QEMU, packages
	@$S/setup.sh test test-deb && $S/test.sh qtest-long long matrix libvirt-11 deb

matrix: all build-qemu-10 ## who works with whom, feature by feature, from test results (ARGS=--no-run, --results, --cells)
	@$S/setup.sh test && PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 $S/matrix.py $(ARGS)

test-mutants: all ## break the specification's rules one by one, see a test fail for each (ARGS=words)
	@$S/setup.sh test && PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 $S/mutants.py $(ARGS)

fuzz: build-device ## ten minutes of fuzzing, with sanitizers (FUZZ_SECONDS=600, FUZZ_SEED=, FUZZ_JOBS=, COVERAGE=1)
	@$S/setup.sh fuzz && $(if $(filter-out 0,$(COVERAGE)),QEMU_FUZZ,SANITIZE)=1 $S/qemu.sh && \
		bash tests/fuzz/run.sh own

fuzz-qemu: build-device ## QEMU's own generic fuzzer on our device (FUZZ_SECONDS=600)
	@$S/setup.sh fuzz && QEMU_FUZZ=1 $S/qemu.sh && bash tests/fuzz/run.sh qemu

deb: build-device ## Debian packages of both halves and of the daemon: build/deb/*.deb
	@$S/setup.sh deb && $S/deb.sh

test-deb: all deb ## the packages installed, used and removed again, in a chroot
	@$S/setup.sh test-deb && $S/test.sh deb

paths: ## print where the built things are
	@$S/paths.sh

style: all ## checkpatch, sparse, shellcheck and the house rules
	@$S/setup.sh style && $S/test.sh style

clean: ## remove what was built in this checkout
	@rm -rf build && echo "build/ is gone; the cache stays: $$($S/paths.sh --cache)"

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

.PHONY: all build-device build-driver build-overcommit build-qemu-10 demo bench results matrix test \
	test-unit test-qtest test-vm test-interop test-debug test-arch test-libvirt test-migration \
	test-qemu test-long test-mutants fuzz fuzz-qemu deb test-deb paths style clean help
