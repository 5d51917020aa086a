#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Puts our device in the place of the stock one in a QEMU source tree. The
# edits can be made any number of times. The device's files themselves are
# brought in by the caller, as hw/virtio/ballonet.
#
# usage: graft-qemu.sh TREE

set -euo pipefail
cd "$1"

fail() {
	echo "error: cannot graft: $1 in $PWD" >&2
	exit 1
}

build=hw/virtio/meson.build
if ! grep -q "^subdir('ballonet')" "$build"; then
	grep -q "'virtio-balloon\.c'" "$build" || fail "no balloon line in $build"
	sed -i -e "/'virtio-balloon\.c'/c subdir('ballonet')" \
		-e "/'virtio-balloon-pci\.c'/d" "$build"
fi

if ! grep -q "'hw/virtio/ballonet'" meson.build; then
	sed -i "/^ *'hw\/virtio',\$/a \    'hw/virtio/ballonet'," meson.build
	grep -q "'hw/virtio/ballonet'" meson.build || fail "no trace folder list in meson.build"
fi

# Trace event names are global and ours keep the stock ones.
if grep -q '^virtio_balloon_' hw/virtio/trace-events; then
	sed -i '/^virtio_balloon_/d' hw/virtio/trace-events
fi
