#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Fetches the libvirt that LIBVIRT names, where that is not this machine's, and
# prints the folder it is unpacked in. Installs nothing: vmlab/otherlibvirt.py
# puts it in place for one run. Its newest revision is looked for with REFRESH=1.
#
# usage: LIBVIRT=11 libvirt.sh

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$ROOT/scripts/apt-view.sh"

# What a guest needs of it. The drivers of networks, storage and the like stay
# away: they would take the machine's own in hand.
PACKAGES=(libvirt0 libvirt-common libvirt-clients libvirt-daemon libvirt-daemon-common
	libvirt-daemon-log libvirt-daemon-driver-qemu)

suite_of() {
	case $1 in
	11) echo bookworm-backports ;;
	*) die "LIBVIRT=$1 is not known; there are 9, which is bookworm's, and 11" ;;
	esac
}

# absent_libraries ROOT: those that neither the tree nor this machine has.
absent_libraries() {
	local lib=$1/usr/lib/x86_64-linux-gnu
	LD_LIBRARY_PATH=$lib ldd "$1"/usr/sbin/{libvirtd,virtlogd} "$1/usr/bin/virsh" \
		"$lib"/libvirt/connection-driver/*.so 2>&1 |
		sed -nE 's/^[[:space:]]*([^ ]+).* not found.*/\1/p' | sort -u | paste -sd' '
}

fetch() {
	local pin=$1 suite=$2 version deb absent dir
	lock apt
	apt_view_other "$CACHE/apt-libvirt-$LIBVIRT" "deb $suite"
	apt_view_open
	need_space 100
	tmp=$(mktemp -d "$pin.XXXXXX")
	trap 'rm -rf "$tmp"' EXIT
	chmod 755 "$tmp"
	apt_view_debs "$tmp/deb" "${PACKAGES[@]/%//$suite}"
	version=$(dpkg-deb -f "$tmp"/deb/libvirt0_*.deb Version)
	[[ $version = "$LIBVIRT".* ]] || die "$suite has libvirt $version now, not $LIBVIRT"
	for deb in "$tmp"/deb/*.deb; do
		dpkg-deb -x "$deb" "$tmp/root"
	done
	rm -rf "$tmp/deb"
	absent=$(absent_libraries "$tmp/root")
	[ -z "$absent" ] || die "libvirt $version needs libraries that are not installed: $absent"
	# A run may use the one that is there.
	dir=$CACHE/libvirt-${version//[~+]/.}
	[ -d "$dir" ] || mv "$tmp" "$dir"
	ln -sfn "${dir##*/}" "$pin"
}

main() {
	local suite pin
	LIBVIRT=${LIBVIRT:-11}
	suite=$(suite_of "$LIBVIRT")
	cache_open
	pin=$CACHE/libvirt-$LIBVIRT
	lock "libvirt-$LIBVIRT"
	if [ ! -d "$pin/root" ] || [ "${REFRESH:-0}" = 1 ]; then
		fetch "$pin" "$suite"
	fi
	echo "$(cd "$pin" && pwd -P)/root"
}

main "$@"; exit
