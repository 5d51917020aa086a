#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest kernel: Debian's cloud image with its headers, unpacked into the
# cache and never installed. Where there is a file of
# options for it, hands over to kernel-build.sh.
# A finished folder holds a file "env" with KERNEL, MODULES, HEADERS, RELEASE
# and, for another machine's kernel, a BUSYBOX of that machine.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$ROOT/scripts/apt-view.sh"
. "$ROOT/scripts/kernel-versions.sh"

GUEST=${GUEST:-6.1}

guest_dir "$GUEST" >/dev/null
[ ! -e "$(guest_kconfig "$GUEST")" ] || exec bash "$ROOT/scripts/kernel-build.sh"

# first_of PATH...: the first that is there.
first_of() {
	local path
	for path in "$@"; do
		[ ! -e "$path" ] || { echo "$path"; return; }
	done
	die "the packages of kernel $rel hold none of: $*"
}

unpack() {
	local rel=$1 dir=$2 tmp deb image modules busybox
	tmp=$(mktemp -d "$dir.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	need_space 1500
	kernel_debs "$rel" >"$tmp/names"
	mapfile -t names <"$tmp/names"
	apt_view_debs "$tmp/deb" "${names[@]}"
	say "unpacking kernel $rel"
	for deb in "$tmp"/deb/*.deb; do
		dpkg-deb -x "$deb" "$tmp/root"
	done
	rm -rf "$tmp/deb" "$tmp/names"
	kernel_adapt "$tmp/root" "$dir/root"
	modules=$(first_of "$tmp"/root/{usr/,}lib/modules/"$rel")
	image=$(first_of "$tmp/root/boot/vmlinuz-$rel" "$modules/vmlinuz")
	busybox=
	[ "$KERNEL_ARCH" = amd64 ] || busybox=$(first_of "$tmp"/root/{usr/,}bin/busybox)
	cat >"$tmp/env" <<-END
		KERNEL=$dir${image#"$tmp"}
		MODULES=$dir${modules#"$tmp"}
		HEADERS=$dir/root/usr/src/linux-headers-$rel
		RELEASE=$rel
		BUSYBOX=${busybox:+$dir${busybox#"$tmp"}}
	END
	chmod -R a+rX "$tmp"
	rm -rf "$dir"
	mv "$tmp" "$dir"
	trap - EXIT
}

# A function is read whole before it runs: an edit of this file meanwhile does
# no harm.
main() {
	cache_open
	lock "linux-$GUEST"
	current=$(guest_dir "$GUEST")
	if [ ! -e "$current/env" ] || [ "${REFRESH:-0}" = 1 ]; then
		lock apt
		kernel_suites "$GUEST"
		apt_view_open
		rel=$(kernel_newest "$GUEST")
		[ -n "$rel" ] ||
			die "Debian's suites have no linux-image-$GUEST*-$KERNEL_FLAVOUR"
		[ -e "$CACHE/linux-$rel/env" ] || unpack "$rel" "$CACHE/linux-$rel"
		ln -sfn "linux-$rel" "$current"
	fi
}

main "$@"; exit
