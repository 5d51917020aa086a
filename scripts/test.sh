#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs kinds of tests one after the other, goes on after a failing one, and
# closes with one line for all: "N passed, M failed, K skipped in T s".
#
# usage: test.sh KIND...    (style unit qtest vm interop speed debug migration
#                          qemu long matrix deb arch-GUEST libvirt-VERSION)
#        KIND+KIND          the second beside the first, shown after it: a guest
#                          under test waits for its host as long as it runs
#        ARGS="-k shrink"   goes to pytest

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

passed=0
failed=0
skipped=0
bad=
started=$SECONDS
out=$(mktemp)
aside=$(mktemp)
helper=
aside_since=
trap 'rm -f "$out" "$aside"' EXIT
# A job of its own process group hears nothing of a Ctrl-C by itself.
trap 'stop_aside; exit 130' INT TERM

# run COMMAND...: shows and keeps what it says. No terminal and no input, so
# that a run looks the same by hand and in CI.
run() {
	"$@" </dev/null 2>&1 | tee "$out"
	return "${PIPESTATUS[0]}"
}

unheard() {
	local k=$1 out=$aside
	kind "$k" >/dev/null
}

# start_aside KIND: runs it meanwhile, heard only by its file.
start_aside() {
	aside_since=$SECONDS
	set -m
	unheard "$1" &
	helper=$!
	set +m
}

# shellcheck disable=SC2317 # the trap calls it
stop_aside() {
	[ -n "$helper" ] || return 0
	kill -INT -- "-$helper" 2>/dev/null || true
	wait "$helper" || true
	helper=
}

# end_aside: its end, and what it said.
# shellcheck disable=SC2317 # by way of one()
end_aside() {
	local status=0
	tail -n +1 -f --pid="$helper" "$aside"
	wait "$helper" || status=$?
	helper=
	cp "$aside" "$out"
	return "$status"
}

# tally KIND STATUS: takes the counts from cmocka's or pytest's own closing
# lines. A kind that failed without a count is one failure.
tally() {
	local p f s
	p=$(cmocka_count PASSED)
	f=$(cmocka_count FAILED)
	s=$(cmocka_count SKIPPED)
	p=$((p + $(pytest_count passed)))
	f=$((f + $(pytest_count failed) + $(pytest_count 'errors?')))
	s=$((s + $(pytest_count skipped)))
	if [ "$2" = 0 ]; then
		[ $((p + f + s)) -gt 0 ] || p=1
	else
		[ "$f" -gt 0 ] || f=1
		bad+=" $1"
	fi
	passed=$((passed + p))
	failed=$((failed + f))
	skipped=$((skipped + s))
}

# Nothing found is nought, not an error.
cmocka_count() {
	{ grep -oE "\[ *$1 *\] [0-9]+ test" "$out" || true; } |
		sed 's/.*\] //' | awk '{ n += $1 } END { print n + 0 }'
}

pytest_count() {
	{ grep -E '^=+ .* in [0-9.]+s' "$out" || true; } | tail -n 1 |
		{ grep -oE "[0-9]+ $1" || true; } | awk '{ n += $1 } END { print n + 0 }'
}

# Debian's python, whatever else is in the path: its pytest is the one that
# the package brings.
# What came of each test is kept for `make matrix`, by guest kernel and emulator;
# part of a kind beside all of it.
pytest_run() {
	local dir=$1 results
	shift
	results=${GUEST:-6.1}@${QEMU_VERSION:-7.2}
	if [ "${LIBVIRT:-9}" != 9 ]; then
		results+=@libvirt-$LIBVIRT
		# Fetched here, where progress is seen; the tests skip for the reason why not.
		bash "$ROOT/scripts/libvirt.sh" >/dev/null || true
	fi
	results=$ROOT/build/results/$results/$k${ARGS:+-part}.xml
	# shellcheck disable=SC2086 # ARGS is a list of arguments
	(cd "$ROOT" && run env PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
		/usr/bin/python3 -m pytest -p no:cacheprovider -ra -v "$dir" "$@" \
		--junitxml="$results" ${ARGS:-})
}

kind() {
	case $1 in
	style) run bash "$ROOT/scripts/style.sh" ;;
	unit) run make -s -C "$ROOT/tests/unit" check ;;
	qtest) pytest_run tests/qtest ;;
	vm) pytest_run tests/vm -m 'not interop and not qemu10 and not slow and not alone' ;;
	interop) pytest_run tests/vm -m 'interop and not qemu10 and not slow and not alone' ;;
	speed) pytest_run tests/vm -m alone ;;
	debug) pytest_run tests/vm -m 'not interop and not qemu10' ;;
	arch-*) GUEST=${1#arch-} pytest_run tests/vm -m arch ;;
	libvirt-*) LIBVIRT=${1#libvirt-} pytest_run tests/vm -m libvirt ;;
	migration) pytest_run tests/vm -m qemu10 ;;
	qemu) run bash "$ROOT/scripts/qemu-tests.sh" ;;
	long)
		STRESS_SECONDS=${STRESS_SECONDS:-1800} \
			pytest_run tests/vm -m 'long or qemu10 or slow'
		;;
	deb) pytest_run tests/deb ;;
	matrix)
		run env PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 \
			"$ROOT/scripts/matrix.py" --cells all --again
		;;
	*) die "test.sh: unknown kind $1" ;;
	esac
}

folder_of() {
	case $1 in
	unit) echo tests/unit ;;
	qtest) echo tests/qtest ;;
	vm | interop | speed | debug | migration | long | arch-* | libvirt-*) echo tests/vm ;;
	deb) echo tests/deb ;;
	*) echo . ;;
	esac
}

# one KIND SINCE COMMAND...: runs it, with its place in what is shown and counted;
# SINCE when, as SECONDS, it has been running.
one() {
	local k=$1 since=$2 dir status=0
	shift 2
	printf '\n=== %s ===\n' "$k"
	dir=$(folder_of "$k")
	if [ ! -d "$ROOT/$dir" ]; then
		echo "$k: there is no $dir"
		failed=$((failed + 1))
		bad+=" $k"
		return
	fi
	"$@" || status=$?
	tally "$k" "$status"
	printf '=== %s: %s in %d s ===\n' "$k" \
		"$([ "$status" = 0 ] && echo ok || echo FAILED)" $((SECONDS - since))
}

# A function is read whole before it runs: an edit of this file meanwhile does
# no harm.
main() {
	local kinds
	for kinds in "$@"; do
		case $kinds in
		*+*)
			start_aside "${kinds#*+}"
			one "${kinds%+*}" "$SECONDS" kind "${kinds%+*}"
			one "${kinds#*+}" "$aside_since" end_aside
			;;
		*) one "$kinds" "$SECONDS" kind "$kinds" ;;
		esac
	done

	[ -z "$bad" ] || printf '\nfailed:%s\n' "$bad"
	printf '\n===== %d passed, %d failed, %d skipped in %d s =====\n' \
		"$passed" "$failed" "$skipped" $((SECONDS - started))
	[ "$failed" = 0 ]
}

main "$@"; exit
