# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's first boot, tried again where the emulator broke it.

QEMU 7.2's TCG now and then runs the breakpoint by which Linux changes its own code after it
was taken away (Linux 6.12 and later; one boot of 25 on a loaded machine): the kernel dies of
it some seconds before a driver is loaded. Nothing else is tried again.
"""

from .errors import GuestDied
from .session import InSession

BREAKPOINT = "Oops: int3"
TRIES = 3


class FirstBoot(InSession):
    """Base of a guest: _begin() boots it."""

    def __enter__(self):
        for tries_left in reversed(range(TRIES)):
            try:
                return super().__enter__()
            except GuestDied as error:
                if BREAKPOINT not in str(error) or not tries_left:
                    raise
                print("vmlab: the emulator broke the guest's boot (int3); once more")
