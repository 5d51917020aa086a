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
# A check that greps for faults ends in "nothing found"; that is no failure.
set +o pipefail
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
	[ -z "$text" ] && return
	printf '%s\n' "$text" | sed "s|$ROOT/||g" >&2
	fault "$1"
}

# Files of the checkout that git would carry, by extension pattern.
files() {
	cd "$ROOT" && git -c safe.directory='*' ls-files -co --exclude-standard -- "$@" | sort -u |
		while IFS= read -r f; do [ ! -f "$f" ] || printf '%s\n' "$f"; done
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
	(cd "$scratch" && perl "$pl" --no-tree --terse --no-summary \
		--show-types --max-line-length=100 \
		--ignore FILE_PATH_CHANGES,LINUX_VERSION_CODE,SPLIT_STRING \
		--ignore CONSTANT_COMPARISON,PREFER_DEFINED_ATTRIBUTE_MACRO \
		-f "${list[@]/#/$ROOT/}" 2>&1) |
		grep -E 'ERROR|WARNING' | report "checkpatch (kernel)"
}

# Left out: what it says of the line length (ours is checked below), of the
# loop macros, whose space QEMU's own code has, and of compat.h's macros.
check_qemu_side() {
	local pl
	pl=$(qemu_tree "$(cat "$CACHE/qemu-$QEMU_VERSION.version")")/src/scripts/checkpatch.pl
	mapfile -t list < <(files 'qemu-device/*.c' 'qemu-device/*.h')
	[ ${#list[@]} -gt 0 ] || return 0
	perl "$pl" --no-tree --terse --no-summary -f "${list[@]}" 2>&1 |
		grep -E 'ERROR|WARNING' |
		grep -vE 'line over|architecture specific|/compat\.h:' |
		grep -v 'space prohibited between function' |
		report "checkpatch (QEMU)"
}

check_shell() {
	mapfile -t list < <(files | while IFS= read -r f; do
		case $f in *.sh) echo "$f" ;; *) head -c 40 "$f" | head -n 1 | tr -d '\0' |
			grep -qE '^#!/bin/(ba)?sh' && echo "$f" ;; esac
	done)
	shellcheck -x -e SC1091 "${list[@]}" 2>&1 | report shellcheck
}

check_rules() {
	local f n want first
	# Which kernel it is may be asked in one folder only; the model of a kernel has a version.
	files 'guest-driver/*' 'tests/*.c' 'tests/*.h' |
		grep -vE '^(guest-driver/compat|tests/unit/shim)/' |
		xargs -r grep -nE 'LINUX_VERSION_CODE|KERNEL_VERSION *\(' |
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
	files '*.c' '*.h' '*.sh' '*.py' 'Makefile' '*.md' | xargs -r grep -nE '[[:space:]]+$' |
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
