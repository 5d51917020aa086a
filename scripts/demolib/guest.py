# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo's guest: a domain of libvirt's whose start is shown on the screen, step by step."""

from vmlab.domain import Domain

BOOT_S = 6.0  # what a boot usually takes


class ShownGuest(Domain):
    """Without a driver: loading it is a step of the story."""

    def __init__(self, screen, paths, memory_mib):
        super().__init__(paths, driver=None, memory_mib=memory_mib)
        self._screen = screen

    def _begin(self):
        screen = self._screen
        screen.step("define and start the guest")
        screen.title = (f"Ballonet   guest {self.name}, {self.memory_mib} MiB,"
                        f" kernel {self.paths.release}")
        self.create(tick=screen.tick)
        screen.done("transient, <memballoon model='virtio'>")
        screen.step("boot it")
        self.connect()
        screen.guess(BOOT_S, self.booted, 90, "the guest's boot")
        self.wait_agent()
        screen.done()

    def _say_again(self, error):
        self._screen.note(f"once more: {error}")
