# SPDX-License-Identifier: GPL-2.0-or-later
"""A host that falls silent: the guest takes bus mastering from the device, whose queues QEMU then
leaves alone while everything else lives on.
"""

from . import size
from .env import scaled
from .half_way import TRIES, at_first_step


class Silence:
    """Call it to take bus mastering from the device: QEMU reads none of its queues any more, while
    its registers still answer and the guest lives on. Prepared first, so that it acts at once."""

    def __init__(self, vm):
        find = "readlink -f /sys/bus/virtio/drivers/virtio_balloon/virtio*"
        config = vm.guest.run(f"dirname $({find})").output.strip() + "/config"
        command = int(vm.guest.run(f"hexdump -s 4 -n 1 -e '\"%u\"' {config}").output)
        put = f"dd of={config} bs=1 seek=4 conv=notrunc 2>/dev/null"
        self._mute = f"printf '\\{command & ~4:03o}' | {put}"
        self._undo = f"printf '\\{command:03o}' | {put}"
        self._vm = vm

    def __call__(self):
        self._vm.guest.run(self._mute)

    def at_first_step(self, count):
        """It falls so as soon as that count in /proc/vmstat moves: a Job."""
        return at_first_step(self._vm, count, self._mute)

    def end(self, which):
        """After the driver is gone: the device as it was, with a driver and an empty balloon. It
        takes a driver anew: to QEMU one that takes bus mastering away is not there any more."""
        self._vm.guest.run(self._undo)
        size.ask(self._vm, size.full(self._vm))
        self._vm.guest.load_driver(which)


def fall_silent_half_way(vm, given, which):
    """An inflate by so many bytes that the host stops answering to after the first steps; which:
    the driver that does it."""
    silence = Silence(vm)
    for _ in range(TRIES):
        job = silence.at_first_step("balloon_inflate")
        size.ask(vm, size.full(vm) - given)
        job.wait(scaled(30))
        # what had been answered is told within this time
        vm.guest.run("sleep 0.3", scaled(30))
        if size.full(vm) - size.actual(vm) < given:
            return silence
        # all had been answered, so that nobody noticed
        vm.guest.unload_driver(scaled(60))
        silence.end(which)
        size.wait_actual(vm, lambda now: now == size.full(vm), "an empty balloon")
    raise AssertionError(f"{TRIES} times the host fell silent too late: the test proves nothing")
