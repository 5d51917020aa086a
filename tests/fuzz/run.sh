#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Runs fuzzers for FUZZ_SECONDS (600), at the lowest priority, and prints what
# they did. All findings are reported, with what is needed to see them again.
#
#   run.sh own     the device in its emulator with sanitizers, and beside it the
#                  pure files, one after the other; each ends with its first finding
#   run.sh qemu    QEMU's own generic fuzzer on the device, with QEMU's options
#                  and beside it with all that the device offers; it goes on after
#                  a finding
#
# FUZZ_SECONDS=30     a smoke
# FUZZ_SEED=n         the device's first seed
# FUZZ_JOBS=n         so many of the device's fuzzer at once (1)
# FUZZ_SLOWDOWN=n     factor on its time limits, where others take the processors (1)
# COVERAGE=1          the device's lines and branches that `own` reached; `qemu`
#                     always prints those

. "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
. "$ROOT/scripts/qemu-config.sh"

what=${1:-own}
seconds=${FUZZ_SECONDS:-600}
jobs=${FUZZ_JOBS:-1}
seed=${FUZZ_SEED:-0}
[[ $seconds =~ ^[1-9][0-9]*$ ]] || die "FUZZ_SECONDS=$seconds is not a number from 1"
[[ $jobs =~ ^[1-9][0-9]*$ ]] || die "FUZZ_JOBS=$jobs is not a number from 1"
[[ $seed =~ ^[0-9]+$ ]] || die "FUZZ_SEED=$seed is not a number"
targets=(request_pfns request_ops ledger_plan)
here=$ROOT/tests/fuzz
out=$ROOT/build/fuzz
coverage=$out/coverage-$what
# What a sanitizer, or libFuzzer for it, says of a fault.
fault='Sanitizer: [^l]|runtime error:|Assertion .* failed|libFuzzer: [a-z]'
children=()

pin=$CACHE/qemu-$QEMU_VERSION.version
[ -e "$pin" ] || die "the emulator is not built: run make fuzz"
built=$(qemu_tree "$(cat "$pin")")/out/$(qemu_device_hash)
counted=$built-fuzz/qemu-system-x86_64
if [ "$what" = qemu ]; then
	counted=$built-fuzz/qemu-fuzz-x86_64
	COVERAGE=1
fi
qemu=$built$(qemu_flavour_suffix sanitize)/qemu-system-x86_64
[ "${COVERAGE:-0}" = 0 ] || qemu=$counted
[ -x "$qemu" ] || die "the emulator to be fuzzed is not built: run make fuzz or make fuzz-qemu"

# Ours alone: a fuzzer's emulator ends with its sockets, but not in the middle of a hang.
# shellcheck disable=SC2317 # the trap calls it
finish() {
	[ "${#children[@]}" = 0 ] || kill "${children[@]}" 2>/dev/null || true
	wait
}
trap finish EXIT
trap 'exit 130' INT TERM

# Processes that end at the same time merge their counts into few files.
count() {
	[ "${COVERAGE:-0}" != 0 ] || return 0
	rm -rf "$coverage"
	mkdir -p "$coverage"
	export LLVM_PROFILE_FILE="$coverage/%4m.profraw"
}

