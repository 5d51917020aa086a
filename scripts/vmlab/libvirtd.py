# SPDX-License-Identifier: GPL-2.0-or-later
"""libvirtd and virtlogd: used where they run, started (and ended again) where not.

Also sets right what keeps libvirt from running our emulator: the permissions of
/dev/kvm on a machine without udev, and AppArmor's profile (apparmor.py). With
LIBVIRT in the environment another version of it, for this run (otherlibvirt.py).
"""

import grp
import os
import shutil
import socket
import stat
from pathlib import Path

from . import apparmor, otherlibvirt, procs
from .errors import LabError, Missing
from .lease import FOLDER, Lease
from .session import Shield
from .virsh import virsh
from .waits import wait_for

DAEMONS = (
    # program, socket, package; virtlogd first: libvirtd hands consoles to it
    ("virtlogd", "/run/libvirt/virtlogd-sock", "libvirt-daemon"),
    ("libvirtd", "/run/libvirt/libvirt-sock", "libvirt-daemon-system"),
)
KVM = Path("/dev/kvm")


def ensure(session, say=print, emulator=None, tick=None):
    """Returns when libvirtd answers. session: a session.Session that undoes what
    was started. say(line): told of every change to the machine. emulator: made
    known to AppArmor where that runs."""
    if os.geteuid() != 0:
        raise LabError("libvirt's system instance needs root: run with sudo")
    allow_kvm_node(say)
    other = otherlibvirt.enter(session, say)
    if emulator and not other:
        apparmor.allow(session, Path(emulator), say)
    lease = Lease(_undo)
    session.later(lease.leave)

    def start(lease):
        for program, path, package in DAEMONS:
            if not _answers(path):
                with Shield():  # started and written down, or not started
                    if other:
                        _start_other(lease, other, program, path, say, tick)
                    else:
                        _start(lease, program, path, package, say, tick)

    lease.enter(start)
    virsh("version", timeout=30, tick=tick)


def _answers(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(5)
        try:
            sock.connect(path)
        except OSError:
            return False
    return True


def _start(lease, program, path, package, say, tick):
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if not found:
        raise Missing(f"{program} is missing: apt-get install {package}")
    say(f"starting {program}")
    if os.path.isdir("/run/systemd/system"):
        _systemctl("start", program)
        lease.started(f"unit {program}")
    else:
        pidfile = FOLDER / f"{program}.pid"
        status, out, err = procs.run(
            [found, "-d", "-p", pidfile], 60, f"start of {program}", tick=tick
        )
        if status:
            words = (err or out).strip().splitlines()
            raise LabError(f"{program} does not start: {words[-1] if words else status}")
        wait_for(pidfile.exists, 10, f"{program}'s pid file", tick=tick)
        lease.started(f"pid {program} {pidfile.read_text().strip()}")
    wait_for(lambda: _answers(path), 30, f"{program} to listen", tick=tick)


def _start_other(lease, other, program, path, say, tick):
    say(f"starting {program}")
    lease.started(f"pid {program} {other.start(program)}")
    wait_for(
        lambda: other.check(program) or _answers(path), 30, f"{program} to listen", tick=tick
    )


def _undo(record):
    kind, program, *rest = record.split()
    if kind == "unit":
        _systemctl("stop", program)
    elif Path(procs.program(int(rest[0])) or "").name == program:
        procs.end(int(rest[0]))


def _systemctl(verb, unit):
    status, _, err = procs.run(["systemctl", verb, unit], 60, f"systemctl {verb} {unit}")
    if status:
        raise LabError(f"systemctl {verb} {unit}: {err.strip() or status}")


def allow_kvm_node(say):
    """/dev/kvm that only root opens costs a minute per guest, even one that does
    not use it: libvirt probes again and again. Does what udev's rule does."""
    try:
        info = KVM.stat()
        group = grp.getgrnam("kvm").gr_gid
    except (FileNotFoundError, KeyError):
        return
    wanted = stat.S_IMODE(info.st_mode) | 0o660
    if info.st_mode & 0o006 == 0o006 or (info.st_gid == group and info.st_mode & 0o060 == 0o060):
        return
    try:
        os.chown(KVM, -1, group)
        os.chmod(KVM, wanted)
    except OSError as error:
        say(f"/dev/kvm stays closed to libvirt's user ({error.strerror}): expect a slow start")
        return
    say("/dev/kvm was open to root alone; now group kvm may use it, as udev would have it")
