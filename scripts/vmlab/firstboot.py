# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest's first boot, tried again where the emulator broke it.

QEMU 7.2's TCG now and then runs the breakpoint by which Linux changes its own code after it
was taken away (Linux 6.12 and later; one boot of 25 on a loaded machine): the kernel dies of
it. Much more seldom a boot stands still. Both come before any balloon driver is loaded, and only
a boot without one is tried again; each time that is said as a warning.
"""

import warnings

from .errors import GuestDied, GuestSilent
from .session import InSession

BREAKPOINT = "Oops: int3"
TRIES = 3


class FirstBoot(InSession):
    """Base of a guest: _begin() boots it without a driver, then _load() may load one."""

    def __enter__(self):
        self._boot()
        with self._undone_on_error():
            self._load()
        return self

    def _boot(self):
        for _ in range(TRIES - 1):
            try:
                return super().__enter__()
            except GuestSilent as error:
                self._say_again(error)
                break  # it took its whole time: once only
            except GuestDied as error:
                if BREAKPOINT not in str(error):
                    raise
                self._say_again(error)
        return super().__enter__()

    def _say_again(self, error):
        warnings.warn(f"booted again: {error}", stacklevel=3)