# show_coverage: what ran since count(). Counted are the device's own files; the report
# also names headers of others, with nothing in them.
show_coverage() {
	local sources
	[ "${COVERAGE:-0}" != 0 ] || return 0
	compgen -G "$coverage/*.profraw" >/dev/null || die "no emulator ended in order"
	llvm-profdata-14 merge -o "$coverage/all.profdata" "$coverage"/*.profraw ||
		die "the counts cannot be merged"
	llvm-cov-14 report "$qemu" -instr-profile="$coverage/all.profdata" |
		awk '$1 ~ /ballonet\/[a-z_]+\.[ch]$/ && $8 > 0 { n = split($1, part, "/")
			printf "%-18s %6d %7d %7s %9d %7d %7s\n",
				part[n], $8, $8 - $9, $10, $11, $11 - $12, $13
			l += $8; lm += $9; b += $11; bm += $12 }
			END { printf "%-18s %6d %7d %6.2f%% %9d %7d %6.2f%%\n", "all",
				l, l - lm, 100 * (l - lm) / l, b, b - bm, 100 * (b - bm) / b }' |
		cat <(printf '%-18s %6s %7s %7s %9s %7s %7s\n' \
			file lines reached "" branches reached "") -
	sources=$(qemu_tree "$(cat "$pin")")/src/hw/virtio/ballonet
	llvm-cov-14 show "$qemu" -instr-profile="$coverage/all.profdata" \
		-path-equivalence="$sources,$ROOT/qemu-device" -show-branches=count \
		>"$coverage/lines.txt" 2>/dev/null || true
	say "line by line: ${coverage#"$ROOT"/}/lines.txt"
}

# pure TARGET SECONDS: new inputs go to build/, beside the kept ones.
pure() {
	local t=$1 log=$out/$1.log
	mkdir -p "$out/corpus/$t" "$out/findings"
	if nice -n 19 "$out/fuzz_$t" -max_total_time="$2" -timeout=20 -print_final_stats=1 \
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

# The seeds of several are a million apart, which is more episodes than fit in a day.
own() {
	local failed=0 t n child first
	make -s -C "$here" fuzzers || die "the fuzz targets do not build"
	say "fuzzing for $seconds s"
	count
	for ((n = 0; n < jobs; n++)); do
		first=$((seed ? seed + n * 1000000 : 0))
		PYTHONDONTWRITEBYTECODE=1 nice -n 19 \
			/usr/bin/python3 "$here/device/fuzz_device.py" --binary "$qemu" \
			--seconds "$seconds" --seed "$first" --slowdown "${FUZZ_SLOWDOWN:-1}" &
		children+=($!)
	done
	for t in "${targets[@]}"; do
		pure "$t" $(((seconds + ${#targets[@]} - 1) / ${#targets[@]})) || failed=1
	done
	for child in "${children[@]}"; do
		wait "$child" || failed=1
	done
	children=()
	show_coverage
	[ "$failed" = 0 ] || die "fuzzing found something; see above"
	say "fuzzing: no findings"
}

# generic NAME TARGET [VARIABLE=value...]: each input runs in a forked child, so a fault
# ends the child alone; it shows in the log and as a file. A child whose clock runs
# out ends without a word: QEMU's limit of a tenth of a second is too short beside others.
generic() {
	local name=$1 target=$2
	shift 2
	mkdir -p "$out/corpus/qemu-$name" "$out/findings/qemu-$name"
	env "$@" ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
		QEMU_FUZZ_TIMEOUT=900000 nice -n 19 \
		"$counted" --fuzz-target="$target" -max_total_time="$seconds" -timeout=120 \
		-max_len=4096 -rss_limit_mb=0 -use_value_profile=1 -print_final_stats=1 \
		-dict="$out/qemu.dict" -artifact_prefix="$out/findings/qemu-$name/" \
		"$out/corpus/qemu-$name" "$out/corpus/qemu" >"$out/qemu-$name.log" 2>&1 </dev/null
}

judge_generic() {
	local name=$1 status=$2 log=$out/qemu-$1.log did
	did=$(sed -nE 's/^Done ([0-9]+) runs in ([0-9]+).*/\1 inputs in \2 s/p' "$log")
	did+=$(sed -nE 's/.* (cov: [0-9]+ ft: [0-9]+) .*/, \1/p' "$log" | tail -n 1)
	if [ "$status" = 0 ] && ! grep -qE "$fault" "$log" &&
		[ -z "$(ls -A "$out/findings/qemu-$name")" ]; then
		say "qemu-$name: $did, no finding"
		return 0
	fi
	grep -E "$fault" "$log" | sort | uniq -c | sort -rn | head -n 20 >&2
	say "qemu-$name: ${did:-ended with $status}: FOUND; inputs in ${out#"$ROOT"/}/findings/\
qemu-$name, log ${log#"$ROOT"/}"
	return 1
}

theirs() {
	local failed=0 n status names=(default all)
	local device=virtio-balloon-pci,page-ops=on,free-page-reporting=on,free-page-hint=on
	say "fuzzing with QEMU's generic fuzzer for $seconds s"
	rm -rf "$out"/findings/qemu-*
	mkdir -p "$out"
	echo 'separator="FUZZ"' >"$out/qemu.dict"
	PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "$here/qemu_seeds.py" "$out/corpus/qemu"
	count
	generic default generic-fuzz-virtio-balloon &
	children+=($!)
	generic all generic-fuzz QEMU_FUZZ_OBJECTS='virtio*' QEMU_FUZZ_ARGS="-machine q35 \
-nodefaults -object iothread,id=io -device $device,iothread=io" &
	children+=($!)
	for n in 0 1; do
		status=0
		wait "${children[n]}" || status=$?
		judge_generic "${names[n]}" "$status" || failed=1
	done
	children=()
	show_coverage
	[ "$failed" = 0 ] || die "fuzzing found something; see above"
	say "fuzzing: no findings"
}

main() {
	case $what in
	own) own ;;
	qemu) theirs ;;
	*) die "usage: run.sh own|qemu" ;;
	esac
}

main; exit
