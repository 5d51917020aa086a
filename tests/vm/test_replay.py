# SPDX-License-Identifier: GPL-2.0-or-later
"""Record and replay (-icount rr=): what the guest sees of the balloon is the same each time. The
device's time slices and its looks at the rings go by the host's clock; where QEMU records or
replays, none of that may show. (Finding C11.)"""

import pytest

from vmlab.paths import Paths
from vmlab.vm import VM

from vmtest.env import scaled
from vmtest.pairs import OUR_DEVICES

MEMORY_MIB, TARGET_MIB = 384, 256
BALLOON = "virtio-balloon-pci,free-page-reporting=on"
# First process of a guest that nobody talks to: what it prints says when each page went and came.
INIT = f"""#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmpfs /tmp
while read -r module; do insmod "/lab/$module"; done </lab/modules
insmod "/lab/$driver/virtio_balloon.ko"
until [ "$(awk '/MemTotal/ {{print $2}}' /proc/meminfo)" -lt {(TARGET_MIB + 16) << 10} ]; do
	grep -E 'MemFree|MemTotal' /proc/meminfo
done
/bin/memtool touch free-60
sleep 5
/bin/memtool touch free-60
cat /proc/uptime /proc/interrupts /proc/vmstat
echo the last line
poweroff -f
"""


class ReplayVM(VM):
    """A guest that is recorded or replayed. Its size is set before it runs: QEMU records no QMP."""

    def __init__(self, mode, log, pair):
        super().__init__(
            Paths.load(), qemu=pair.qemu, driver=None, balloon=BALLOON, memory_mib=MEMORY_MIB,
            vcpus=1, accel="tcg,thread=single", files={"lab/init": INIT.encode()},
            kernel_args=f"rdinit=/lab/init driver={pair.driver}",
            qemu_args=("-S", "-icount", f"shift=auto,rr={mode},rrfile={log}"))

    def wait_agent(self, count=1, timeout=90):
        self.set_balloon(TARGET_MIB)
        self.qmp.cmd("cont")


@pytest.mark.slow
@pytest.mark.parametrize("pair", OUR_DEVICES)
def test_replayed_as_recorded(tmp_path, pair):
    """A guest that shrinks and reports free pages prints the same in the replay as in the record,
    times and counts of interrupts included."""
    said = []
    for mode in ("record", "replay"):
        with ReplayVM(mode, tmp_path / "log", pair) as vm:
            vm.wait_exit(scaled(300))
            said.append(vm.console_text())
            assert not vm.qemu_log().strip()
    assert "the last line" in said[0]
    assert said[0] == said[1]
