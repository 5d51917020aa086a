# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest run by libvirt, the way a user runs one: a transient domain.

Same command channel and console log as vm.VM, but every order to the balloon
goes through virsh. The name is unique, so nothing of the user's is touched; the
domain, its log and its sockets go at the end of the `with` block.
"""

import os
import uuid
from pathlib import Path
from xml.sax.saxutils import escape

from . import accel, dmesg, hostmem, initramfs, procs
from .errors import GuestDied, GuestSilent, LabError
from .exits import Exits
from .firstboot import FirstBoot
from .guest import Guest
from .session import Session, Shield
from .virsh import VirshError, virsh
from .machine import MACHINES
from .waits import wait_for

LOGS = Path("/var/log/libvirt/qemu")
PIDS = Path("/run/libvirt/qemu")
BACKING = {
    "anon": "",
    "memfd": "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>",
    "hugetlb": "<memoryBacking><hugepages/></memoryBacking>",
}
TEMPLATE = """<domain type='{type}'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='MiB'>{memory}</memory>
  {backing}
  <vcpu>{vcpus}</vcpu>
  <os>
    <type arch='x86_64' machine='{machine}'>hvm</type>
    <kernel>{kernel}</kernel>
    <initrd>{initrd}</initrd>
    <cmdline>{cmdline}</cmdline>
  </os>
  <features><acpi/></features>
  {cpu}
  <on_reboot>{on_reboot}</on_reboot>
  <on_crash>destroy</on_crash>
  <devices>
    <emulator>{emulator}</emulator>
    <controller type='usb' model='none'/>
    <serial type='file'><source path='{console}' append='on'/><target port='0'/></serial>
    <serial type='unix'><source mode='bind' path='{agent}'/><target port='1'/></serial>
    {balloon}
    {devices}
  </devices>
  {labels}
  {extra}
