# SPDX-License-Identifier: GPL-2.0-or-later
"""A ballonetd that manages the guests of one test alone, on a host whose memory the test makes up.

The libvirtd is shared: guests are unmanaged but for those that manage() names.
"""

import re
import select
import socket
import threading

import pytest

from vmlab import procs
from vmlab.virsh import URI, virsh
from vmlab.waits import wait_for

from .env import MIB, scaled

NAMESPACE = "urn:ballonet:overcommit:1"
TOTAL_MIB = 8192
CONF = """[daemon]
socket = {dir}/sock
metrics-file = {dir}/metrics.prom
[host]
cgroup = {dir}/cgroup
tight-percent = 15
critical-percent = 5
[guests]
managed = no
"""


class Ballonetd:
    """with Ballonetd(paths, tmp_path) as daemon: it runs, connected to libvirt."""

    def __init__(self, paths, folder, uri=URI, options=(), conf=""):
        if not paths.ballonetd or not paths.ballonetd.exists():
            pytest.fail("ballonetd is not built: run make build-overcommit")
        self.dir = folder
        self._paths = paths
        self._command = [paths.ballonetd, "--config", folder / "conf", "--connect", uri,
                         "--foreground", "--verbose", *options]
        (folder / "conf").write_text(CONF.format(dir=folder) + conf)
        (folder / "cgroup").mkdir(exist_ok=True)
        self.host(available_mib=TOTAL_MIB - 1024)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            assert self.process.wait(scaled(20)) == 0, self.log()

    def launch(self):
        self.process = procs.spawn(self._command, self.dir / "log")

    def start(self):
        self.launch()
        self.wait_log("connected to")

    def host(self, available_mib, stalled_s=0):
        """The memory that it believes the host has: a cgroup of TOTAL_MIB."""
        group = self.dir / "cgroup"
        (group / "memory.max").write_text(f"{TOTAL_MIB * MIB}\n")
        (group / "memory.current").write_text(f"{(TOTAL_MIB - available_mib) * MIB}\n")
        (group / "memory.stat").write_text("anon 0\ninactive_file 0\nactive_file 0\n")
        (group / "memory.pressure").write_text(
            f"some avg10=0.00 avg60=0.00 avg300=0.00 total={int(stalled_s * 1e6)}\n")

    def log(self):
        return (self.dir / "log").read_text(errors="replace")

    def wait_log(self, words, count=1):
        wait_for(lambda: len(re.findall(re.escape(words), self.log())) >= count, scaled(30),
                 f"{words!r} in the daemon's log, which has: {self.log()}", poll=0.1)

    def ctl(self, *words):
        """ballonetctl's output, which must be right."""
        status, out, err = self.try_ctl(*words)
        assert status == 0, err
        return out

    def try_ctl(self, *words):
        command = [self._paths.ballonetctl, "--socket", self.dir / "sock", *words]
        return procs.run(command, scaled(20), "ballonetctl")

    def row(self, dom):
        """The guest's row of `ballonetctl status`, as {heading: text}."""
        lines = [line.split() for line in self.ctl("status").splitlines()]
        for line in lines[2:]:
            if line[0] == dom.name:
                return dict(zip(lines[1], line))
        return {}

    def wait_settled(self, dom):
        """Until the guest has the size that it was ordered."""

        def settled():
            row = self.row(dom)
            return row.get("SIZE") == row.get("TARGET") and row.get("WHY") != "moving"

        wait_for(settled, scaled(30), f"{dom.name} to have its size", poll=0.2)

    def wait_why(self, dom, *reasons, seconds=30):
        """Until the guest is in one of these."""
        wait_for(lambda: self.row(dom).get("WHY") in reasons, scaled(seconds),
                 f"{dom.name} to be {reasons}: {self.ctl('status')}{self.log()[-2000:]}", poll=0.2)


def manage(dom, words="managed='yes'"):
    virsh("metadata", dom.name, "--uri", NAMESPACE, "--key", "ballonet", "--live",
          "--set", f"<guest {words}/>")


class Between:
    """A socket between a client and libvirtd that a test can cut, as a restart of libvirtd does;
    the machine's own is used by others meanwhile."""

    def __init__(self, folder, target="/run/libvirt/libvirt-sock"):
        self.path = folder / "between"
        self.uri = f"qemu+unix:///system?socket={self.path}"
        self._target = target
        self._open = []
        self._listener = None

    def __enter__(self):
        self.open()
        return self

    def __exit__(self, *_):
        self.cut()

    def open(self):
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self):
        """Nobody listens any more, and who was connected is not."""
        self.path.unlink(missing_ok=True)
        self._listener.close()
        for sock in self._open:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._open.clear()

    def _accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            self._open += [client, server]
            threading.Thread(target=_carry, args=(client, server), daemon=True).start()


def _carry(one, other):
    way = {one: other, other: one}
    with one, other:
        while True:
            for sock in select.select([one, other], [], [])[0]:
                try:
                    data = sock.recv(65536)
                    if not data:
                        return
                    way[sock].sendall(data)
                except OSError:
                    return
