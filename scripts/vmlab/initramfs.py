# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds the guest's initramfs: busybox, our guest programs, the modules.

The result lies in the cache under a name made of its content, so it is built
once per change and may be shared by guests that run at the same time. Both
balloon drivers are inside, as /lab/stock and /lab/ours; none is loaded at boot.
"""

import hashlib
import os
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

from . import machine
from .cpio import Archive
from .errors import LabError
from .kmodules import ModuleTree, depends_of, read_module
from .paths import ROOT

GUEST_SOURCES = ROOT / "tests" / "guest"
BALLOON = "virtio_balloon"
KEPT_S = 4 * 3600


def build(paths, extra_modules=(), extra_files=None):
    """Returns the path of the archive.

    extra_modules: names from the stock kernel, loaded at boot.
    extra_files: {name in the guest: bytes}; executable.
    """
    return _build(paths, tuple(extra_modules), tuple((extra_files or {}).items()))


@cache  # what it is made of stays as it is while one process runs
def _build(paths, extra_modules, extra_files):
    archive = Archive()
    archive.char_device("dev/console", 5, 1)
    archive.file("bin/busybox", find_busybox(paths).read_bytes(), 0o755)
    archive.file("init", (GUEST_SOURCES / "init").read_bytes(), 0o755)
    for program in build_programs(paths):
        archive.file(f"bin/{program.name}", program.read_bytes(), 0o755)
    archive.file("lab/port", machine.of(paths).agent.encode() + b"\n")
    _add_modules(archive, paths, extra_modules)
    for name, data in extra_files:
        archive.file(name.lstrip("/"), data, 0o755)
    return _store(paths.cache / "initramfs", archive.bytes())


def find_busybox(paths):
    """A busybox that needs no libraries, of the guest's architecture; $BUSYBOX may name one."""
    if paths.busybox:
        return paths.busybox
    for name in (os.environ.get("BUSYBOX"), "/bin/busybox", "/usr/bin/busybox"):
        if name and Path(name).is_file() and not _has_interpreter(Path(name)):
            return Path(name)
    raise LabError("no statically linked busybox: apt-get install busybox-static")


def _has_interpreter(path):
    with open(path, "rb") as file:
        return b"ld-linux" in file.read(4096)


def build_programs(paths):
    """Compiles tests/guest once per change; returns the programs' paths."""
    sources = [p for p in sorted(GUEST_SOURCES.rglob("*")) if p.suffix in (".c", ".h")]
    digest = hashlib.sha256()
    for source in [*sources, GUEST_SOURCES / "Makefile"]:
        digest.update(source.read_bytes())
    compiler = f"{paths.cross}gcc-12" if paths.cross else "cc"
    digest.update(f"{compiler} {paths.page_size}".encode())
    folder = paths.cache / "guest-programs" / digest.hexdigest()[:16]
    names = ("agent", "memtool")
    if all((folder / name).exists() for name in names):
        return [folder / name for name in names]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as build_dir:
        done = subprocess.run(
            ["make", "-s", "-C", GUEST_SOURCES, f"OUT={build_dir}", f"CC={compiler}",
             f"PAGE_BYTES={paths.page_size}"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            words = done.stderr.strip().splitlines() or ["make failed"]
            what = f"cannot build the guest programs ({compiler}, its libc, make?)"
            raise LabError(f"{what}: {words[-1]}")
        folder.mkdir(exist_ok=True)
        for name in names:
            os.replace(Path(build_dir) / name, folder / name)
    return [folder / name for name in names]


def _add_modules(archive, paths, extra_modules):
    tree = ModuleTree(paths.modules)
    stock = paths.stock_driver or tree.get(BALLOON)
    drivers = {"stock": stock, "ours": paths.driver}
    wanted = [*machine.of(paths).modules, *extra_modules]
    for which, path in drivers.items():
        if path is None or not path.exists():
            continue
        data = read_module(path)
        wanted += depends_of(data)
        archive.file(f"lab/{which}/{BALLOON}.ko", data)
    order = [p for p in tree.load_order(wanted) if p.name.split(".")[0] != BALLOON]
    for path in order:
        archive.file(f"lab/{path.name.split('.ko')[0]}.ko", read_module(path))
    names = "".join(f"{p.name.split('.ko')[0]}.ko\n" for p in order)
    archive.file("lab/modules", names.encode())


def _store(folder, data):
    """Writes once, readable for libvirt's user; drops what was not used lately."""
    target = folder / f"{hashlib.sha256(data).hexdigest()[:16]}.cpio"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if target.exists():
            os.utime(target)
            return target
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(data)
        os.chmod(file.name, 0o644)
        os.replace(file.name, target)
        _prune(folder)
    except OSError as error:
        raise LabError(f"cannot write the initramfs to {folder}: {error.strerror}") from error
    return target


def _prune(folder):
    """Keeps what was used in the last hours: another run may be about to boot it."""
    for path in folder.glob("*.cpio*"):
        try:
            if path.stat().st_mtime < time.time() - KEPT_S:
                path.unlink()
        except FileNotFoundError:
            pass
