#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A bare Debian of this machine's release in the cache, with the machine's own
# package sources, and prints where it is. Tests lay a file system of their own
# over it; nobody writes to it. Needs root.

. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
. "$ROOT/scripts/apt-view.sh"

# Its contents depend on this file alone; the package lists are renewed in each
# use.
make_base() {
	local base=$1 codename=$2 tmp uri
	lock apt
	apt_view_open
	uri=$(sed -nE "s/^deb (\[[^]]*\] )?([^ ]+) $codename main$/\2/p" "$APT_VIEW/sources.list" |
		head -n 1)
	[ -n "$uri" ] || die "apt knows no mirror of $codename; see /etc/apt/sources.list"
	need_space 1500
	say "bootstrapping Debian $codename from $uri"
	tmp=$(mktemp -d "$base.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	nice debootstrap --variant=minbase "$codename" "$tmp/root" "$uri" >"$tmp/log" 2>&1 ||
		{ tail -n 5 "$tmp/log" >&2; die "debootstrap failed"; }
	grep '^deb ' "$APT_VIEW/sources.list" >"$tmp/root/etc/apt/sources.list"
	# What a package starts would run on this machine.
	printf '#!/bin/sh\nexit 101\n' >"$tmp/root/usr/sbin/policy-rc.d"
	chmod 755 "$tmp" "$tmp/root/usr/sbin/policy-rc.d"
	rm -rf "$tmp"/root/var/cache/apt/archives/*.deb
	mv "$tmp" "$base"
	trap - EXIT
}

main() {
	local codename base
	[ "$(id -u)" = 0 ] || die "debootstrap and chroot need root"
	need_package debootstrap
	cache_open
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	base=$CACHE/chroot-$codename-$(digest <"${BASH_SOURCE[0]}")
	lock "chroot-$codename"
	[ -d "$base" ] || make_base "$base" "$codename"
	mkdir -p "$CACHE/chroot-debs/partial"
	echo "$base/root"
}

main "$@"; exit
