# SPDX-License-Identifier: GPL-2.0-or-later
"""Which device and which driver meet in a guest. Pure names."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """device and driver are "stock" or "ours"; key is what results.json says."""

    key: str
    words: str
    device: str
    driver: str


STOCK = Pair("stock", "stock pair", "stock", "stock")
OURS = Pair("ours", "our pair", "ours", "ours")
OUR_DRIVER = Pair("our-driver", "our driver, stock device", "stock", "ours")
OUR_DEVICE = Pair("our-device", "stock driver, our device", "ours", "stock")

BOTH = (STOCK, OURS)
ALL = (STOCK, OURS, OUR_DRIVER, OUR_DEVICE)
