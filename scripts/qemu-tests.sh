#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# QEMU's own tests that look at a balloon, unmodified, on our emulator and on
# the stock one built from the same source; and QEMU's own comparison of what
# the two say of their migration stream, for every machine type. A difference
# is a failure, unless it is named below with its reason.
#
# QEMU_VERSION=7.2, 10.0 or 10.2
#
# usage: qemu-tests.sh

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$ROOT/scripts/apt-view.sh"
. "$ROOT/scripts/qemu-config.sh"
. "$ROOT/scripts/qemu-versions.sh"

bin=qemu-system-x86_64
programs=(qos-test device-introspect-test qom-test test-hmp qmp-cmd-test)
[ "$QEMU_VERSION" = 7.2 ] || programs+=(virtio-balloon-test)
LIMIT=120 # seconds for one test
passed=0
failed=0

pass() {
	passed=$((passed + 1))
	printf 'ok    %s\n' "$1"
}

fail() {
	failed=$((failed + 1))
	printf 'WRONG %s\n' "$1"
}

# The programs speak to any emulator, so they need not be built again for ours.
build_programs() {
	lock "qemu-$QEMU_VERSION"
	qemu_tools
	say "building ${#programs[@]} of QEMU's test programs"
	nice ninja -j"$(nproc)" -C "$tree/build" "${programs[@]/#/tests/qtest/}" \
		>"$tmp/ninja" 2>&1 ||
		{ tail -n 5 "$tmp/ninja" >&2; die "QEMU's tests do not build"; }
	mkdir -p "$tmp/bin"
	cp "${programs[@]/#/$tree/build/tests/qtest/}" "$tmp/bin"
}

# paths_of PROGRAM: the names of its tests; of qos-test those that reach a balloon.
paths_of() {
	local all='^/'
	[ "$1" != qos-test ] || all='^/.*/virtio-balloon'
	"$tmp/bin/$1" -l 2>/dev/null | grep -e "$all" || true
}

# run_program PROGRAM EMULATOR RESULT: each of its tests by itself, as one that
# aborts takes the program along; a line "ok NAME", "skip NAME" or "wrong NAME".
run_program() {
	local path how
	local -x QTEST_QEMU_BINARY=$2
	while read -r path; do
		how=wrong
		if (cd "$tmp" && exec timeout "$LIMIT" "bin/$1" --tap -k -p "$path") \
			>"$tmp/tap" 2>"$3.err" </dev/null; then
			how=ok
			! grep -q '^ok .*# SKIP' "$tmp/tap" || how=skip
			! grep -q '^not ok' "$tmp/tap" || how=wrong
		else
			cp "$3.err" "$3.why"
		fi
		printf '%s %s\n' "$how" "$path"
	done < <(paths_of "$1") >"$3" 2>/dev/null
}

own_tests() {
	local program how name count=0
	build_programs
	for program in "${programs[@]}"; do
		count=$((count + 1))
		say "running $program ($count of ${#programs[@]})"
		run_program "$program" "$ours" "$tmp/$program.ours"
		# What stock does tells a test that cannot pass here from one that ours fails.
		! grep -qv '^ok ' "$tmp/$program.ours" ||
			run_program "$program" "$stock" "$tmp/$program.stock"
		[ -s "$tmp/$program.ours" ] || fail "$program: it ran no test"
		while read -r how name; do
			if [ "$how" = ok ]; then
				pass "$program: $name"
			elif grep -qsxF "$how $name" "$tmp/$program.stock"; then
				printf 'skip  %s: %s (as on stock: %s)\n' "$program" "$name" \
					"$(reason "$tmp/$program.stock.why")"
			else
				fail "$program: $name: $(reason "$tmp/$program.ours.why")"
			fi
		done <"$tmp/$program.ours"
	done
}

# reason FILE: what the emulator said before it ended.
reason() {
	{ grep -m 1 '^qemu-system[^:]*: [^w]' "$1" || tail -n 1 "$1"; } 2>/dev/null |
		cut -d' ' -f2- | head -n 1
}

machine_types() {
	"$1" -M help | awk 'NR > 1 && $1 != "none" { print $1 }' | sort -u
}

# dump EMULATOR MACHINE FILE: what QEMU says of every section of its stream.
dump() {
	timeout 60 "$1" -M "$2" -nodefaults -display none -dump-vmstate "$3" >"$3.err" 2>&1
}

# The one difference that is meant.
KNOWN='Section "virtio-balloon-device", Description "virtio-balloon": '
KNOWN+='expected field "page-ops", while dest has no further fields'

tell_known() {
	cat <<-END
		differs, as is meant: the checker finds the field "page-ops" in our stream, which
		  the stock device lacks. It is the ledger, sent only where the guest has negotiated
		  page ops: such a guest the stock device refuses anyway, by its features. Without
		  them the stream is the stock one to the byte (tests/qtest/test_migration.py).
	END
}

# compare FROM TO
compare() {
	python3 "$tree/src/scripts/vmstate-static-checker.py" -s "$1" -d "$2" 2>&1 || true
}

static_check() {
	local machine list total=0 out back
	mapfile -t list < <(machine_types "$stock")
	if ! diff <(machine_types "$ours") <(printf '%s\n' "${list[@]}") >/dev/null; then
		fail "vmstate: other machine types than the stock emulator has"
	fi
	say "comparing the migration stream of ${#list[@]} machine types"
	for machine in "${list[@]}"; do
		if ! dump "$stock" "$machine" "$tmp/stock.json" ||
			! dump "$ours" "$machine" "$tmp/ours.json"; then
			fail "vmstate $machine: $(tail -n 1 "$tmp/ours.json.err")"
			continue
		fi
		grep -q '"virtio-balloon' "$tmp/ours.json" ||
			{ fail "vmstate $machine: no balloon in it"; continue; }
		out=$(compare "$tmp/stock.json" "$tmp/ours.json")
		back=$(compare "$tmp/ours.json" "$tmp/stock.json")
		[ "$back" = "$KNOWN" ] || out+=${out:+; }"ours to stock: $back"
		if [ -n "$out" ]; then
			fail "vmstate $machine: $out"
		else
			total=$((total + 1))
		fi
	done
	passed=$((passed + total))
	printf 'ok    vmstate: %d machine types, both ways\n' "$total"
	tell_known
}

main() {
	export PATH=/usr/sbin:/usr/bin:/sbin:/bin
	qemu_suites
	pin=$CACHE/qemu-$QEMU_VERSION.version
	[ -e "$pin" ] || die "the emulator is not built: run make build-device"
	CACHE=$(cd "$CACHE" && pwd -P)
	tree=$(qemu_tree "$(cat "$pin")")
	stock=$tree/stock/$bin
	ours=$tree/out/$(qemu_device_hash)/$bin
	if [ ! -x "$ours" ] || [ ! -x "$stock" ]; then
		die "the emulator is not built: run make build-device"
	fi
	tmp=$(mktemp -d)
	trap 'rm -rf "$tmp"' EXIT
	own_tests
	static_check
	printf '%d passed, %d failed\n' "$passed" "$failed"
	[ -z "${JUNIT:-}" ] || printf '<testsuite tests="%d" failures="%d"/>\n' \
		$((passed + failed)) "$failed" >"$JUNIT"
	[ "$failed" = 0 ]
}

main "$@"; exit
