# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenes in which a squeezed guest moves to another QEMU. Shape as in scenes_resize.

The guest is stopped meanwhile, so that nothing is sent twice and QEMU 7.2, which loses pages of
guests that run under TCG, does no harm. Its data is checked where it arrives.
"""

import time

from vmlab.errors import LabError
from vmlab.hostmem import rss_bytes
from vmlab.vm import VM
from vmlab.waits import wait_for

from . import lab

GUEST_MIB, AWAY_MIB = 2048, 1280
DATA_MIB = 200
MIB = 1 << 20
PAGE = 4096
ENDED = ("completed", "failed", "cancelled")


def _memory(backend):
    return ("-object", f"{backend},id=ram0,size={GUEST_MIB}M", "-machine", "memory-backend=ram0")


def _squeeze(bench, vm):
    """A guest that has used all its memory, with data in what it is left."""
    lab.touch(bench, vm)
    vm.resize(GUEST_MIB - AWAY_MIB, lab.TIMEOUT_S, bench.tick)
    lab.job(bench, vm, f"memtool keep data {DATA_MIB} 7")


def _peak_mib(vm):
    with open(f"/proc/{vm.pid}/status", encoding="ascii", errors="replace") as status:
        line = next(line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024


def _migrate(vm, uri):
    """QEMU's figures, once all has left."""
    vm.qmp.cmd("migrate-set-parameters", max_bandwidth=1 << 40)
    vm.qmp.cmd("migrate", uri=uri)
    wait_for(lambda: vm.qmp.cmd("query-migrate").get("status") in ENDED, lab.TIMEOUT_S,
             "the migration", poll=0.01)
    info = vm.qmp.cmd("query-migrate")
    if info["status"] != "completed":
        raise LabError(f"the migration {info['status']}: {info.get('error-desc')}")
    return info["ram"]


def _move(backend):
    def move(bench, pair, note):
        # The host backs all of it from the start: what a guest never used is filled by looking
        # at it, too, where memory is shared.
        memory = _memory(f"{backend},prealloc=on")
        with lab.guest(bench, pair, GUEST_MIB, lab.NO_ZEROING, qemu_args=memory) as vm:
            _squeeze(bench, vm)
            uri = f"unix:{vm.dir}/migration"
            vm.qmp.cmd("stop")
            with VM(bench.paths, qemu=pair.device, memory_mib=GUEST_MIB, driver=None,
                    qemu_args=_memory(backend), incoming=uri) as target:
                empty, held = rss_bytes(target.pid), rss_bytes(vm.pid)
                bench.say("migrate")
                begin = time.monotonic()
                ram = _migrate(vm, uri)
                took = time.monotonic() - begin
                wait_for(lambda: target.qmp.cmd("query-status")["status"] == "paused",
                         lab.TIMEOUT_S, "the guest at the target", poll=0.01)
                note("move", {
                    "s": took,
                    "looked_at_mib": (ram["normal"] + ram["duplicate"]) * PAGE / MIB,
                    "sent_mib": ram["transferred"] / MIB,
                    "target_mib": _peak_mib(target) - empty / MIB,
                    "source_grows_mib": max(0, rss_bytes(vm.pid) - held) / MIB,
                })
                vm.qmp.cmd("quit")
                vm.wait_exit()
                target.qmp.cmd("cont")
                done = target.guest.run("memtool ask data verify", lab.TIMEOUT_S, check=False)
                if done.status:
                    raise LabError(f"guest data is wrong: {done.output.strip()}")
                found = target.splats()
                if found:
                    raise LabError(f"the guest's kernel complains: {found[0]}")

    return move


private = _move("memory-backend-ram")
shared = _move("memory-backend-memfd,share=on")
