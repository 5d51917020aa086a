#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Makes sure that the Debian packages a verb needs are installed, and installs
# those that are not. With all there it only asks dpkg. It adds no package
# source and starts nothing.
#
# usage: setup.sh VERB...   (build-device build-driver build-debug build-overcommit demo test
#        test-unit bench deb test-deb style)

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# For the kernel that GUEST names, and the programs in its guest.
cross_packages() {
	case $(guest_arch "${GUEST:-6.1}") in
	arm64) echo gcc-12-aarch64-linux-gnu libc6-dev-arm64-cross ;;
	s390x) echo gcc-12-s390x-linux-gnu libc6-dev-s390x-cross ;;
	esac
}

packages_of() {
	case $1 in
	build-device)
		echo dpkg-dev xz-utils gcc libc6-dev make ninja-build meson pkg-config python3 \
			perl libglib2.0-dev libpixman-1-dev zlib1g-dev libfdt-dev libslirp-dev \
			libseccomp-dev \
			seabios ipxe-qemu qemu-system-data
		;;
	build-driver) echo gcc-12 libc6-dev make xz-utils libelf1 "$(cross_packages)" ;;
	build-overcommit)
		echo gcc libc6-dev make pkg-config libvirt-dev libglib2.0-dev libjson-glib-dev \
			libsystemd-dev
		;;
	build-debug) echo gcc-12 libc6-dev make xz-utils kmod bc flex bison libelf-dev perl ;;
	demo)
		echo qemu-system-x86 libvirt-daemon-system libvirt-clients busybox-static \
			gcc libc6-dev make python3
		;;
	test)
		echo python3-pytest python3-pytest-timeout python3-pytest-xdist strace
		packages_of test-unit
		packages_of demo
		;;
	test-unit) echo gcc g++ libc6-dev make libcmocka-dev libglib2.0-dev pkg-config relacy-dev \
			python3-pytest python3-pytest-timeout ;;
	bench)
		echo qemu-system-x86 busybox-static gcc gcc-12 libc6-dev make python3 strace \
			linux-perf
		;;
	fuzz) echo clang-14 llvm-14 libclang-rt-14-dev libstdc++-12-dev libglib2.0-dev pkg-config \
			make python3 strace ;;
	deb)
		# those of scripts/deb/debian/control
		echo debhelper dh-dkms dpkg-dev git lintian \
			libaio-dev libattr1-dev libbpf-dev libcacard-dev libcap-ng-dev \
			libgnutls28-dev libjpeg-dev libnuma-dev libpmem-dev libpng-dev \
			libsasl2-dev libspice-protocol-dev libspice-server-dev \
			libusb-1.0-0-dev libusbredirparser-dev libzstd-dev liburing-dev \
			nettle-dev "$(packages_of build-device)" "$(packages_of build-overcommit)"
		;;
	test-deb) echo debootstrap util-linux mount "$(packages_of test)" ;;
	style) echo git shellcheck sparse perl ;;
	*) die "setup.sh: unknown verb $1" ;;
	esac
}

install_packages() {
	local log
	log=$(mktemp)
	{ DEBIAN_FRONTEND=noninteractive apt-get -q -y -o APT::Status-Fd=3 \
		-o DPkg::Lock::Timeout=900 "$@" 3>&1 >"$log" 2>&1 </dev/null ||
		touch "$log.failed"; } | progress "installing packages"
	if [ -e "$log.failed" ]; then
		grep -E '^(E|Err)' "$log" | tail -n 5 >&2 || tail -n 5 "$log" >&2
		rm -f "$log.failed" "$log"
		return 1
	fi
	rm -f "$log"
}

[ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] ||
	die "this needs Debian on amd64"

wanted=$(for verb in "$@"; do packages_of "$verb"; done | tr ' ' '\n' | sort -u)
# shellcheck disable=SC2086 # a list of names
missing=$(missing_packages $wanted | paste -sd' ')
[ -n "$missing" ] || exit 0
[ "$(id -u)" = 0 ] || die "missing: apt install $missing"

say "installing: $missing"
# shellcheck disable=SC2086
install_packages install --no-install-recommends $missing && exit 0
# The lists of a fresh machine may be absent or name files long gone.
say "trying again with fresh package lists"
install_packages update || die "missing: apt install $missing"
# shellcheck disable=SC2086
install_packages install --no-install-recommends $missing || die "missing: apt install $missing"
