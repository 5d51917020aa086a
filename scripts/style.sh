#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The house rules that a program can check. Reports every fault before it
# fails. The kernel's and QEMU's own checkers come from their source packages.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$ROOT/scripts/apt-view.sh"
. "$ROOT/scripts/qemu-config.sh"

SERIES=6.1
LONG=600
TOO_LONG=900
WIDE=100
faults=0
# The last part of a pipe counts in this shell.
shopt -s lastpipe

fault() {
	say "style: $*"
	faults=$((faults + 1))
}

# report WHAT: prints the faults that come in on stdin, counts one when any.
report() {
	local text
	text=$(cat)
	[ -n "$text" ] || return 0
	printf '%s\n' "$text" | sed "s|$ROOT/||g" >&2
	fault "$1"
}

# pick ARGS...: grep, for which finding nothing is no failure.
pick() {
	local status=0
	grep "$@" || status=$?
	[ "$status" -le 1 ]
}

# checked MOST COMMAND...: what it says; a status above MOST, by which it tells of
# faults, is that of a checker that broke off.
checked() {
	local most=$1 status=0
	shift
	"$@" 2>&1 || status=$?
	[ "$status" -le "$most" ] || echo "$1 broke off with status $status"
}

# judged: of what checkpatch says what counts. It is given a file with a fault last:
# where that is not told, it judged nothing, or died on the way.
judged() {
	local text
	text=$(cat)
	printf '%s\n' "$text" | pick -E 'ERROR|WARNING|broke off' | pick -vF "$scratch/bad.c"
	printf '%s\n' "$text" | grep -qF "$scratch/bad.c" || echo "checkpatch does not judge"
}

# Files of the checkout that git would carry, by extension pattern.
files() {
	cd "$ROOT" && git -c safe.directory='*' ls-files -co --exclude-standard -- "$@" | sort -u |
		while IFS= read -r f; do [ ! -f "$f" ] || printf '%s\n' "$f"; done
}

