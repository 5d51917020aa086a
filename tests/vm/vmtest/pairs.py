# SPDX-License-Identifier: GPL-2.0-or-later
"""Which driver meets which device: ours together, and each with Debian's half.

A test that takes the argument `pair` runs once for each; the mixed ones bear
the mark `interop` and are a tier of their own. It also runs for Debian's pair, to
compare with, when `make matrix` asks: those bear the mark `stockpair`.
"""

import zlib
from collections import defaultdict
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
EVERY = [*ALL, _param(STOCK, "stock", pytest.mark.stockpair)]
every_pair = pytest.mark.parametrize("pair", EVERY)
OUR_DRIVERS = ALL[:2]
every_device = pytest.mark.parametrize("pair", OUR_DRIVERS)
OUR_DEVICES = [ALL[0], ALL[2]]
every_driver = pytest.mark.parametrize("pair", OUR_DEVICES)


def one_cross_pair(items):
    """Of the tests of one file that run for a mixed pair the first runs each time, with one of the
    two, by the file's name; the others bear the mark `slow`. After all that gave marks."""
    crossed = defaultdict(list)
    for item in items:
        pair = item.callspec.params.get("pair") if hasattr(item, "callspec") else None
        if pair in (OUR_DRIVER, OUR_DEVICE) and not item.get_closest_marker("slow"):
            crossed[item.location[0]].append(item)
    for name, mixed in crossed.items():
        wanted = (OUR_DRIVER, OUR_DEVICE)[zlib.crc32(name.encode()) % 2]
        chosen = next((item for item in mixed if item.callspec.params["pair"] == wanted), mixed[0])
        for item in mixed:
            if item is not chosen:
                item.add_marker("slow")


def first_often(params):
    """For parametrize: the first of these pairs in each run, the others where time does not
    matter (the mark `slow`)."""
    first, *others = params
    slow = [pytest.param(*p.values, id=p.id, marks=[*p.marks, pytest.mark.slow]) for p in others]
    return pytest.mark.parametrize("pair", [first, *slow])
