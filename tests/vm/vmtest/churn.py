# SPDX-License-Identifier: GPL-2.0-or-later
"""What the host does to a busy guest, at random but by a seed: targets that swing, targets out
of reach, the driver unbound and bound, memory blocks offline and online, a move to another QEMU.

Each step draws from the seed and its own number: what a step does depends on no
outcome of the one before. One thread.
"""

import random
import signal
import time

from vmlab.errors import LabError
from vmlab.waits import wait_for

from . import quiet, size
from .env import MIB, PAGE, scaled

BLOCKS = "/sys/devices/system/memory"
DRIVER = "/sys/bus/virtio/drivers/virtio_balloon"
BLOCK = 128 * MIB
INTERRUPTED = 128 + signal.SIGINT  # what a shell ends with
# One round; shuffled by the seed, with a quiet moment after every second step.
MANY = 12  # times that no block can go offline before that is a fault
DECK = ("swing", "swing", "swing", "beyond", "beyond", "rebind", "block")


class Churn:
    """Swings a guest until told to stop; total: bytes of MemTotal with an empty balloon."""

    deck = DECK

    def __init__(self, vm, work, seed, say):
        self.vm, self.work, self.seed, self.say = vm, work, seed, say
        self.total = vm.guest.meminfo()["MemTotal"] * 1024
        self.full = size.full(vm)
        # None: the stock stream has no ledger; right again once the balloon was empty
        self.strays = 0
        self.done = dict.fromkeys([*self.deck, "offline", "quiet", "move"], 0)
        self.step = 0

    def run(self, seconds, move=None):
        """Steps for so long, each kind once at least, and a block that did go offline where they
        are among them; move(vm), where there is one, returns the guest in another QEMU, and is
        called once."""
        start = time.monotonic()
        deck = []
        owed = {*self.deck, *(["offline"] if "block" in self.deck else [])}
        while time.monotonic() - start < seconds or move or not all(map(self.done.get, owed)):
            self.step += 1
            assert self.done["block"] < MANY or self.done["offline"], "no block went offline"
            rng = random.Random(f"{self.seed} {self.step}")
            deck = deck or rng.sample(self.deck, len(self.deck))
            name = deck.pop()
            if move and time.monotonic() - start > seconds / 2:
                self.swing(rng)
                self.vm = self.work.vm = move(self.vm)
                self.strays = 0 if quiet.device(self.vm, "page-ops-negotiated") else None
                self.done["move"] += 1
                move, name = None, "quiet"
            else:
                getattr(self, name)(rng)
                self.done[name] += 1
            if self.step % 2 == 0 or name == "quiet":
                self.quiet(self._target(rng))
            self.work.assert_good()
            self.say(f"{time.monotonic() - start:4.0f} s step {self.step} {name}")

    def _target(self, rng, spare=0):
        """A size the guest can have, in whole pages; spare: bytes not to touch."""
        return rng.randrange((self.work.lowest + spare) // PAGE, self.full // PAGE + 1) * PAGE

    def _ledger_is_right(self):
        if self.strays is None:
            self.strays = quiet.device(self.vm, "stray-pfns")

    # -- steps -----------------------------------------------------------------

    def swing(self, rng, spare=0):
        """Wishes that change before they are fulfilled."""
        for _ in range(rng.randint(2, 6)):
            size.ask(self.vm, self._target(rng, spare))
            # the moment of the next wish is the stimulus: nothing to wait for
            time.sleep(rng.uniform(0, 0.8))

    def beyond(self, rng):
        """A wish that cannot be: the guest gives what it can and lives on."""
        size.ask(self.vm, rng.randrange(1, self.work.lowest // MIB - 64) * MIB)
        time.sleep(rng.uniform(0.2, 3))

    def quiet(self, target):
        """The target is reached, nothing under way: the books must agree (I3)."""
        self.work.calm(True)
        size.resize(self.vm, target, 120)
        if target == self.full:
            self._ledger_is_right()
        quiet.assert_exact(self.vm, self.total, target, self.strays)
        self.work.calm(False)
        self.done["quiet"] += 1

    def rebind(self, _rng):
        """Without a driver the guest has all its memory; then it gives again."""
        guest = self.vm.guest
        name = guest.run(f"cd {DRIVER}; ls -d virtio[0-9]*", scaled(30)).output.strip()
        guest.run(f"echo {name} >{DRIVER}/unbind", scaled(60))
        total = guest.meminfo()["MemTotal"] * 1024
        assert total == self.total, f"unbound, MemTotal is off by {total - self.total} bytes"
        left = quiet.device(self.vm, "balloon-pages")
        assert not left, f"unbound, and the device has {left} pages in its ledger"
        guest.run(f"echo {name} >{DRIVER}/bind", scaled(60))
        self._ledger_is_right()

    def block(self, rng):
        """A memory block leaves and comes back while the balloon swings."""
        guest = self.vm.guest
        spare = BLOCK + 32 * MIB
        size.resize(self.vm, self._target(rng, spare), 120)
        names = guest.run(f"cd {BLOCKS}; grep -l online memory*/state", scaled(30)).output.split()
        for path in rng.sample(names, min(3, len(names))):
            offline = f"timeout -s INT {scaled(3)} sh -c 'echo offline >{BLOCKS}/{path}'"
            job = guest.start(offline)
            # a block with the kernel's own pages in it refuses at once
            if not settles(job.done, 0.5):
                self.swing(rng, spare)
            status = job.wait(scaled(60), check=False).status
            state = guest.read(f"{BLOCKS}/{path}").strip()
            if state != "offline":
                continue
            # the limit may pass when all is done but the shell's own end
            assert status in (0, INTERRUPTED), f"{path} is offline, its write ended with {status}"
            self.swing(rng, spare)
            guest.run(f"echo online >{BLOCKS}/{path}", scaled(60))
            self.done["offline"] += 1
            return

    # -- the end -----------------------------------------------------------------

    def finish(self):
        """Everything back to the guest, to the page."""
        self.quiet(self.full)


def settles(condition, seconds):
    """Whether it becomes true within that time."""
    try:
        return wait_for(condition, seconds, "")
    except LabError:
        return False
