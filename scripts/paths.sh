#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Answers where the built things are, one KEY=/absolute/path a line, for the
# guest kernel that GUEST names and the QEMU that QEMU_VERSION names. Builds
# nothing and asks no network.
#
# usage: paths.sh          QEMU KERNEL MODULES DRIVER BALLONETD BALLONETCTL
#        paths.sh --all    and what the tests need beside them
#        paths.sh --cache  the cache folder alone

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$ROOT/scripts/qemu-config.sh"

GUEST=${GUEST:-6.1}
absent=

# show KEY FILE HOW: prints the line, or remembers what to run.
show() {
	printf '%s=%s\n' "$1" "$2"
	[ -e "$2" ] || absent+="${absent:+, }$3"
}

if [ "${1:-}" = --cache ]; then
	printf '%s\n' "$CACHE"
	exit 0
fi
[ -d "$CACHE" ] || die "nothing is built yet: run make"
CACHE=$(cd "$CACHE" && pwd -P)

version=
[ "$QEMU_VERSION" = 7.2 ] || version=" QEMU_VERSION=$QEMU_VERSION"
pin=$CACHE/qemu-$QEMU_VERSION.version
[ -e "$pin" ] || die "the emulator is not built: run make build-device$version"
tree=$(qemu_tree "$(cat "$pin")")
hash=$(qemu_device_hash)
[ "${SANITIZE:-0}" = 0 ] || hash+=$(qemu_flavour_suffix sanitize)

env=$(guest_dir "$GUEST")/env
[ -e "$env" ] || die "the guest kernel $GUEST is not there: run make build-driver GUEST=$GUEST"
BUSYBOX=
# shellcheck disable=SC1090
. "$env"

show QEMU "$tree/out/$hash/$QEMU_BIN" \
	"the emulator is not built: run make build-device$version"
show KERNEL "$KERNEL" "the guest kernel is not there: run make build-driver"
show MODULES "$MODULES" "the guest kernel's modules are not there: run make build-driver"
show DRIVER "$ROOT/build/driver-$RELEASE/virtio_balloon.ko" \
	"the driver is not built: run make build-driver${GUEST:+ GUEST=$GUEST}"
# Both halves work without them: who wants them says that they are absent.
printf 'BALLONETD=%s\n' "$ROOT/build/overcommit/ballonetd"
printf 'BALLONETCTL=%s\n' "$ROOT/build/overcommit/ballonetctl"

if [ "${1:-}" = --all ]; then
	printf 'RELEASE=%s\n' "$RELEASE"
	printf 'HEADERS=%s\n' "$HEADERS"
	printf 'ARCH=%s\n' "$(guest_arch "$GUEST")"
	printf 'PAGE_SIZE=%s\n' "$(guest_page "$GUEST")"
	printf 'CROSS_COMPILE=%s\n' "$(guest_cross "$GUEST")"
	printf 'BUSYBOX=%s\n' "${BUSYBOX:-}"
	# Debian's own is the one that people run; of other versions there is but
	# the one built from Debian's source.
	stock=$tree/stock/$QEMU_BIN
	[ "$QEMU_VERSION$QEMU_TARGET" != 7.2x86_64 ] || stock=/usr/bin/$QEMU_BIN
	printf 'STOCK_QEMU=%s\n' "$stock"
	printf 'STOCK_BUILT_QEMU=%s\n' "$tree/stock/$QEMU_BIN"
	printf 'PLUGIN_HEADERS=%s\n' "$tree/src/include/qemu"
	printf 'QEMU_VERSION=%s\n' "$QEMU_VERSION"
	# Newer kernels' packages hold their modules compressed.
	driver=$MODULES/kernel/drivers/virtio/virtio_balloon.ko
	[ ! -e "$driver.xz" ] || driver+=.xz
	printf 'STOCK_DRIVER=%s\n' "$driver"
	printf 'CACHE=%s\n' "$CACHE"
fi
[ -z "$absent" ] || die "$absent"
