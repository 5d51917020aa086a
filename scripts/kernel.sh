#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest kernel: Debian's cloud image with its headers, unpacked into the
# cache and never installed. GUEST=6.1-debug hands over to kernel-debug.sh.
# A finished folder holds a file "env" with KERNEL, MODULES, HEADERS, RELEASE.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$ROOT/scripts/apt-view.sh"

GUEST=${GUEST:-6.1}
META=cloud-amd64

[ "$GUEST" != 6.1-debug ] || exec bash "$ROOT/scripts/kernel-debug.sh"
guest_dir "$GUEST" >/dev/null

newest_release() {
	apt_view apt-cache depends "linux-image-$META" |
		sed -n "s/.*Depends: linux-image-\($GUEST\.[^ ]*\)$/\1/p" | head -n 1
}

# The flavour's headers name their common part by where a package manager
# would put it, so they are told where it is.
fix_headers() {
	local src=$1 final=$2
	sed -i "s|/usr/src/|$final/usr/src/|g" "$src/linux-headers-$rel/Makefile"
}

unpack() {
	local rel=$1 dir=$2 tmp common kbuild deb
	tmp=$(mktemp -d "$dir.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	common=linux-headers-${rel%-cloud-amd64}-common
	kbuild=linux-kbuild-$GUEST
	need_space 1500
	apt_view_debs "$tmp/deb" "linux-image-$rel" "linux-headers-$rel" "$common" "$kbuild"
	say "unpacking kernel $rel"
	for deb in "$tmp"/deb/*.deb; do
		dpkg-deb -x "$deb" "$tmp/root"
	done
	rm -rf "$tmp/deb"
	fix_headers "$tmp/root/usr/src" "$dir/root"
	cat >"$tmp/env" <<-END
		KERNEL=$dir/root/boot/vmlinuz-$rel
		MODULES=$dir/root/lib/modules/$rel
		HEADERS=$dir/root/usr/src/linux-headers-$rel
		RELEASE=$rel
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
		apt_view_open
		rel=$(newest_release)
		[ -n "$rel" ] ||
			die "this machine's Debian suites have no linux-image-$META of $GUEST"
		[ -e "$CACHE/linux-$rel/env" ] || unpack "$rel" "$CACHE/linux-$rel"
		ln -sfn "linux-$rel" "$current"
	fi
}

main "$@"; exit
