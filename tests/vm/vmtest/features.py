# SPDX-License-Identifier: GPL-2.0-or-later
"""What driver and device agreed on, as the guest's kernel shows it."""

DEVICE_ID = "0x0005"  # a balloon's (VIRTIO 1.2, 5)


def accepted(vm):
    """Feature bits that the balloon's driver accepted."""
    find = f"grep -l {DEVICE_ID} /sys/bus/virtio/devices/*/device"
    text = vm.guest.run(f"cat $(dirname $({find}))/features").output.strip()
    return {bit for bit, on in enumerate(text) if on == "1"}
