# SPDX-License-Identifier: GPL-2.0-or-later
"""I3 at a quiet moment: the guest's MemTotal, the driver, `actual` and the device's ledger agree
to the page.

Quiet: two looks at the driver around the other counts show the same, with nothing
under way. Every count is from another source; none may correct another.
"""

from vmlab.errors import LabError
from vmlab.vm import BALLOON_PATH
from vmlab.waits import wait_for

from . import size
from .env import PAGE, scaled

STATE = "/sys/kernel/debug/virtio_balloon/*/state"
UNDER_WAY = ("isolated", "pending", "exchanging", "inflating", "inflight")
# The device counts what breaks the rules; a good driver breaks none.
FAULTS = (
    "withheld-pages",
    "rejected-pfns",
    "repeated-pfns",
    "rejected-buffers",
    "failed-discards",
    "ops-malformed",
    "ops-not-ram",
    "ops-wrong-state",
    "ops-inhibited",
    "closed-buffers",
)


def driver_state(vm):
    """The driver's own counts, as text lines by name."""
    text = vm.guest.run(f"cat {STATE}", scaled(30)).output
    return dict(line.split() for line in text.splitlines())


def device(vm, name):
    return vm.qmp.qom_get(BALLOON_PATH, name)


def look(vm):
    """(driver state, MemTotal, actual, ledger) in bytes or None while something is under way."""
    state = driver_state(vm)
    if any(int(state[name]) for name in UNDER_WAY):
        return None
    seen = (
        state,
        vm.guest.meminfo()["MemTotal"] * 1024,
        size.actual(vm),
        device(vm, "balloon-pages") * PAGE,
    )
    return seen if driver_state(vm) == state else None


def assert_exact(vm, total, target, strays=0, allow=()):
    """Waits for a quiet moment of a guest that has reached `target` bytes; total: its MemTotal
    with an empty balloon, in bytes. strays: pages deflated that the device did not have, so far;
    None where the ledger did not move along with the guest: then it is not judged.
    allow: faults that the test itself makes."""
    last = None
    try:
        last = wait_for(lambda: look(vm), scaled(60), "a quiet moment", poll=0.1)
    except LabError as error:
        raise AssertionError(f"{error}; driver: {driver_state(vm)}") from error
    state, now, actual, ledger = last
    away = size.full(vm) - target
    counts = {
        "driver": int(state["size"]) * PAGE,
        "MemTotal": total - now,
        "actual": size.full(vm) - actual,
        "ledger": away if strays is None else ledger,
    }
    wrong = {name: count - away for name, count in counts.items() if count != away}
    assert not wrong, f"balloon of {away} bytes, but off by {wrong}; driver: {state}"
    assert allow or not int(state["host_refused"]), f"the host refused: {state}"
    faults = {name: device(vm, name) for name in FAULTS if name not in allow and device(vm, name)}
    if strays is not None and device(vm, "stray-pfns") != strays:
        faults["stray-pfns"] = device(vm, "stray-pfns") - strays
    assert not faults, f"the device was told what cannot be: {faults}"