</domain>
"""
BALLOON = "<memballoon model='virtio'{attributes}><stats period='{period}'/></memballoon>"
# Files of the cache keep their owner; the guest still runs as libvirt's user.
LABELS = """<seclabel type='static' model='dac' relabel='no'><label>{user}</label></seclabel>"""
USER = "libvirt-qemu:libvirt-qemu"


class Domain(FirstBoot):
    """with Domain(paths) as dom: dom.setmem(512). libvirtd must run (libvirtd.ensure)."""

    def __init__(
        self,
        paths,
        qemu="ours",
        driver="ours",
        driver_params=None,
        memory_mib=1024,
        vcpus=2,
        balloon_attributes="",
        stats_period=1,
        backing="anon",
        machine="q35",
        kernel_args="",
        reboot=False,
        devices="",
        extra="",
        modules=(),
        files=None,
    ):
        """qemu, driver, reboot, modules, files: as for vm.VM.
        balloon_attributes: XML attributes of <memballoon>, autodeflate='on' say.
        stats_period: seconds. devices, extra: further XML, of devices and of the domain."""
        self.paths = paths
        self.memory_mib = memory_mib
        self.name = f"ballonet-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self.guest = None
        self.pid = None
        self._driver, self._driver_params = driver, driver_params or {}
        self._options = dict(locals())
        self._session = Session()

    def _begin(self):
        self.create()
        self.connect()
        self.wait_agent()

    def _load(self):
        if self._driver:
            self.guest.load_driver(self._driver, **self._driver_params)

    # -- life ---------------------------------------------------------------

    def create(self, tick=None):
        """Only QEMU; tick(fraction of a usual start) while libvirt works."""
        xml = self._session.dir / "domain.xml"
        xml.write_text(self.xml())
        self._session.later(remove_log, self.name)
        self._session.later(self._destroy)
        with Shield():  # libvirt would go on creating it after a Ctrl-C
            virsh("create", str(xml), timeout=180, tick=tick)
        self.find_qemu()

    def find_qemu(self):
        """Its process; again where libvirt has made it anew."""
        self.pid = int((PIDS / f"{self.name}.pid").read_text())

    def connect(self):
        """The command channel; the guest may still boot."""
        self.guest = Guest(self._session.dir / "agent", alive=self.alive)
        self._session.later(self.guest.close)

    def booted(self):
        """False while it boots; GuestDied when it never will."""
        if not self.alive():
            raise GuestDied(f"guest: QEMU ended during boot: {self.last_words()}")
        return self.guest.boots > 0

    def wait_agent(self, count=1, timeout=90):
        """Until the agent of the count-th boot answers."""
        try:
            self.guest.wait_boot(count, timeout, alive=self.alive)
        except (GuestDied, GuestSilent) as error:
            raise type(error)(f"{error}: {self.last_words()}") from error

    def alive(self):
        return self.pid is not None and procs.alive(self.pid)

    def _destroy(self):
        """LabError where QEMU does not end when it is asked to, or leaves a report or a status."""
        with Exits() as exits:
            lived = self.alive()
            faults = self._end()
            if self.pid is not None:
                procs.wait_gone(self.pid, 20)
            if lived and not faults:
                status = exits.wait(self.pid, 2)
                faults.append(status and f"QEMU ended {procs.how(status)}")
        faults.append("reason=crashed" in self.qemu_log() and "QEMU crashed")
        faults.append(procs.reports(self.qemu_log()))
        faults.append(self._known() and "libvirt still knows it")
        faults = [fault for fault in faults if fault]
        if faults:
            raise LabError(f"domain {self.name}: " + "; ".join(faults))

    def _end(self):
        """What is wrong with the way it ends."""
        faults = []
        try:
            virsh("destroy", self.name, "--graceful", timeout=60)
        except VirshError as error:
            if self.alive():
                faults.append(f"QEMU does not end when it is asked to: {error}")
                virsh("destroy", self.name)
            elif self._known():
                faults.append(str(error))
        except LabError as error:
            # libvirtd does not answer; it forgets the domain once it does
            faults.append(str(error))
            if self.pid is not None and self._is_ours(self.pid):
                procs.end(self.pid)
        return faults

    def _known(self):
        return self.name in virsh("list", "--all", "--name").split()

    def _is_ours(self, pid):
        """Whether this process is still our guest's, not a later one of that pid."""
        try:
            return self.name.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False

    # -- how it is started ----------------------------------------------------

    def xml(self):
        o = self._options
        kind, _ = accel.choose()
        if o["backing"] not in BACKING:
            raise LabError(f"unknown backing {o['backing']!r}")
        return TEMPLATE.format(
            type="kvm" if kind == "kvm" else "qemu",
            name=self.name,
            uuid=uuid.uuid4(),
            memory=self.memory_mib,
            backing=BACKING[o["backing"]],
            vcpus=o["vcpus"],
            machine=o["machine"],
            kernel=escape(str(self.paths.kernel)),
            initrd=initramfs.build(self.paths, o["modules"], o["files"]),
            cmdline=escape(MACHINES["amd64"].kernel_args(o["kernel_args"])),
            cpu="<cpu mode='host-passthrough'/>" if kind == "kvm" else "",
            on_reboot="restart" if o["reboot"] else "destroy",
            emulator=escape(str(self.paths.emulator(o["qemu"]))),
            console=self.console,
            agent=self._session.dir / "agent",
            balloon=BALLOON.format(
                attributes=" " + o["balloon_attributes"], period=o["stats_period"]
            ),
            devices=o["devices"],
            labels=_labels(),
            extra=o["extra"],
        )

    # -- what it says ---------------------------------------------------------

    @property
    def console(self):
        return self._session.dir / "console.log"

    def console_text(self):
        return self.console.read_text(errors="replace") if self.console.exists() else ""

    def qemu_log(self):
        log = LOGS / f"{self.name}.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def last_words(self):
        lines = (self.console_text() or self.qemu_log()).strip().splitlines()
        return dmesg.death(self.console_text()) or (lines[-1] if lines else "it said nothing")

    def splats(self, allow=()):
        text = self.console_text()
        if self.alive() and self.guest.boots:
            text += self.guest.dmesg()
        return dmesg.find(text, allow)

    # -- the balloon, through libvirt -------------------------------------------

    def setmem(self, mib):
        """`virsh setmem --live`; does not wait."""
        virsh("setmem", self.name, f"{mib}M", "--live")

    def dommemstat(self):
        """`virsh dommemstat` as a dict; KiB where it is memory."""
        pairs = (line.split() for line in virsh("dommemstat", self.name).splitlines())
        return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2}

    def actual_mib(self):
        return self.dommemstat()["actual"] / 1024

    def resize(self, mib, timeout=60, tick=None):
        """setmem, and waits until libvirt sees that size."""
        self.setmem(mib)
        what = f"setmem to {mib} MiB (balloon stays at {self.actual_mib():.0f})"
        wait_for(lambda: self.actual_mib() == mib, timeout, what, poll=0.1, tick=tick)

    def qmp(self, text):
        """One raw QMP command (JSON text) past libvirt; its answer as text."""
        return virsh("qemu-monitor-command", self.name, text)

    # -- the host's view --------------------------------------------------------

    def ram(self):
        return hostmem.find_ram(self.pid, self.memory_mib << 20)

    def rss_mib(self):
        return hostmem.rss_bytes(self.pid) / (1 << 20)


def _labels():
    models = virsh("capabilities")
    labels = LABELS.format(user=USER)
    for model in ("apparmor", "selinux"):
        if f"<model>{model}</model>" in models:
            labels += f"<seclabel type='none' model='{model}'/>"
    return labels


def remove_log(name):
    for path in LOGS.glob(f"{name}.log*"):
        path.unlink(missing_ok=True)
