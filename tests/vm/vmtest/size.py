# SPDX-License-Identifier: GPL-2.0-or-later
"""The size of a guest, as the guest and the host each tell it, in bytes.

Asks and waits; compares what the kernel's own counts say with what was asked.
"""

from dataclasses import dataclass

from vmlab.errors import LabError
from vmlab.waits import wait_for

from .env import GUEST, MIB, PAGE, scaled

# What a guest at rest may take and give in between.
STIR = 4 * MIB


def actual(vm):
    """Bytes the guest has left, as query-balloon answers."""
    return vm.qmp.cmd("query-balloon")["actual"]


def full(vm):
    """Bytes of a guest whose balloon is empty."""
    return vm.memory_mib * MIB


def ask(vm, size):
    """Wants a guest of that many bytes; does not wait."""
    vm.qmp.cmd("balloon", value=size)


def resize(vm, size, seconds=60):
    """Wants a guest of that many bytes and waits until it is one."""
    ask(vm, size)
    wait_actual(vm, lambda now: now == size, f"a guest of {size} bytes", seconds)


def resize_mib(vm, mib, seconds=60):
    resize(vm, mib * MIB, seconds)


def wait_actual(vm, condition, what, seconds=60):
    """Waits until condition(bytes left) holds; names the last size when it does not."""
    last = [actual(vm)]

    def look():
        last[0] = actual(vm)
        return condition(last[0])

    try:
        wait_for(look, scaled(seconds), what)
    except Exception as error:
        raise AssertionError(f"{error}; query-balloon stays at {last[0]} bytes") from error


def wait_total(vm, total, seconds=30):
    """Until the guest has that many bytes by its own count."""

    def look():
        return vm.guest.meminfo()["MemTotal"] << 10 == total

    wait_for(look, scaled(seconds), f"MemTotal of {total} bytes")


def free(vm):
    """Bytes of the guest that nobody holds. Differs by less than STIR between two looks at a guest
    at rest, so what is missing was lost."""
    return vm.guest.free()


def wait_free(vm, before, slack=STIR):
    """Until as much is free as before, but for what a guest at rest may take. What was freed may
    come in some time later; what is lost never does."""
    lost = [0]

    def look():
        lost[0] = before - free(vm)
        return lost[0] < slack

    try:
        wait_for(look, scaled(10), "all memory to be free again", poll=0.2)
    except LabError as error:
        raise AssertionError(f"{error}: {lost[0]} bytes are missing") from error


@dataclass(frozen=True)
class Books:
    """One look at a guest. total, actual: bytes; the rest: pages since boot."""

    total: int
    actual: int
    inflated: int
    deflated: int
    migrated: int
    kills: int

    @classmethod
    def of(cls, vm):
        vmstat = _at_rest(vm)
        return cls(
            total=vm.guest.meminfo()["MemTotal"] * 1024,
            actual=actual(vm),
            inflated=vmstat["balloon_inflate"],
            deflated=vmstat["balloon_deflate"],
            migrated=vmstat.get("balloon_migrate", 0),
            kills=vmstat["oom_kill"],
        )


def _at_rest(vm):
    """The guest's vmstat. Where the kernel's own list of ballooned pages counts, too (7.2), what
    enters it is counted twice for a moment: the first of two looks that agree, or the tenth."""
    look = vm.guest.vmstat()
    for _ in range(9 if GUEST.startswith("7.") else 0):
        last, look = look, vm.guest.vmstat()
        if all(look[key] == last[key] for key in ("balloon_inflate", "balloon_deflate")):
            break
    return look


def assert_exact(before, after, size):
    """The guest went from `before` to exactly that many bytes, by every count."""
    asked = before.actual - size
    assert after.actual == size, f"query-balloon says {after.actual}, asked was {size}"
    assert before.total - after.total == asked, (
        f"MemTotal fell by {before.total - after.total} bytes, asked was {asked}"
    )
    net = (after.inflated - after.deflated) - (before.inflated - before.deflated)
    assert net * PAGE == asked, f"vmstat counts {net} pages, asked was {asked // PAGE}"
    assert after.kills == before.kills, "the guest's OOM killer ran"
