#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Says of which sources this checkout is, one KEY=value a line, so that a result can
# be told from one of other sources: a hash each of the driver, the device and the
# tests on guests, and the commit, with a + where it was changed since.
#
# usage: sources.sh

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT" || exit 1

# hash_of FOLDER...: of all that git would carry. Words for people change no result.
hash_of() {
	git -c safe.directory='*' ls-files -co --exclude-standard -- "$@" | LC_ALL=C sort -u |
		{ grep -v '\.md$' || true; } | while IFS= read -r file; do
			[ ! -f "$file" ] || sha256sum "$file"
		done | digest
}

commit_of() {
	git -c safe.directory='*' rev-parse --short=10 HEAD
	[ -z "$(git -c safe.directory='*' status --porcelain -- guest-driver qemu-device spec \
		scripts tests)" ] || echo +
}

printf 'DRIVER=%s\n' "$(hash_of guest-driver spec)"
printf 'DEVICE=%s\n' "$(hash_of qemu-device spec)"
printf 'TESTS=%s\n' "$(hash_of tests/vm tests/guest scripts/vmlab)"
printf 'COMMIT=%s\n' "$(commit_of | tr -d '\n')"
