#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The emulator: Debian's QEMU source, unpacked once in the cache, built once
# with its own balloon device (kept as the reference of the tests), then with
# ours grafted in. One tree serves all checkouts with the same recipe; what
# came out is kept by a hash of the device's sources.
#
# QEMU_VERSION=7.2   or 10.0, 10.2
# SANITIZE=1         address and UB sanitizers
# QEMU_FUZZ=1        QEMU's own fuzzer, and an emulator that counts coverage; both with sanitizers
# QEMU_FULL=1        what the package has: all devices, SPICE, TLS, ... (see qemu-config.sh)
# GUEST=6.1-arm64    for other machines' guests: both emulators of their tree
# REFRESH=1          look for a newer Debian revision
# QEMU_OUT=folder    put the emulator there, and leave those in the cache alone

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$ROOT/scripts/apt-view.sh"
. "$ROOT/scripts/qemu-config.sh"
. "$ROOT/scripts/qemu-versions.sh"

flavour=plain
[ "${QEMU_FULL:-0}" = 0 ] || flavour=full
[ "${SANITIZE:-0}" = 0 ] || flavour=sanitize
programs=("${QEMU_TARGETS[@]/#/qemu-system-}")
if [ "${QEMU_FUZZ:-0}" != 0 ]; then
	flavour=fuzz
	programs+=("qemu-fuzz-$QEMU_TARGET")
fi
pin=$CACHE/qemu-$QEMU_VERSION.version

newest_version() {
	apt_view apt-cache showsrc --only-source qemu |
		sed -nE "s/^Version: (([0-9]+:)?${QEMU_VERSION}[.+].*)/\1/p" |
		sort -V | tail -n 1
}

fetch() {
	local version=$1 dir=$CACHE/dl/qemu-$1
	! compgen -G "$dir/*.dsc" >/dev/null || [ ! -e "$dir/complete" ] || return 0
	lock apt
	! [ -e "$dir/complete" ] || return 0
	need_space 3000
	apt_view_folder "$dir"
	(cd "$dir" && apt_view_run "fetching QEMU $version" \
		apt-get source --download-only "qemu=$version")
	touch "$dir/complete"
}

unpack() {
	local target
	[ ! -e "$tree/src/VERSION" ] || return 0
	say "unpacking QEMU $version"
	rm -rf "$tree/src.new" "$tree/src"
	dpkg-source --no-check --no-copy -x "$CACHE/dl/qemu-$version"/*.dsc \
		"$tree/src.new" >"$log" 2>&1 ||
		{ tail -n 5 "$log" >&2; die "cannot unpack QEMU's source (log: $log)"; }
	for target in "${QEMU_TARGETS[@]}"; do
		qemu_devices "$target" >"$tree/src.new/configs/devices/$target-softmmu/ballonet.mak"
	done
	mv "$tree/src.new" "$tree/src"
}

configure() {
	local flags
	[ ! -e "$build/configured" ] || return 0
	say "configuring QEMU"
	rm -rf "$build"
	mkdir -p "$build"
	[ "$flavour" != fuzz ] || qemu_fuzz_files "$tree" "$build"
	mapfile -t flags < <(qemu_flags "$flavour")
	(cd "$build" && ../src/configure "${flags[@]}") >"$log" 2>&1 </dev/null ||
		{ grep -iE 'error|not found' "$log" | tail -n 8 >&2
		  die "QEMU does not configure (log: $log)"; }
	touch "$build/configured"
}

compile() {
	local status
	{ nice ninja -j"$(nproc)" -C "$build" "${programs[@]}" 2>&1 ||
		echo "ninja failed"; } |
		tee "$log" | progress "$1"
	status=$(tail -n 1 "$log")
	[ "$status" = "ninja failed" ] || return 0
	# The command line of a compiler run is long and says nothing new.
	{ grep -E '^\S+meson.build:.*ERROR' "$log" || true; } >&2
	sed -n '/^FAILED/,$p' "$log" |
		grep -vE '^(\[|/?[a-z/]*(gcc|cc|[cg]\+\+) |ninja)' |
		sed 's|^[./]*src/hw/virtio/ballonet/|qemu-device/|' | cut -c1-240 | head -n 40 >&2
	die "QEMU does not build (log: $log)"
}

# publish FOLDER: a binary beside "qemu-bundle" looks for firmware there only,
# so it must leave the build folder.
publish() {
	local bin
	mkdir -p "$1"
	for bin in "${programs[@]}"; do
		cp "$build/$bin" "$1/$bin.new"
		mv "$1/$bin.new" "$1/$bin"
	done
}

# Copies what differs and gives it a fresh time; what is equal keeps its old
# one, so ninja rebuilds no more than it must whichever checkout came last.
sync_device() {
	local dest=$tree/src/hw/virtio/ballonet name file
	local -A ours=()
	mkdir -p "$dest"
	while IFS=$'\t' read -r name file; do
		ours[$name]=1
		cmp -s "$file" "$dest/$name" || cp --no-preserve=all "$file" "$dest/$name"
	done < <(qemu_device_files)
	for file in "$dest"/*; do
		[ -n "${ours[${file##*/}]:-}" ] || rm -f "$file"
	done
}

