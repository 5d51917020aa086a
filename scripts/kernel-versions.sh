# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What one guest kernel's packages need that another's do not: the suites they
# are in, and how they are told apart there. 6.1 is among the suites of a
# Debian 12. Sourced after common.sh and apt-view.sh, by kernel.sh.

KERNEL_FLAVOUR=cloud-amd64

# kernel_suites GUEST: points the package view at them; each its own, so that
# no other kernel waits for its lists.
kernel_suites() {
	case $1 in
	5.10) apt_view_other "$CACHE/apt-linux-$1" "deb bullseye" "deb bullseye-security" ;;
	6.12) apt_view_other "$CACHE/apt-linux-$1" "deb bookworm-backports" ;;
	esac
}

# kernel_newest GUEST: the newest release of that series in the view.
kernel_newest() {
	apt_view apt-cache pkgnames "linux-image-$1." |
		sed -n "s/^linux-image-\([0-9.]*[-+][0-9a-z+~.]*-$KERNEL_FLAVOUR\)$/\1/p" |
		sort -V | tail -n 1
}

# kernel_debs RELEASE: what is to be unpacked.
kernel_debs() {
	printf '%s\n' "linux-image-$1" "linux-headers-$1"
	apt_view apt-cache depends "linux-headers-$1" |
		sed -nE 's/^ *Depends: (linux-headers-.*-common|linux-kbuild-.*)$/\1/p'
}
