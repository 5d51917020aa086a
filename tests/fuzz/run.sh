#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs every fuzzer for FUZZ_SECONDS (600) in all: the device in its emulator
# with sanitizers, and beside it the pure files, one after the other. The first
# finding of each ends it; all are reported, with what is needed to see them again.
#
# FUZZ_SECONDS=30   a smoke      FUZZ_SEED=n   the device's first seed

. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
. "$ROOT/scripts/qemu-config.sh"

seconds=${FUZZ_SECONDS:-600}
[[ $seconds =~ ^[0-9]+$ ]] || die "FUZZ_SECONDS=$seconds is not a number"
[ "$seconds" -gt 0 ] || die "FUZZ_SECONDS must be at least 1"
[[ ${FUZZ_SEED:-0} =~ ^[0-9]+$ ]] || die "FUZZ_SEED=$FUZZ_SEED is not a number"
targets=(request_pfns request_ops ledger_plan)
here=$ROOT/tests/fuzz
out=$ROOT/build/fuzz
child=

pin=$CACHE/qemu-$QEMU_VERSION.version
[ -e "$pin" ] || die "the emulator is not built: run make fuzz"
qemu=$(qemu_tree "$(cat "$pin")")/out/$(qemu_device_hash)-sanitize/qemu-system-x86_64
[ -x "$qemu" ] || die "the emulator with sanitizers is not built: run make fuzz"

# Ours alone: a fuzzer's emulator ends with its sockets, but not in the middle of a hang.
# shellcheck disable=SC2317 # the trap calls it
finish() {
	[ -z "$child" ] || kill "$child" 2>/dev/null || true
	wait
}
trap finish EXIT
trap 'exit 130' INT TERM

# pure TARGET SECONDS: new inputs go to build/, beside the kept ones.
pure() {
	local t=$1 log=$out/$1.log
	mkdir -p "$out/corpus/$t" "$out/findings"
	if nice "$out/fuzz_$t" -max_total_time="$2" -timeout=20 -print_final_stats=1 \
		-artifact_prefix="$out/findings/$t-" "$out/corpus/$t" "$here/corpus/$t" \
		>"$log" 2>&1; then
		sed -nE "s/^Done ([0-9]+) runs in ([0-9]+).*/$t: \1 inputs in \2 s, no finding/p" \
			"$log"
		return 0
	fi
	tail -n 60 "$log" >&2
	say "$t: FOUND; the input is in build/fuzz/findings; again: build/fuzz/fuzz_$t FILE"
	return 1
}

main() {
	local failed=0 t
	make -s -C "$here" fuzzers || die "the fuzz targets do not build"
	say "fuzzing for $seconds s"
	PYTHONDONTWRITEBYTECODE=1 nice \
		/usr/bin/python3 "$here/device/fuzz_device.py" --binary "$qemu" \
		--seconds "$seconds" --seed "${FUZZ_SEED:-0}" &
	child=$!
	for t in "${targets[@]}"; do
		pure "$t" $(((seconds + ${#targets[@]} - 1) / ${#targets[@]})) || failed=1
	done
	wait "$child" || failed=1
	child=
	[ "$failed" = 0 ] || die "fuzzing found something; see above"
	say "fuzzing: no findings"
}

main; exit
