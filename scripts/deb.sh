#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The Debian packages: ballonet-dkms, the guest driver's source for DKMS,
# qemu-system-ballonet, the emulator, and ballonetd, the overcommit daemon. Lays
# the checkout out as a Debian source tree in build/deb, builds there and leaves
# the packages in build/deb/*.deb. The emulator comes from the cache; nothing is
# installed.
#
# usage: deb.sh          builds them, and asks lintian
#        deb.sh check    that what the packages say of kernels is what the driver says
#
# QEMU_VERSION=7.2, 10.0 or 10.2

# The packages are for this machine's architecture.
export GUEST=6.1

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$ROOT/scripts/qemu-config.sh"

OUT=$ROOT/build/deb
WHO="Ballonet developers <ballonet@localhost.invalid>"
git() { command git -C "$ROOT" -c safe.directory='*' "$@"; }

# Sorts by the commit's time, and before a release 0.1.
package_version() {
	local commit
	commit=$(git log -1 --date=format:%y%m%d%H%M --abbrev=7 --format=%cd.%h) ||
		die "make deb needs a git checkout: the packages are named after its commit"
	echo "0.1~git$commit$([ -z "$(git status --porcelain)" ] || echo .wip)"
}

# The licence as a field of a copyright file.
bsd_text() {
	echo "License: BSD-3-Clause"
	sed -e 's/^$/./' -e 's/^/ /' "$ROOT/LICENSES/BSD-3-Clause.txt"
}

lay_out() {
	local src=$1 debian=$1/debian tree=$2 file
	git ls-files -co --exclude-standard -- guest-driver qemu-device overcommit spec scripts \
		LICENSE LICENSES README.md | while IFS= read -r file; do
		[ -f "$ROOT/$file" ] || continue
		mkdir -p "$(dirname "$src/$file")"
		cp --preserve=mode "$ROOT/$file" "$src/$file"
	done
	mv "$src/scripts/deb/debian" "$debian"
	bsd_text | tee -a "$debian/copyright" >>"$debian/copyright.device"
	cp "$tree/src/debian/copyright" "$debian/qemu.copyright"
	cp "$tree/src/VERSION" "$debian/qemu.release"
	echo "$qemu" >"$debian/qemu.version"
	cat >"$debian/changelog" <<-END
		ballonet ($version) unstable; urgency=medium

		  * Built from the commit that the version names; CHANGELOG.md has the changes.

		 -- $WHO  $(git log -1 --format=%cD)
	END
}

# debhelper's steps as lines that progress() counts.
steps() { sed -u -n 's/^   dh_/  DH_/p'; }

build() {
	local version qemu src log=$OUT/build.log
	need_package debhelper dh-dkms lintian dpkg-dev
	[ -e "$CACHE/qemu-$QEMU_VERSION.version" ] ||
		die "the emulator is not built: run make build-device"
	CACHE=$(cd "$CACHE" && pwd -P)
	version=$(package_version)
	qemu=$(cat "$CACHE/qemu-$QEMU_VERSION.version")
	src=$OUT/ballonet-$version
	rm -rf "$OUT"
	mkdir -p "$src"
	say "packages of version $version, with QEMU $qemu"
	lay_out "$src" "$(qemu_tree "$qemu")"

	# Its sources there are those here, and so is the name they give it.
	export BALLONET_EMULATOR
	BALLONET_EMULATOR=$(qemu_tree "$qemu")/out/$(qemu_device_hash)
	BALLONET_EMULATOR+=$(qemu_flavour_suffix full)/$QEMU_BIN
	export BALLONET_CACHE=$CACHE QEMU_VERSION SOURCE_DATE_EPOCH
	# Before debian/rules asks for it: here its progress is seen.
	QEMU_FULL=1 bash "$ROOT/scripts/qemu.sh"
	SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
	{ (cd "$src" && nice dpkg-buildpackage -b -us -uc 2>&1) ||
		echo "dpkg-buildpackage failed"; } |
		tee "$log" | steps | progress "building packages" 21
	[ "$(tail -n 1 "$log")" != "dpkg-buildpackage failed" ] || {
		grep -E '(error|Error|unmet)' "$log" | tail -n 5 >&2
		die "the packages do not build (log: $log)"
	}
	rm -rf "$src"

	say "asking lintian"
	lintian --allow-root --fail-on error,warning \
		"$OUT"/*.changes >&2 || die "lintian finds fault with the packages"
	for src in "$OUT"/*.deb; do
		printf '%s\n' "${src#"$ROOT/"}"
	done
}

# The packages' words about kernels stand in three places that no program joins.
check() {
	local named regex kernel driver=$ROOT/guest-driver
	named=$(sed -n 's/.*supported: \([0-9., ]*\)).*/\1/p' "$driver/compat/Kbuild.include")
	regex=$(sed -n 's/^BUILD_EXCLUSIVE_KERNEL="\(.*\)"/\1/p' "$driver/dkms.conf")
	[[ $named && $regex ]] || die "deb.sh check: cannot read the kernels' names"
	for kernel in ${named//,/}; do
		[[ $kernel.7-cloud-amd64 =~ $regex ]] ||
			die "dkms.conf refuses Linux $kernel, which compat/Kbuild.include names"
	done
	for kernel in 4.19.1 5.1.0 5.100.1 6.2.0 6.11.0 6.120.1 7.1.0 7.20.1 16.1.0; do
		[[ ! $kernel-amd64 =~ $regex ]] || die "guest-driver/dkms.conf takes Linux $kernel"
	done
	grep -qF "Linux ${named%, *} and ${named##*, }" "$driver/dkms.conf" ||
		die "guest-driver/dkms.conf tells of other kernels than compat/Kbuild.include"
	grep -qF "Linux ${named%, *} and ${named##*, }" "$ROOT/scripts/deb/debian/control" ||
		die "scripts/deb/debian/control tells of other kernels than compat/Kbuild.include"
}

main() {
	case ${1:-} in
	'') build ;;
	check) check ;;
	*) die "usage: deb.sh [check]" ;;
	esac
}

main "$@"; exit
