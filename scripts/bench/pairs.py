# SPDX-License-Identifier: GPL-2.0-or-later
"""Which device and which driver meet in a guest. Pure names."""

import os
from dataclasses import dataclass

# An emulator with an earlier state of our device, to compare with in place of the stock pair.
BEFORE = os.environ.get("BEFORE")


@dataclass(frozen=True)
class Pair:
    """driver is "stock" or "ours", device one of these or an emulator's path; key is what
    results.json says."""

    key: str
    words: str
    device: str
    driver: str


STOCK = (Pair("stock", "our driver, earlier device", BEFORE, "ours") if BEFORE
         else Pair("stock", "stock pair", "stock", "stock"))
OURS = Pair("ours", "our pair", "ours", "ours")
OUR_DRIVER = Pair("our-driver", "our driver, stock device", "stock", "ours")
OUR_DEVICE = Pair("our-device", "stock driver, our device", "ours", "stock")

BOTH = (STOCK, OURS)
ALL = (STOCK, OURS, OUR_DRIVER, OUR_DEVICE)
