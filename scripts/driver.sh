#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest driver for the kernel that GUEST names: a copy of its sources under
# build/driver-RELEASE, so kbuild leaves nothing in the source folder, compiled
# with the extra warnings on and none let through.
#
# usage: driver.sh           builds virtio_balloon.ko
#        driver.sh sparse    checks it with sparse, in a copy of its own

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

GUEST=${GUEST:-6.1}
verb=${1:-build}

# Same content keeps its time, so only what changed is compiled again.
sync_folder() {
	local from=$1 to=$2 file
	mkdir -p "$to"
	(cd "$from" && find . -type f \
		\( -name '*.[chS]' -o -name 'Kbuild*' -o -name Makefile -o -name '*.include' \)) |
		while IFS= read -r file; do
			cmp -s "$from/$file" "$to/$file" && continue
			mkdir -p "$to/$(dirname "$file")"
			cp --no-preserve=all "$from/$file" "$to/$file"
		done
	# A source that is gone must not be compiled from its old copy.
	(cd "$to" && find . -type f -name '*.[ch]' ! -name '*.mod.c') | while IFS= read -r file; do
		[ -e "$from/$file" ] || rm -f "$to/$file"
	done
}

# Speaks of the file the user edits, not of the copy.
own_names() { sed -u "s|$1/||g"; }

run_kbuild() {
	local src=$1 status=0
	shift
	nice make -C "$HEADERS" M="$src/guest-driver" CC="${cross}gcc-12" \
		CROSS_COMPILE="$cross" ARCH="$machine" -j"$(nproc)" "$@" modules \
		>"$log" 2>&1 </dev/null || status=$?
	return "$status"
}

[ -e "$ROOT/guest-driver/Kbuild" ] || die "guest-driver/Kbuild is not there"
[ -d "$CACHE" ] || die "nothing is built yet: run make"
CACHE=$(cd "$CACHE" && pwd -P)
env=$(guest_dir "$GUEST")/env
[ -e "$env" ] || die "the guest kernel $GUEST is not there: run make build-driver GUEST=$GUEST"
# shellcheck disable=SC1090
. "$env"

cross=$(guest_cross "$GUEST")
machine=$(guest_karch "$GUEST")

dir=$ROOT/build/driver-$RELEASE
src=$dir/src
[ "$verb" = build ] || src=$dir/$verb
log=$dir/$verb.log
mkdir -p "$dir"
sources=$(bash "$ROOT/scripts/sources.sh" 2>/dev/null | sed -n 's/^DRIVER=//p') ||
	sources=unknown # no git checkout
sync_folder "$ROOT/guest-driver" "$src/guest-driver"
sync_folder "$ROOT/spec" "$src/spec"
# Probes of headers are only right for the headers they were made with.
if ! echo "$HEADERS" | cmp -s - "$src/.headers"; then
	find "$src" -name '*.o' -delete
	echo "$HEADERS" >"$src/.headers"
fi

case $verb in
build)
	if ! run_kbuild "$src" W=1 KCFLAGS=-Werror; then
		grep -E 'error|warning|undefined|\*\*\*' "$log" | own_names "$src" | head -n 30 >&2
		die "the driver does not build for $RELEASE (log: $log)"
	fi
	cp "$src/guest-driver/virtio_balloon.ko" "$dir/virtio_balloon.ko.new"
	mv "$dir/virtio_balloon.ko.new" "$dir/virtio_balloon.ko"
	echo "$sources" >"$dir/sources" # what results are kept by, not the checkout's by then
	say "driver for $RELEASE: build/driver-$RELEASE/virtio_balloon.ko"
	;;
sparse)
	run_kbuild "$src" C=2 CHECK="sparse" CF=-D__CHECK_ENDIAN__ || {
		tail -n 5 "$log" >&2
		die "the driver does not build for sparse (log: $log)"
	}
	if grep -F "$src/guest-driver" "$log" | grep -E 'warning|error' | own_names "$src" >&2; then
		die "sparse finds fault with the driver (log: $log)"
	fi
	;;
*) die "usage: driver.sh [sparse]" ;;
esac
