# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What every script of the build side shares: where the checkout and the cache
# are, how to speak to the user, how to wait for another build. Sourced, never
# run. Everything said goes to stderr: stdout belongs to the caller's answer.

set -euo pipefail
umask 022
export LC_ALL=C.UTF-8
# A kernel or a test below must not inherit the flags of the make above.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

if [ -n "${BALLONET_CACHE:-}" ]; then
	CACHE=$BALLONET_CACHE
elif [ "$(id -u)" = 0 ]; then
	CACHE=/var/cache/ballonet
else
	CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/ballonet
fi

say() { printf '%s\n' "$*" >&2; }

die() {
	printf 'error: %s\n' "$*" >&2
	exit 1
}

# The folder must be readable by other users: libvirt runs the emulator and
# opens the kernel as a user of its own.
cache_open() {
	mkdir -p "$CACHE" 2>/dev/null ||
		die "cannot create $CACHE; set BALLONET_CACHE to a folder you can write to"
	[ -w "$CACHE" ] ||
		die "cannot write to $CACHE; set BALLONET_CACHE to a folder you can write to"
	CACHE=$(cd "$CACHE" && pwd -P)
}

# need_space MIB: stops before a download or build that cannot fit.
need_space() {
	local free
	free=$(df -Pm "$CACHE" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$1" ] ||
		die "$CACHE has $free of the $1 MiB needed free; set BALLONET_CACHE to another disk"
}

# lock NAME: one build of a kind at a time among all checkouts that share the
# cache. Held until the script ends; asking again for one that is held is no
# fault.
declare -A LOCKS
lock() {
	local fd
	[ -z "${LOCKS[$1]:-}" ] || return 0
	exec {fd}>"$CACHE/.$1.lock"
	LOCKS[$1]=$fd
	flock -n "$fd" && return
	say "waiting for another build ($1)"
	flock -w 3600 "$fd" || die "another build ($1) still runs after an hour"
}

# digest: short hash of stdin, used as a cache key.
digest() { sha256sum | cut -c1-12; }

# progress LABEL [TOTAL]: turns a build's or a download's lines into one line
# with a percentage. It knows ninja's "[n/m]", apt's status lines, and kbuild,
# whose steps are counted against TOTAL, an estimate.
progress() {
	local label=$1 total=${2:-0} line pct=0 shown=-1 n=0 start=$SECONDS tty=0
	[ -t 2 ] && tty=1
	while IFS= read -r line; do
		if [[ $line =~ ^\[([0-9]+)/([0-9]+)\] ]]; then
			pct=$((100 * BASH_REMATCH[1] / BASH_REMATCH[2]))
		elif [[ $line =~ ^(dl|pm)status:[^:]*:([0-9]+) ]]; then
			pct=${BASH_REMATCH[2]}
		elif [ "$total" -gt 0 ] && [[ $line =~ ^\ \ [A-Z] ]]; then
			n=$((n + 1))
			pct=$((100 * n / total))
			[ "$pct" -lt 100 ] || pct=99
		else
			continue
		fi
		[ "$pct" != "$shown" ] || continue
		if [ "$tty" = 1 ]; then
			printf '\r\033[K%s %3d %%' "$label" "$pct" >&2
		elif [ "$shown" -lt 0 ] || [ $((pct - shown)) -ge 20 ] ||
			[ "$pct" -lt "$shown" ]; then
			printf '%s %3d %%\n' "$label" "$pct" >&2
		else
			continue
		fi
		shown=$pct
	done
	[ "$tty" = 0 ] || [ "$shown" -lt 0 ] ||
		printf '\r\033[K%s done in %d s\n' "$label" $((SECONDS - start)) >&2
}

# missing_packages NAME...: those of the Debian packages that are not installed.
missing_packages() {
	local p
	for p in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] ||
			printf '%s\n' "$p"
	done
}

# need_package NAME...: for a script run by itself, outside a make verb.
need_package() {
	local miss
	miss=$(missing_packages "$@" | paste -sd' ')
	[ -z "$miss" ] || die "missing: apt install $miss"
}

# guest_arch GUEST: Debian's name of the architecture that kernel runs on.
guest_arch() {
	case $1 in
	*-arm64*) echo arm64 ;;
	*-s390x) echo s390x ;;
	*) echo amd64 ;;
	esac
}

# guest_karch GUEST: the same, as the kernel calls it.
guest_karch() {
	case $(guest_arch "$1") in
	arm64) echo arm64 ;;
	s390x) echo s390 ;;
	amd64) echo x86 ;;
	esac
}

# guest_kconfig GUEST: the file of options, of a kernel that is built from source.
guest_kconfig() { echo "$ROOT/tests/kconfig/${1#*-}.config"; }

# guest_page GUEST: bytes of a page of that kernel.
guest_page() {
	case $1 in
	*-16k) echo 16384 ;;
	*-64k) echo 65536 ;;
	*) echo 4096 ;;
	esac
}

# guest_cross GUEST: what a compiler for it is called by, before "gcc-12";
# nothing for this machine's own.
guest_cross() {
	case $(guest_arch "$1") in
	arm64) echo aarch64-linux-gnu- ;;
	s390x) echo s390x-linux-gnu- ;;
	esac
}

# guest_dir GUEST: the cache folder of a guest kernel; it is ready when it
# holds "env". That of one built from source also depends on this checkout's options.
guest_dir() {
	case $1 in
	5.10 | 6.1 | 6.12 | 7.2 | 6.1-arm64 | 6.12-arm64 | 6.12-arm64-16k | 6.1-s390x)
		echo "$CACHE/linux-$1"
		;;
	6.1-debug | 6.1-kcsan | 6.1-arm64-64k)
		echo "$CACHE/linux-$1-$(cat "$CACHE/linux-6.1-source.version" \
			"$(guest_kconfig "$1")" 2>/dev/null | digest)"
		;;
	*) die "GUEST=$1 is not known; there are 5.10, 6.1, 6.12, 7.2, 6.1-debug, 6.1-kcsan, \
6.1-arm64, 6.12-arm64, 6.12-arm64-16k, 6.1-arm64-64k and 6.1-s390x" ;;
	esac
}
