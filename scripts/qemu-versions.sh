# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What building one version of QEMU needs that another does not: the suite its
# source is in and the tools this machine's Debian is too old to have. 7.2, the
# default, needs nothing. Sourced after common.sh, qemu-config.sh and
# apt-view.sh, by qemu.sh alone; none of it is part of a cache key.

# meson's lowest version that QEMU 10.0 and 10.2 take; bookworm has 1.0, its backports
# have what is wanted.
MESON_LEAST=1.5

# qemu_suites: points the package view at what this version is made of. A
# view of its own: the usual one need not fetch the lists of three suites.
# sid's list and trixie-backports' also name 11.1, but the archive has none of its
# files (2026-11); 10.2 is the newest that it gives out, and sid's list still has it.
qemu_suites() {
	case $QEMU_VERSION in
	7.2) ;;
	10.0) apt_view_other "$CACHE/apt-qemu-$QEMU_VERSION" "deb-src trixie" \
		"deb-src trixie-security" "deb bookworm-backports" ;;
	10.2) apt_view_other "$CACHE/apt-qemu-$QEMU_VERSION" "deb-src sid" \
		"deb bookworm-backports" ;;
	*) die "QEMU_VERSION=$QEMU_VERSION is not known; there are 7.2, 10.0 and 10.2" ;;
	esac
}

meson_fits() {
	[ "$(printf '%s\n' "$MESON_LEAST" "$1" | sort -V | head -n 1)" = "$MESON_LEAST" ]
}

# qemu_tools: makes meson new enough for configure and for ninja, which runs it
# again. Unpacked, not installed; it is all python.
qemu_tools() {
	local dir=$CACHE/meson-for-qemu-$QEMU_VERSION
	[ "$QEMU_VERSION" != 7.2 ] || return 0
	! meson_fits "$(meson --version)" || return 0
	if [ ! -e "$dir/complete" ]; then
		lock apt
		apt_view_open
		rm -rf "$dir"
		mkdir -p "$dir"
		apt_view_debs "$dir" meson/bookworm-backports
		dpkg-deb -x "$dir"/meson_*.deb "$dir/root"
		touch "$dir/complete"
	fi
	export PYTHONPATH=$dir/root/usr/lib/python3/dist-packages
	export PYTHONDONTWRITEBYTECODE=1
}