# in_files PATTERN: where it is in the files whose names come in on stdin.
in_files() {
	local names
	mapfile -t names
	[ ${#names[@]} = 0 ] || pick -nE "$1" /dev/null "${names[@]}"
}

kernel_checkpatch() {
	local dir=$CACHE/checkpatch-$SERIES tmp whole
	# The debug kernel's source has it too.
	for whole in "$CACHE/linux-source-$SERIES".*/scripts/checkpatch.pl; do
		[ ! -e "$whole" ] || { echo "$whole"; return; }
	done
	if [ ! -e "$dir/checkpatch.pl" ]; then
		lock checkpatch
		lock apt
		apt_view_open
		need_space 600
		tmp=$(mktemp -d "$dir.XXXXXX")
		apt_view_debs "$tmp/deb" "linux-source-$SERIES"
		say "unpacking checkpatch"
		dpkg-deb --fsys-tarfile "$tmp"/deb/*.deb |
			tar -xO "./usr/src/linux-source-$SERIES.tar.xz" |
			tar -xJ -C "$tmp" --strip-components=2 --wildcards \
				'*/scripts/checkpatch.pl' '*/scripts/spelling.txt' \
				'*/scripts/const_structs.checkpatch'
		rm -rf "$tmp/deb" "$dir"
		chmod a+rx "$tmp"
		mv "$tmp" "$dir"
	fi
	echo "$dir/checkpatch.pl"
}

# Both checkers judge files here, not patches, and know no tree around them.
check_kernel_side() {
	local pl
	pl=$(kernel_checkpatch)
	mapfile -t list < <(files 'guest-driver/*.c' 'guest-driver/*.h' 'spec/*.h')
	[ ${#list[@]} -gt 0 ] || return 0
	# It leaves a file of names where it runs.
	(cd "$scratch" && checked 1 perl "$pl" --no-tree --terse \
		--show-types --max-line-length=100 \
		--ignore FILE_PATH_CHANGES,LINUX_VERSION_CODE,SPLIT_STRING \
		--ignore CONSTANT_COMPARISON,PREFER_DEFINED_ATTRIBUTE_MACRO \
		-f "${list[@]/#/$ROOT/}" "$scratch/bad.c") |
		judged | report "checkpatch (kernel)"
}

# Left out: what it says of the line length (ours is checked below), of the
# loop macros, whose space QEMU's own code has, and of compat.h's macros.
check_qemu_side() {
	local pl
	pl=$(qemu_tree "$(cat "$CACHE/qemu-$QEMU_VERSION.version")")/src/scripts/checkpatch.pl
	mapfile -t list < <(files qemu-device/'*.[ch]' overcommit/'*.[ch]')
	[ ${#list[@]} -gt 0 ] || return 0
	checked 1 perl "$pl" --no-tree --terse -f "${list[@]}" "$scratch/bad.c" | judged |
		pick -vE 'line over|architecture specific|/compat\.h:' |
		pick -v 'space prohibited between function' |
		report "checkpatch (QEMU)"
}

check_shell() {
	mapfile -t list < <(files | while IFS= read -r f; do
		case $f in *.sh) echo "$f" ;; *) head -c 40 "$f" | head -n 1 | tr -d '\0' |
			pick -E '^#!/bin/(ba)?sh' | sed "s|.*|$f|" ;; esac
	done)
	checked 1 shellcheck -x -e SC1091 "${list[@]}" | report shellcheck
}

check_rules() {
	local f n want first
	# Which kernel it is may be asked in one folder only; the model of a kernel has a version.
	files 'guest-driver/*' 'tests/*.c' 'tests/*.h' |
		pick -vE '^(guest-driver/compat|tests/unit/shim)/' |
		in_files 'LINUX_VERSION_CODE|KERNEL_VERSION *\(' |
		report "the kernel's version is asked outside guest-driver/compat"
	files '*.c' '*.h' '*.sh' '*.py' '*/Makefile' '*/Kbuild' | while IFS= read -r f; do
		case $f in
		guest-driver/*) want='GPL-2.0-only' ;;
		spec/*) want='BSD-3-Clause' ;;
		*) want='GPL-2.0-or-later' ;;
		esac
		first=$(head -n 3 "$f" | grep -m 1 'SPDX-License-Identifier' || true)
		case $first in
		*"$want"*) ;;
		*) echo "$f: the first lines lack SPDX-License-Identifier: $want" ;;
		esac
	done | report "licence lines"
	files '*.c' '*.h' '*.sh' '*.py' | while IFS= read -r f; do
		expand "$f" | awk -v f="$f" -v w="$WIDE" \
			'length > w { print f ":" NR ": over " w " columns" }'
	done | report "line length"
	files '*.c' '*.h' '*.sh' '*.py' 'Makefile' '*.md' | in_files '[[:space:]]+$' |
		report "trailing white space"
	files '*.c' '*.h' '*.sh' '*.py' | while IFS= read -r f; do
		n=$(wc -l <"$f")
		[ "$n" -le "$LONG" ] || say "note: $f has $n lines"
		[ "$n" -le "$TOO_LONG" ] || echo "$f: more than $TOO_LONG lines"
	done | report "file length"
}

# A function is read whole before it runs: an edit of this file meanwhile does
# no harm.
main() {
	cache_open
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	printf 'int x ;  \n' >"$scratch/bad.c"
	cd "$ROOT" || exit 1
	[ -n "$(files Makefile)" ] || die "style: needs a git checkout"
	check_rules
	/usr/bin/python3 "$ROOT/scripts/conformance.py" || fault "spec/conformance.tsv"
	/usr/bin/python3 -B "$ROOT/scripts/mutants.py" --check || fault "tests/mutants"
	bash "$ROOT/scripts/deb.sh" check || fault "Debian packages"
	check_shell
	[ -z "$(files 'qemu-device/*.c')" ] || check_qemu_side
	if [ -e guest-driver/Kbuild ]; then
		check_kernel_side
		bash "$ROOT/scripts/driver.sh" sparse || fault sparse
	fi
	[ "$faults" = 0 ] || die "style: $faults kinds of faults"
	say "style: no faults"
}

main "$@"; exit
