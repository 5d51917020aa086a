#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The overcommit daemon and its tool, for this machine: build/overcommit.
#
# usage: overcommit.sh

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

main() {
	local log=$ROOT/build/overcommit/build.log
	mkdir -p "$ROOT/build/overcommit"
	nice make -s -C "$ROOT/overcommit" -j"$(nproc)" >"$log" 2>&1 </dev/null || {
		cat "$log" >&2
		die "the overcommit daemon does not build"
	}
	say "the overcommit daemon is in build/overcommit"
}

main "$@"; exit
