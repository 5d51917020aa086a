# SPDX-License-Identifier: GPL-2.0-or-later
"""Lets a confined libvirtd execute an emulator outside /usr/bin, for one run.

Debian confines libvirtd where AppArmor runs, and its profile names the folders
of programs it may start. A line in the profile's local file, which is meant for
that, adds ours; it is taken out again at the end. Domains go without a profile
(see domain.py). Does nothing where AppArmor or the profile is absent.
"""

from pathlib import Path

from . import procs
from .errors import LabError

PROFILES = Path("/sys/kernel/security/apparmor/profiles")
PROFILE = Path("/etc/apparmor.d/usr.sbin.libvirtd")
LOCAL = Path("/etc/apparmor.d/local/usr.sbin.libvirtd")
NATIVE = ("/usr/bin", "/usr/sbin", "/bin", "/sbin")


def confines_libvirtd():
    try:
        return "libvirtd (enforce)" in PROFILES.read_text().splitlines()
    except OSError:
        return False


def allow(session, emulator, say):
    """session: undoes it. say(line): told what was changed."""
    if str(emulator.parent) in NATIVE or not confines_libvirtd():
        return
    line = f"  {emulator} PUx, # ballonet, for the time of a run\n"
    try:
        text = LOCAL.read_text() if LOCAL.exists() else ""
        if line not in text:
            session.later(_take_out, line)
            LOCAL.write_text(text + line)
            _reload()
    except OSError as error:
        raise LabError(f"AppArmor keeps libvirtd from running {emulator}: {error}") from error
    say(f"AppArmor: libvirtd may run {emulator} until the end of this run")


def _take_out(line):
    LOCAL.write_text(LOCAL.read_text().replace(line, ""))
    _reload()


def _reload():
    status, _, err = procs.run(["apparmor_parser", "-r", PROFILE], 60, "apparmor_parser")
    if status:
        raise LabError(f"apparmor_parser -r {PROFILE}: {err.strip()}")
