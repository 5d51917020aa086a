# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A package view of our own: reads the user's apt configuration, never changes
# it. It names the Debian suites of this machine, with their sources, and keeps
# its lists in the cache. Sourced after common.sh; the caller holds a lock.

APT_VIEW=$CACHE/apt
APT_VIEW_MORE=()
APT_VIEW_ARCH=

# apt_view_other FOLDER "deb|deb-src SUITE"...: a second view, kept in FOLDER,
# that also names these suites of the same mirrors. Before apt_view_open.
apt_view_other() {
	APT_VIEW=$1
	shift
	APT_VIEW_MORE=("$@")
}

# apt_view_arch ARCH: it holds this architecture's packages too, as NAME:ARCH.
# Before apt_view_open.
apt_view_arch() { APT_VIEW_ARCH=$1; }

apt_view() {
	local tool=$1 arch
	shift
	for arch in ${APT_VIEW_ARCH:+amd64 "$APT_VIEW_ARCH"}; do
		set -- -o APT::Architectures::="$arch" "$@"
	done
	"$tool" -o Dir::Etc::SourceList="$APT_VIEW/sources.list" \
		-o Dir::Etc::SourceParts=- \
		-o Dir::State::Lists="$APT_VIEW/lists" \
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= \
		-o Acquire::Retries=3 "$@"
}

# Keys that the file behind a suite's entry names; none means apt's own set.
apt_view_keys() {
	sed -nE -e 's/^Signed-By:[[:space:]]*(\/[^[:space:]]+).*/\1/p' \
		-e 's/^deb .*signed-by=([^] ]+).*/\1/p' "$1" 2>/dev/null |
		sort -u | paste -sd,
}

apt_view_write() {
	local codename uri suite part entry keys option
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	[ -n "$codename" ] || die "cannot tell this machine's Debian release from /etc/os-release"
	# shellcheck disable=SC2016 # apt expands these fields, not the shell
	apt-get indextargets --format \
		'$(REPO_URI) $(RELEASE) $(COMPONENT) $(SOURCESENTRY)' 'Created-By: Packages' |
		while read -r uri suite part entry; do
			[ "$part" = main ] || continue
			case $suite in
			"$codename" | "$codename-updates" | "$codename-security") ;;
			*) continue ;;
			esac
			keys=$(apt_view_keys "${entry%:*}")
			option=${APT_VIEW_ARCH:+arch=amd64,$APT_VIEW_ARCH }${keys:+signed-by=$keys}
			[ -z "$option" ] || option="[$option] "
			printf 'deb %s%s %s %s\n' "$option" "$uri" "$suite" "$part"
			printf 'deb-src %s%s %s %s\n' "$option" "$uri" "$suite" "$part"
			[ "$suite" != "$codename-updates" ] || continue
			for entry in "${APT_VIEW_MORE[@]}"; do
				# Security suites have a mirror of their own.
				[[ $suite = *-security && $entry = *-security ||
					$suite != *-security && $entry != *-security ]] || continue
				printf '%s %s%s %s %s\n' "${entry% *}" "$option" "$uri" \
					"${entry#* }" "$part"
			done
		done | sort -u >"$APT_VIEW/sources.list"
	[ -s "$APT_VIEW/sources.list" ] ||
		die "apt knows no Debian suite $codename on this machine; see /etc/apt/sources.list"
}

# apt downloads as a user of its own where it may; give that user the folder.
apt_view_folder() {
	mkdir -p "$1"
	[ "$(id -u)" != 0 ] || ! getent passwd _apt >/dev/null || chown _apt "$1"
}

# apt_view_open: makes the view and fetches its lists, at most twice a day
# unless REFRESH=1.
apt_view_open() {
	mkdir -p "$APT_VIEW/lists"
	if [ -e "$APT_VIEW/fresh" ] && [ "${REFRESH:-0}" != 1 ] &&
		[ -z "$(find "$APT_VIEW/fresh" -mmin +720)" ]; then
		return
	fi
	apt_view_write
	apt_view_run "package lists" apt-get update
	touch "$APT_VIEW/fresh"
}

# apt_view_run LABEL TOOL ARG...: one apt run with progress; apt's own words go
# to a log and are shown when it fails.
apt_view_run() {
	local label=$1 log=$APT_VIEW/log status=0
	shift
	{ apt_view "$@" -q -o APT::Status-Fd=3 3>&1 >"$log" 2>&1 || status=$?
	  echo "$status" >"$APT_VIEW/status"; } | progress "$label"
	[ "$(cat "$APT_VIEW/status")" = 0 ] && return
	grep -E '^(E|W|Err)' "$log" | tail -n 5 >&2 || tail -n 5 "$log" >&2
	die "$label: apt failed; the machine needs its package mirror (log: $log)"
}

# apt_view_debs FOLDER NAME...: downloads binary packages into FOLDER.
apt_view_debs() {
	local dir=$1
	shift
	apt_view_folder "$dir"
	(cd "$dir" && apt_view_run "fetching $1" apt-get download "$@")
}
