# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What one guest kernel's packages need that another's do not: the suites they
# are in, how they are told apart there, what makes them work unpacked on this
# machine. 6.1 is among the suites of a Debian 12. Sourced after common.sh and
# apt-view.sh, by kernel.sh.

# kernel_flavour GUEST: as the packages' names end. A name's own end first, for
# what comes in page sizes.
kernel_flavour() {
	case $1 in
	*-arm64-16k) echo arm64-16k ;;
	*-arm64) echo cloud-arm64 ;;
	*-s390x) echo s390x ;;
	*) echo cloud-amd64 ;;
	esac
}

# kernel_suites GUEST: points the package view at them; each its own, so that
# no other kernel waits for its lists.
kernel_suites() {
	KERNEL_FLAVOUR=$(kernel_flavour "$1")
	KERNEL_ARCH=$(guest_arch "$1")
	[ "$KERNEL_ARCH" = amd64 ] || apt_view_arch "$KERNEL_ARCH"
	case $1 in
	6.1-arm64 | 6.1-s390x) apt_view_other "$CACHE/apt-linux-$1" ;;
	6.12-*) apt_view_other "$CACHE/apt-linux-$1" "deb bookworm-backports" ;;
	5.10) apt_view_other "$CACHE/apt-linux-$1" "deb bullseye" "deb bullseye-security" ;;
	6.12) apt_view_other "$CACHE/apt-linux-$1" "deb bookworm-backports" ;;
	7.2) apt_view_other "$CACHE/apt-linux-$1" "deb trixie" "deb trixie-backports" ;;
	esac
}

# kernel_newest GUEST: the newest release of that series in the view.
kernel_newest() {
	apt_view apt-cache pkgnames "linux-image-${1%%-*}." |
		sed -n "s/^linux-image-\([0-9.]*[-+][0-9a-z+~.]*-$KERNEL_FLAVOUR\)$/\1/p" |
		sort -V | tail -n 1
}

# kernel_debs RELEASE: what is to be unpacked; headers of another machine's
# kernel with this machine's tools. In 7.2 linux-image only asks for the
# packages that hold the image and the modules.
kernel_debs() {
	local own=
	[ "$KERNEL_ARCH" = amd64 ] || own=:$KERNEL_ARCH
	printf '%s\n' "linux-image-$1$own" "linux-headers-$1$own"
	[ -z "$own" ] || printf '%s\n' "busybox-static$own"
	apt_view apt-cache depends "linux-headers-$1$own" | sed -nE \
		's/^ *Depends: <?(linux-headers-[^:]*-common|linux-kbuild-[^:]*)(:.*)?$/\1/p'
	apt_view apt-cache depends "linux-image-$1$own" |
		sed -nE 's/^ *Depends: (linux-(binary|modules)-.*)$/\1/p'
}

# kernel_adapt ROOT FINAL: makes packages unpacked in ROOT, to be moved to
# FINAL, work where they are, with this machine's compiler and C library.
kernel_adapt() {
	local headers=("$1"/usr/src/linux-headers-*-"$KERNEL_FLAVOUR")
	# The flavour's headers name their common part by where a package manager
	# would put it.
	sed -i "s|/usr/src/|$2/usr/src/|g" "${headers[0]}/Makefile"
	# Type information for tracers, made from this, would need pahole.
	rm -f "${headers[0]}/vmlinux"
	kernel_adapt_compiler "${headers[0]}/include"
	kernel_adapt_tools "$1" "$2"
}

# What the kernel was configured to use of a younger gcc than ours.
kernel_adapt_compiler() {
	sed -i -E '/CONFIG_CC_HAS_(MIN_FUNCTION_ALIGNMENT|ASSUME)\>/d' \
		"$1/config/auto.conf" "$1/generated/autoconf.h"
}

# Tools that want a younger C library than this machine has are run with one
# of their own.
kernel_adapt_tools() {
	local tool libc=newer-libc
	for tool in "$1"/usr/lib/linux-kbuild-*/scripts/mod/modpost.real-lsb-64 \
		"$1"/usr/lib/linux-kbuild-*/tools/objtool/objtool.real-x86; do
		[ -e "$tool" ] || continue
		grep -q 'GLIBC.*not found' <(ldd "$tool" 2>&1) || continue
		if [ ! -d "$1/$libc" ]; then
			apt_view_debs "$1/$libc.deb" libc6/trixie
			dpkg-deb -x "$1/$libc.deb"/*.deb "$1/$libc"
			rm -rf "$1/$libc.deb"
		fi
		mv "$tool" "$tool.elf"
		cat >"$tool" <<-END
			#!/bin/sh
			lib=$2/$libc/usr/lib/x86_64-linux-gnu
			exec "\$lib/ld-linux-x86-64.so.2" \\
				--library-path "\$lib:/usr/lib/x86_64-linux-gnu" "\$0.elf" "\$@"
		END
		chmod a+x "$tool"
	done
}
