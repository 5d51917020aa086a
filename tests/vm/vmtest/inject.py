# SPDX-License-Identifier: GPL-2.0-or-later
"""Page allocations that fail though there is memory, in a guest kernel that can do that.

Only those that do not wait for memory fail: the others belong to programs, which
would be killed for it. One user at a time.
"""

from contextlib import contextmanager

from .env import scaled

FOLDER = "/sys/kernel/debug/fail_page_alloc"
MANY = 1 << 30
HOW = {
    "verbose": 0,
    "min-order": 0,
    "ignore-gfp-wait": "Y",
    "ignore-gfp-highmem": "N",  # that is what a balloon and whoever moves its pages ask for
    "interval": 1,
}


class Failures:
    """.count: allocations that failed; None where the kernel cannot do it. After the with block."""

    count = None

    def __init__(self, guest, percent):
        self._guest = guest
        self._percent = percent
        self.possible = not guest.run(f"[ -e {FOLDER} ]", scaled(30), check=False).status

    def set(self, name, value):
        if self.possible:
            self._guest.write(f"{FOLDER}/{name}", value, scaled(30))

    @contextmanager
    def held_off(self):
        """with failures.held_off(): ...; none fails meanwhile: for steps of the kernel's own that
        do not look whether they got memory."""
        self.set("probability", 0)
        try:
            yield
        finally:
            self.set("probability", self._percent)


@contextmanager
def failing_allocations(vm, percent):
    """with failing_allocations(vm, 5) as failures: ...; so many of a hundred fail meanwhile."""
    failures = Failures(vm.guest, percent)
    for name, value in {**HOW, "times": MANY, "probability": percent}.items():
        failures.set(name, value)
    try:
        yield failures
    finally:
        failures.set("probability", 0)
    if failures.possible:
        failures.count = MANY - int(vm.guest.read(f"{FOLDER}/times"))
