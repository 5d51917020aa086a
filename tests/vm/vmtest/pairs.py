# SPDX-License-Identifier: GPL-2.0-or-later
"""Which driver meets which device: ours together, and each with Debian's half.

A test that takes the argument `pair` runs once for each; the mixed ones bear
the mark `interop` and are a tier of their own.
"""

from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Pair:
    """driver and qemu: "ours" or "stock", as vmlab.VM takes them."""

    driver: str
    qemu: str

    def __str__(self):
        return f"{self.driver} driver on {self.qemu} device"

    @property
    def options(self):
        return {"driver": self.driver, "qemu": self.qemu}


OURS = Pair("ours", "ours")
OUR_DRIVER = Pair("ours", "stock")
OUR_DEVICE = Pair("stock", "ours")
STOCK = Pair("stock", "stock")


def _param(pair, name, *marks):
    return pytest.param(pair, id=name, marks=marks)


ALL = [
    _param(OURS, "ours"),
    _param(OUR_DRIVER, "our-driver", pytest.mark.interop),
    _param(OUR_DEVICE, "our-device", pytest.mark.interop),
]
ALL_AND_STOCK = [*ALL, _param(STOCK, "stock", pytest.mark.interop)]
every_pair = pytest.mark.parametrize("pair", ALL)
OUR_DRIVERS = ALL[:2]
every_device = pytest.mark.parametrize("pair", OUR_DRIVERS)
OUR_DEVICES = [ALL[0], ALL[2]]
every_driver = pytest.mark.parametrize("pair", OUR_DEVICES)
