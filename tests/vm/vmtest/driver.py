# SPDX-License-Identifier: GPL-2.0-or-later
"""The driver in a guest: taken out, put back, asked for its state."""

from vmlab.waits import wait_for

from .env import scaled

BOUND = "/sys/bus/virtio/drivers/virtio_balloon/virtio*"
DEBUGFS = "/sys/kernel/debug/virtio_balloon"


def reload(vm, which="ours"):
    """A driver that counts from nought."""
    vm.guest.unload_driver(scaled(30))
    vm.guest.load_driver(which, scaled(30))
    wait_bound(vm)


def wait_bound(vm):
    """Until the driver has its device."""
    look = f"ls -d {BOUND}"
    wait_for(lambda: not vm.guest.run(look, check=False).status, scaled(30), "the driver's device")


def state(vm):
    """The driver's debugfs file as a dict."""
    text = vm.guest.run(f"cat {DEBUGFS}/*/state").output
    pairs = (line.split(None, 1) for line in text.splitlines())
    return {name: int(value) if value.isdigit() else value for name, value in pairs}
