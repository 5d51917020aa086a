#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Guest kernels that Debian has no package of: its kernel source with the few
# options of a file in tests/kconfig. GUEST=6.1-debug is one that checks the
# driver, 6.1-arm64-64k one with large pages. Keyed by source version and that
# file. Leaves the same "env" as kernel.sh does; HEADERS is its build folder.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$ROOT/scripts/apt-view.sh"

GUEST=${GUEST:-6.1-debug}
SERIES=6.1
fragment=$(guest_kconfig "$GUEST")
machine=$(guest_karch "$GUEST")
cross=$(guest_cross "$GUEST")
# Compile steps of such a build, for the percentage; being off only shows.
case $machine in
x86) STEPS=1750 image=arch/x86/boot/bzImage ;;
arm64) STEPS=1500 image=arch/arm64/boot/Image ;;
esac
pin=$CACHE/linux-$SERIES-source.version

fetch() {
	local version=$1 src=$2 tmp
	[ ! -e "$src/Kbuild" ] || return 0
	need_space 6000
	tmp=$(mktemp -d "$src.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	apt_view_debs "$tmp/deb" "linux-source-$SERIES=$version"
	say "unpacking kernel source $version (about a minute)"
	dpkg-deb -x "$tmp"/deb/*.deb "$tmp/root"
	mkdir "$tmp/src"
	tar -C "$tmp/src" --strip-components=1 -xf "$tmp/root/usr/src/linux-source-$SERIES.tar.xz"
	rm -rf "$src"
	mv "$tmp/src" "$src"
	rm -rf "$tmp"
	trap - EXIT
	chmod a+rx "$src"
}

build() {
	local src=$1 dir=$2 log=$2/build.log release
	mkdir -p "$dir/build"
	say "configuring the kernel $GUEST"
	kbuild -C "$src" O="$dir/build" KCONFIG_ALLCONFIG="$fragment" allnoconfig \
		>"$log" 2>&1 ||
		{ tail -n 5 "$log" >&2; die "the kernel $GUEST does not configure (log: $log)"; }
	check_config "$dir/build/.config"
	{
		kbuild -C "$dir/build" -j"$(nproc)" "${image##*/}" modules 2>&1 ||
			echo "make failed"
	} | tee -a "$log" | progress "building the kernel $GUEST" "$STEPS"
	if [ "$(tail -n 1 "$log")" = "make failed" ]; then
		grep -E 'error|Error' "$log" | tail -n 10 >&2
		die "the kernel $GUEST does not build (log: $log)"
	fi
	kbuild -C "$dir/build" INSTALL_MOD_PATH="$dir/root" modules_install >>"$log" 2>&1 ||
		die "the modules of the kernel $GUEST do not install (log: $log)"
	release=$(cat "$dir/build/include/config/kernel.release")
	cat >"$dir/env.new" <<-END
		KERNEL=$dir/build/$image
		MODULES=$dir/root/lib/modules/$release
		HEADERS=$dir/build
		RELEASE=$release
		BUSYBOX=$(busybox)
	END
	chmod -R a+rX "$dir"
	mv "$dir/env.new" "$dir/env"
}

kbuild() { nice make ARCH="$machine" CROSS_COMPILE="$cross" CC="${cross}gcc-12" "$@"; }

# Another machine's comes with that machine's kernel of Debian.
busybox() {
	[ -n "$cross" ] || return 0
	GUEST=$SERIES-$(guest_arch "$GUEST") bash "$ROOT/scripts/kernel.sh" >&2 || exit 1
	sed -n 's/^BUSYBOX=//p' "$(guest_dir "$SERIES-$(guest_arch "$GUEST")")/env"
}

# An option that kconfig drops silently would make a test check nothing.
check_config() {
	local want lost=
	while IFS= read -r want; do
		grep -qxF "$want" "$1" || lost+=" ${want%%=*}"
	done < <(grep '^CONFIG_' "$fragment")
	[ -z "$lost" ] || say "note: kconfig left out$lost"
}

# A function is read whole before it runs: an edit of this file meanwhile does
# no harm.
main() {
	cache_open
	dir=$(guest_dir "$GUEST")
	[ ! -e "$dir/env" ] || [ "${REFRESH:-0}" = 1 ] || exit 0

	lock "linux-$GUEST"
	if [ ! -e "$pin" ] || [ "${REFRESH:-0}" = 1 ]; then
		lock apt
		apt_view_open
		apt_view apt-cache madison "linux-source-$SERIES" | awk '{ print $3 }' |
			sort -V | tail -n 1 >"$pin.new"
		[ -s "$pin.new" ] || die "this machine's Debian suites have no linux-source-$SERIES"
		mv "$pin.new" "$pin"
		dir=$(guest_dir "$GUEST")
	fi
	[ ! -e "$dir/env" ] || exit 0
	version=$(cat "$pin")
	fetch "$version" "$CACHE/linux-source-$version"
	build "$CACHE/linux-source-$version" "$dir"
}

main "$@"; exit
