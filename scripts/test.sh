#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs kinds of tests one after the other, goes on after a failing one, and
# closes with the ten slowest tests and one line for all: "N passed, M failed, K
# skipped in T s" (totals.py). A kind that ran nothing has failed.
#
# usage: test.sh KIND...    (style unit scripts qtest qtest-long timing vm interop guests speed
#                          debug migration qemu long matrix deb arch-GUEST
#                          libvirt-VERSION; guests is vm and interop)
#        KIND+KIND          the second beside the first, shown after it: a guest
#                          under test waits for its host as long as it runs
#        ARGS="-k shrink"   goes to pytest

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# Guests and emulators of one file come one after the other: they share what they
# started, and the host's huge pages. Tests of guests wait often: more of them
# than processors keep those busy. Of the device's some hold it to milliseconds.
GUESTS=(-n $(($(nproc) * 3 / 2)) --dist loadfile)
DEVICES=(-n "$(nproc)" --dist loadfile)
# What holds QEMU to milliseconds, in tests/qtest: with nothing beside it.
TIMED=(tests/qtest/test_holds.py)
EACH='not qemu10 and not slow and not alone'
# Of one test, in seconds; a kernel that checks itself and hours of stress take more.
LIMIT=900

started=$SECONDS
aside=$(mktemp)
# A folder for each kind: its exit status, and what came of its tests.
came=$(mktemp -d)
helper=
aside_since=
trap 'rm -rf "$aside" "$came"' EXIT
# A job of its own process group hears nothing of a Ctrl-C by itself.
trap 'stop_aside; exit 130' INT TERM

# run COMMAND...: no terminal and no input, so that a run looks the same by hand
# and in CI.
run() {
	"$@" </dev/null 2>&1 | cat
	return "${PIPESTATUS[0]}"
}

unheard() {
	local k=$1
	kind "$k" >"$aside" 2>&1
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
	return "$status"
}

# Debian's python, whatever else is in the path: its pytest is the one that
# the package brings.
# What came of each test is kept for `make matrix`, by guest kernel and emulator;
# part of a kind beside all of it.
pytest_run() {
	local dir=$1 results status=0
	shift
	results=${GUEST:-6.1}@${QEMU_VERSION:-7.2}
	if [ "${LIBVIRT:-9}" != 9 ]; then
		results+=@libvirt-$LIBVIRT
		# Fetched here, where progress is seen.
		bash "$ROOT/scripts/libvirt.sh" >/dev/null || return
	fi
	results=$ROOT/build/results/$results/$k${ARGS:+-part}.xml
	rm -f "$results"
	# shellcheck disable=SC2086 # ARGS is a list of arguments
	(cd "$ROOT" && run env PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
		/usr/bin/python3 -m pytest -p no:cacheprovider -ra -v "$dir" "$@" \
		--timeout="$LIMIT" --junitxml="$results" ${ARGS:-}) || status=$?
	[ ! -e "$results" ] || cp "$results" "$came/$k"
	return "$status"
}

# Each test's file says what came of it, and those that fail say it here.
unit_run() {
	run make -s -k -j"$(nproc)" --output-sync -C "$ROOT/tests/unit" check \
		XML="$came/$k"
}

kind() {
	case $1 in
	style) run bash "$ROOT/scripts/style.sh" ;;
	unit) unit_run ;;
	scripts) pytest_run tests/scripts ;;
	qtest) pytest_run tests/qtest "${DEVICES[@]}" "${TIMED[@]/#/--ignore=}" -m 'not slow' ;;
	qtest-long) pytest_run tests/qtest "${DEVICES[@]}" -m slow ;;
	timing) pytest_run "${TIMED[@]}" ;;
	vm) pytest_run tests/vm "${GUESTS[@]}" -m "not interop and $EACH" ;;
	interop) pytest_run tests/vm "${GUESTS[@]}" -m "interop and $EACH" ;;
	guests) pytest_run tests/vm "${GUESTS[@]}" -m "$EACH" ;;
	speed) pytest_run tests/vm -m alone ;;
	debug) LIMIT=5400 pytest_run tests/vm -m 'not interop and not qemu10' ;;
	arch-*) LIMIT=3600 GUEST=${1#arch-} pytest_run tests/vm -m arch ;;
	libvirt-*) LIBVIRT=${1#libvirt-} pytest_run tests/vm -m libvirt ;;
	migration) pytest_run tests/vm -m qemu10 ;;
	qemu) run env JUNIT="$came/$k/qemu.xml" bash "$ROOT/scripts/qemu-tests.sh" ;;
	long)
		LIMIT=7200 STRESS_SECONDS=${STRESS_SECONDS:-1800} \
			pytest_run tests/vm -m 'long or qemu10 or slow'
		;;
	deb) pytest_run tests/deb ;;
	matrix)
		run env PYTHONDONTWRITEBYTECODE=1 JUNIT="$came/$k/matrix.xml" /usr/bin/python3 \
			"$ROOT/scripts/matrix.py" --cells all --again
		;;
	*) die "test.sh: unknown kind $1" ;;
	esac
}

folder_of() {
	case $1 in
	unit) echo tests/unit ;;
	scripts) echo tests/scripts ;;
	qtest | qtest-long | timing) echo tests/qtest ;;
	vm | interop | guests | speed | debug | migration | long) echo tests/vm ;;
	arch-* | libvirt-*) echo tests/vm ;;
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
	if [ -d "$ROOT/$dir" ]; then
		"$@" || status=$?
	else
		echo "$k: there is no $dir"
		status=1
	fi
	echo "$status" >"$came/$k/status"
	printf '=== %s: %s in %d s ===\n' "$k" \
		"$([ "$status" = 0 ] && echo ok || echo FAILED)" $((SECONDS - since))
}

# A function is read whole before it runs: an edit of this file meanwhile does
# no harm.
main() {
	local kinds
	for kinds in "$@"; do
		mkdir "$came/${kinds%+*}" "$came/${kinds#*+}" -p
		case $kinds in
		*+*)
			start_aside "${kinds#*+}"
			one "${kinds%+*}" "$SECONDS" kind "${kinds%+*}"
			one "${kinds#*+}" "$aside_since" end_aside
			;;
		*) one "$kinds" "$SECONDS" kind "$kinds" ;;
		esac
	done

	/usr/bin/python3 -B "$ROOT/scripts/totals.py" $((SECONDS - started)) "$came"
}

main "$@"; exit