output_name() { echo "$(qemu_device_hash)$(qemu_flavour_suffix "$flavour")"; }

# Keeps a dozen, and whatever was asked for in the last hours: a test of another
# checkout may be running it.
prune() {
	local old
	find "$tree/out" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %p\n' | sort -rn |
		tail -n +13 | cut -d' ' -f2- | while read -r old; do
			[ -z "$(find "$old" -maxdepth 0 -mmin +180)" ] || rm -rf "$old"
		done
}

# A function is read whole before it runs: an edit of this file meanwhile does
# no harm.
main() {
	# Debian's own python and meson, whatever else a user has in the path.
	export PATH=/usr/sbin:/usr/bin:/sbin:/bin

	cache_open
	qemu_suites
	version=
	[ ! -e "$pin" ] || [ "${REFRESH:-0}" = 1 ] || version=$(cat "$pin")
	hash=$(output_name)
	if [ -z "${QEMU_OUT:-}" ] && [ -n "$version" ] &&
		[ -x "$(qemu_tree "$version")/out/$hash/$QEMU_BIN" ]; then
		touch "$(qemu_tree "$version")/out/$hash" 2>/dev/null || true
		exit 0
	fi

	# The plain build goes first: it makes the stock reference before the tree is
	# grafted.
	if [ "$flavour" != plain ]; then
		SANITIZE=0 QEMU_FULL=0 QEMU_FUZZ=0 QEMU_OUT='' bash "$0"
		version=$(cat "$pin")
	fi

	# Each tree has its own; what both are unpacked from is fetched once.
	name=qemu-$QEMU_VERSION
	[ "$QEMU_TARGET" = x86_64 ] || name+=-foreign
	lock "$name"
	# Waiting may have been long enough for an edit.
	hash=$(output_name)
	if [ -z "$version" ]; then
		lock apt
		apt_view_open
		version=$(newest_version)
		[ -n "$version" ] ||
			die "this machine's Debian suites have no source of QEMU $QEMU_VERSION"
		fetch "$version"
		echo "$version" >"$pin"
	fi

	qemu_tools
	tree=$(qemu_tree "$version")
	build=$tree/build$(qemu_flavour_suffix "$flavour")
	mkdir -p "$tree"
	log=$tree/build-$flavour.log
	[ -e "$tree/src/VERSION" ] || fetch "$version"
	unpack
	configure
	if [ "$flavour" = plain ] && [ ! -x "$tree/stock/$QEMU_BIN" ]; then
		compile "building QEMU"
		publish "$tree/stock"
	fi
	if [ "$hash" != stock ]; then
		bash "$ROOT/scripts/graft-qemu.sh" "$tree/src" || exit 1
		[ "$QEMU_TARGET" = x86_64 ] || qemu_graft_foreign "$tree/src"
		sync_device
		compile "building the device"
	fi
	if [ -n "${QEMU_OUT:-}" ]; then
		publish "$QEMU_OUT"
		return
	fi
	publish "$tree/out/$hash"
	prune
}

main "$@"; exit
