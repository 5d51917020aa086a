# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian of its own for a test: an overlay on the cached base, thrown away afterwards.

Owns the mounts, which live in a mount namespace of this process and so end with
it, whatever happens. Downloads are kept in the cache. One thread.
"""

import subprocess
import tempfile
from pathlib import Path

from vmlab.errors import LabError
from vmlab.paths import ROOT
from vmlab.procs import call
from vmlab.session import InSession, Session

ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
# What package tools leave behind by themselves, and what is mounted in.
NOISE = ("./proc", "./sys", "./dev", "./tmp", "./run", "./var/log", "./var/cache",
         "./var/lib/apt", "./var/lib/dpkg", "./etc/ld.so.cache", "./etc/machine-id")


class Chroot(InSession):
    """with Chroot(cache) as c: c.run("apt-get", ...)"""

    def __init__(self, cache):
        self.cache = cache
        self.root = None
        self._session = Session()

    def _begin(self):
        base = call("bash", ROOT / "tests" / "deb" / "base.sh", timeout=900).strip()
        over = self._session.dir
        self.root = over / "root"
        for name in ("root", "upper", "work"):
            (over / name).mkdir()
        layers = f"lowerdir={base},upperdir={over}/upper,workdir={over}/work"
        call("mount", "-t", "overlay", "overlay", "-o", layers, self.root)
        self._session.later(call, "umount", "--recursive", self.root)
        call("mount", "-t", "proc", "proc", self.root / "proc")
        call("mount", "--rbind", "/dev", self.root / "dev")
        self.show(self.cache / "chroot-debs", "/var/cache/apt/archives")
        resolver = Path("/etc/resolv.conf").read_text() if Path("/etc/resolv.conf").exists() else ""
        (self.root / "etc/resolv.conf").write_text(resolver)
        self.apt("update")

    def show(self, folder, at=None):
        """Makes a folder of this machine appear inside, at the same path unless told."""
        inside = self.inside(at or folder)
        inside.mkdir(parents=True, exist_ok=True)
        call("mount", "--bind", folder, inside)

    def show_temporary(self):
        self.show(tempfile.gettempdir())

    def inside(self, path):
        return self.root / str(path).lstrip("/")

    def run(self, *command, timeout=300, status=0):
        """stdout and stderr of a command that must end with that status."""
        done = subprocess.run(
            ["chroot", self.root, *command],
            env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False,
        )
        if done.returncode != status:
            raise LabError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n"
                           + done.stdout[-3000:])
        return done.stdout

    def apt(self, *command):
        """An apt-get run; the only thing that needs the network."""
        options = ["-q", "-y", "-o", "Acquire::Retries=3", "-o", "APT::Sandbox::User=root",
                   "-o", "Binary::apt::APT::Keep-Downloaded-Packages=true"]
        return self.run("apt-get", *options, *command, timeout=1200)

    def install(self, *packages):
        """Package names, or .deb files of this machine."""
        names = []
        for package in packages:
            if isinstance(package, Path):
                copy = self.inside("/root") / package.name
                copy.write_bytes(package.read_bytes())
                package = f"/root/{package.name}"
            names.append(package)
        return self.apt("install", "--no-install-recommends", *names)

    def purge(self, package):
        """The package, its configuration and what came with it."""
        said = self.apt("purge", package)
        keep_less = ("-o", "APT::AutoRemove::RecommendsImportant=false",
                     "-o", "APT::AutoRemove::SuggestsImportant=false")
        return said + self.apt(*keep_less, "autoremove", "--purge")

    def files(self):
        """Every path inside, but for what package tools note for themselves."""
        skip = []
        for noise in NOISE:
            skip += ["-path", noise, "-prune", "-o"]
        found = self.run("sh", "-c", 'cd / && exec find . -xdev "$@" -print', "find", *skip)
        return {path[1:] for path in found.splitlines() if not path.startswith("./root/")}

    def changes(self, before):
        """Paths that are there, and were not, or the other way round."""
        return sorted(self.files() ^ before)
