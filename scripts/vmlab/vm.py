# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest run by QEMU directly: QMP, the command channel, the console's log.

The guest boots without a balloon driver unless `driver` names one. Every socket
and log lies in a private folder that goes with the guest. Not thread-safe: one
test, one thread (which must outlive the guest, see procs.spawn).
"""

import subprocess
from pathlib import Path

from . import accel as accels, dmesg, hostmem, initramfs, machine as machines, procs
from .errors import GuestDied, GuestSilent, LabError
from .firstboot import FirstBoot
from .guest import Guest
from .qmp import Qmp, QmpError
from .session import Session
from .waits import wait_for

BALLOON_ID = "balloon0"
BALLOON_PATH = f"/machine/peripheral/{BALLOON_ID}"


def backing_args(backing, memory_mib):
    """QEMU arguments for guest RAM: "anon", "memfd" (shared) or "hugetlb" (2 MiB)."""
    if backing == "anon":
        return []
    if backing not in ("memfd", "hugetlb"):
        raise LabError(f"unknown backing {backing!r}")
    extra = ",hugetlb=on,hugetlbsize=2M" if backing == "hugetlb" else ""
    memory = f"memory-backend-memfd,id=ram0,size={memory_mib}M,share=on{extra}"
    return ["-object", memory, "-machine", "memory-backend=ram0"]


class VM(FirstBoot):
    """with VM(Paths.load(), memory_mib=512) as vm: vm.guest.run("true")

    The end of the block raises LabError where QEMU ended otherwise than it was asked to."""

    END_S = 30  # from SIGTERM on, in which the host unmaps the guest's memory

    def __init__(
        self,
        paths,
        qemu="ours",
        driver="ours",
        driver_params=None,
        memory_mib=1024,
        vcpus=2,
        balloon="virtio-balloon-pci",
        port=None,
        backing="anon",
        machine=None,
        cpu=None,
        accel=None,
        kernel_args="",
        reboot=False,
        qemu_args=(),
        modules=(),
        files=None,
        incoming=None,
    ):
        """qemu: "ours", "stock" or a path. driver: "ours", "stock" or None.
        machine, cpu, accel: None for the usual ones.
        balloon: the -device text without its id, for any machine as on PCI; None for no device.
        port: id of a PCIe root port that its text may name as its bus.
        reboot: let the guest reset the machine instead of ending QEMU.
        incoming: a migration URI; then nothing is booted."""
        self.paths = paths
        self.machine = machines.of(paths)
        self.memory_mib = memory_mib
        self.qmp = None
        self.guest = None
        self._driver, self._driver_params = driver, driver_params or {}
        self._options = dict(locals())
        self._session = Session()
        self._process = None
        self._waited_for = False

    # -- life ---------------------------------------------------------------

    @property
    def dir(self):
        return self._session.dir

    @property
    def pid(self):
        return self._process.pid

    def alive(self):
        return self._process is not None and self._process.poll() is None

    def _begin(self):
        self._process = procs.spawn(self.command_line(), self.dir / "qemu.log")
        self._session.later(self._stop)
        try:
            self.guest = Guest(
                self.dir / "agent", alive=self.alive, page_size=self.paths.page_size
            )
            self._session.later(self.guest.close)
            self.qmp = Qmp(self.dir / "qmp", alive=self.alive)
            self._session.later(self.qmp.close)
            if self._options["incoming"] is None:
                self.wait_agent()
        except (GuestDied, ConnectionError) as error:
            # a QEMU that refuses its command line may end while it is connected to
            if isinstance(error, ConnectionError):
                wait_for(lambda: not self.alive(), 5, "end of QEMU")
            raise GuestDied(f"{error}: {self.last_words()}") from error
        except GuestSilent as error:
            raise GuestSilent(f"{error}: {self.last_words()}") from error

    def wait_agent(self, count=1, timeout=90):
        """Until the agent of the count-th boot answers."""
        self.guest.wait_boot(count, timeout, alive=self.alive)

    def _load(self):
        if self._driver and self._options["incoming"] is None:
            self.guest.load_driver(self._driver, **self._driver_params)

    def _stop(self):
        """LabError where QEMU had ended before and nobody waited for that, where it does not end
        in order now, and where it leaves a sanitizer's report or a process."""
        faults = []
        if self.alive():
            self._process.terminate()
            try:
                self._process.wait(self.END_S)
                ended = procs.how(self._process.returncode)
            except subprocess.TimeoutExpired:
                self._process.kill()
                ended = f"only when it was killed: it did not end within {self.END_S:g} s"
                self._process.wait(10)
            if ended:
                faults.append(f"QEMU ended {ended}")
        elif not self._waited_for or self._process.returncode < 0:
            faults.append(f"QEMU ended by itself {procs.how(self._process.returncode)}".strip())
        faults.append(procs.reports(self.qemu_log()))
        faults += [f"QEMU left {name} running" for name in procs.end_session_of(self.pid)]
        faults = [fault for fault in faults if fault]
        if faults:
            raise LabError("; ".join([*faults, f"its last words: {self.last_words()}"]))

    def ended_as_expected(self):
        """Whether somebody waited for the end that there has been."""
        return self._waited_for

    def wait_exit(self, timeout=30, refused=False):
        """QEMU ends by itself, with status 0, or refused: with another one; never by a signal."""
        wait_for(lambda: not self.alive(), timeout, "end of QEMU")
        self._waited_for = True
        status = self._process.returncode
        if status < 0 or bool(status) != refused:
            how = procs.how(status) or "with status 0"
            raise LabError(f"QEMU ended {how}: {self.last_words()}")

    # -- how it is started ----------------------------------------------------

    def command_line(self):
        o = self._options
        kind, _ = accels.choose(self.paths.arch)
        archive = initramfs.build(self.paths, o["modules"], o["files"])
        args = [self.paths.emulator(o["qemu"]), "-nodefaults", "-no-user-config"]
        args += ["-name", "ballonet-lab", "-display", "none", "-machine"]
        args += [o["machine"] or self.machine.board]
        usual = "kvm" if kind == "kvm" else "tcg,thread=multi,tb-size=128"
        args += ["-accel", o["accel"] or usual]
        args += ["-cpu", o["cpu"] or ("host" if kind == "kvm" else self.machine.cpu)]
        args += ["-m", f"{self.memory_mib}M", "-smp", o["vcpus"]]
        args += backing_args(o["backing"], self.memory_mib)
        args += ["-chardev", f"file,id=console,path={self.console},append=on"]
        args += ["-chardev", f"socket,id=agent,path={self.dir}/agent,server=on,wait=off"]
        args += ["-chardev", f"socket,id=qmp,path={self.dir}/qmp,server=on,wait=off"]
        args += ["-serial", "chardev:console", *self.machine.agent_args]
        args += ["-mon", "chardev=qmp,mode=control"]
        args += ["-kernel", self.paths.kernel, "-initrd", archive]
        args += ["-append", self.machine.kernel_args(o["kernel_args"])]
        if o["port"]:
            args += ["-device", f"pcie-root-port,id={o['port']},chassis=1"]
        if o["balloon"]:
            text = o["balloon"].replace(machines.PCI, self.machine.balloon, 1)
            args += ["-device", f"{text},id={BALLOON_ID}"]
        if not o["reboot"]:
            args += ["-no-reboot"]
        if o["incoming"]:
            args += ["-incoming", o["incoming"]]
        return [*args, *o["qemu_args"]]

    # -- what it says ---------------------------------------------------------

    @property
    def console(self):
        return self.dir / "console.log"

    def console_text(self):
        return _text(self.console)

    def qemu_log(self):
        return _text(self.dir / "qemu.log")

    def last_words(self):
        lines = (self.qemu_log() or self.console_text()).strip().splitlines()
        last = lines[-1] if lines else "QEMU said nothing"
        return dmesg.death(self.console_text()) or last

    def splats(self, allow=()):
        """Complaints of the guest's kernel so far; allow: see dmesg.find."""
        text = self.console_text()
        if self.alive() and self.guest.boots:
            text += self.guest.dmesg()
        return dmesg.find(text, allow)

    # -- the balloon ----------------------------------------------------------

    def set_balloon(self, mib):
        """Asks for a guest of that size; does not wait."""
        self.qmp.cmd("balloon", value=mib << 20)

    def actual_mib(self):
        return self.qmp.cmd("query-balloon")["actual"] / (1 << 20)

    def resize(self, mib, timeout=60, tick=None):
        """Asks and waits until query-balloon answers that size."""
        self.set_balloon(mib)
        what = f"balloon at {mib} MiB (it stays at {self.actual_mib():.0f})"
        try:
            wait_for(lambda: self.actual_mib() == mib, timeout, what, tick=tick)
        except QmpError as error:
            raise LabError(f"{what}: {error}") from error

    # -- the host's view --------------------------------------------------------

    def ram(self):
        """hostmem.Mapping of the guest's memory inside QEMU."""
        return hostmem.find_ram(self.pid, self.memory_mib << 20)

    def rss_mib(self):
        return hostmem.rss_bytes(self.pid) / (1 << 20)


def _text(path):
    path = Path(path)
    return path.read_text(errors="replace") if path.exists() else ""
