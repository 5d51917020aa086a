# SPDX-License-Identifier: GPL-2.0-or-later
"""One guest of the bench: how it is started, and what the steps do in it.

A thin layer over vmlab.VM. One thread.
"""

from contextlib import contextmanager
from dataclasses import dataclass

from vmlab import hostmem, recipes
from vmlab.errors import LabError
from vmlab.session import Session
from vmlab.vm import VM
from vmlab.waits import wait_for

from . import cpu, host, stall

NO_ZEROING = "init_on_alloc=0"
LEAVE_MIB = 160  # of free memory, so that nothing in the guest is reclaimed or killed
TIMEOUT_S = 300


@dataclass
class Bench:
    """What every scenario gets: what to boot, where to write, whom to tell."""

    paths: object
    files: dict
    plugins: dict
    folder: object
    say: callable
    tick: callable


@contextmanager
def guest(bench, pair, memory_mib, kernel_args="", small=False, driver=True, qemu_args=(), **more):
    """A booted guest of that pair; small: the host backs it with 4 KiB pages; more: options
    of vmlab.VM."""
    host.wait_for_memory(memory_mib, bench.say)
    with Session() as session, host.small_pages(small):
        vm = VM(
            bench.paths,
            qemu=pair.device,
            driver=pair.driver if driver else None,
            memory_mib=memory_mib,
            kernel_args=kernel_args,
            files=bench.files,
            qemu_args=(*stall.monitor_args(session.dir), *qemu_args),
            **more,
        )
        with vm:
            vm.stall_path = session.dir / stall.MONITOR
            # neither may move pages before a step says so
            vm.guest.run("echo 0 >/proc/sys/vm/compaction_proactiveness", check=False)
            yield vm
            found = vm.splats()
            if found:
                raise LabError(f"the guest's kernel complains: {found[0]}")


def job(bench, vm, command, until=None):
    """A command in the guest, with signs of life; until(job): when it need not end."""
    under_way = vm.guest.start(command)
    try:
        wait_for(
            lambda: under_way.done() or (until and until(under_way)),
            TIMEOUT_S,
            f"`{command}` in the guest",
            tick=bench.tick,
        )
    except BaseException:
        under_way.kill()
        raise
    if until and not under_way.done():
        return under_way
    return under_way.wait()


def touch(bench, vm):
    """The host backs all of the guest's memory; most of it is free again."""
    bench.say("touch all memory")
    # what maps it, and what the kernel keeps free, grow with it
    leave_mib = LEAVE_MIB + vm.memory_mib // 64
    job(bench, vm, f"benchtool touch free-{leave_mib}")


def scatter(bench, vm, share, leave_mib=LEAVE_MIB):
    """Free memory in scattered pages: share/1000 of what was free. The Job holds it."""
    bench.say("scatter free memory")
    recipes.consolidate(vm.guest, False)
    return job(
        bench, vm, f"benchtool scatter free-{leave_mib} {share}", lambda j: "ready" in j.output
    )


def end_job(holder):
    holder.kill()
    holder.wait(TIMEOUT_S, check=False)


def free_mib(vm):
    return vm.guest.meminfo()["MemFree"] >> 10


def free_by_order(vm):
    """Of the guest's free memory the fraction in blocks of at most 4 KiB, 64 KiB, 1 MiB."""
    pages = [0] * 11
    for line in vm.guest.read("/proc/buddyinfo").splitlines():
        for order, count in enumerate(line.split("zone")[1].split()[1:]):
            pages[order] += int(count) << order
    total = sum(pages) or 1
    return {"order0": pages[0] / total, "order4": sum(pages[:5]) / total,
            "order8": sum(pages[:9]) / total}


def huge_share(vm):
    """Fraction of QEMU's anonymous memory that the host has in huge pages."""
    values = hostmem.smaps(vm.pid)
    return values["AnonHugePages"] / max(values["Anonymous"], 1)


def floor(bench, vm, mib):
    """Taking and freeing that much in the guest alone: seconds for each, and the
    vCPUs' time for both."""
    meter = cpu.Meter(vm)
    meter.begin()
    job(bench, vm, f"insmod /lab/floor.ko mib={mib}")
    used = meter.end()
    values = {
        key: int(vm.guest.read(f"/sys/module/floor/parameters/{key}"))
        for key in ("alloc_ns", "free_ns", "taken_mib")
    }
    vm.guest.run("rmmod floor")
    if values["taken_mib"] != mib:
        raise LabError(f"the guest has {values['taken_mib']} MiB to take, {mib} were asked for")
    return {"alloc_s": values["alloc_ns"] / 1e9, "free_s": values["free_ns"] / 1e9,
            "vcpu_ms_per_gib": used["vcpu_ms"] / (mib / 1024)}
