# SPDX-License-Identifier: GPL-2.0-or-later
"""What the bench boots, fixed at its start: a rebuild meanwhile changes nothing.

Copies emulator and driver into the session's folder, and builds the bench's own
guest program and module there. Leaves nothing behind.
"""

import dataclasses
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from vmlab import guestmodule
from vmlab.errors import LabError
from vmlab.paths import ROOT, Paths

HERE = Path(__file__).resolve().parent
STOCK_KINDS = {"packaged": "STOCK_QEMU", "built": "STOCK_BUILT_QEMU"}


def built_paths():
    """All that scripts/paths.sh names."""
    done = subprocess.run(
        ["bash", ROOT / "scripts" / "paths.sh", "--all"],
        capture_output=True, text=True, timeout=120, check=False,
    )
    if done.returncode:
        raise LabError((done.stderr.strip().splitlines() or ["scripts/paths.sh failed"])[-1])
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def pin(folder, stock_kind):
    """(vmlab Paths, {name in the guest: bytes}, {emulator: its plugin}, facts about them)."""
    names = built_paths()
    stock = names.get(STOCK_KINDS[stock_kind])
    if not stock or not os.access(stock, os.X_OK):
        hint = "apt-get install qemu-system-x86" if stock_kind == "packaged" else "run `make test`"
        raise LabError(f"no {stock_kind} stock emulator: {hint}")
    paths = Paths.load()
    driver = _copy(paths.driver, folder / "virtio_balloon.ko")
    qemu = _copy(paths.emulator("ours"), folder / "qemu-ours")
    paths = dataclasses.replace(paths, driver=driver, qemu=qemu, stock_qemu=Path(stock))
    files = {
        "bin/benchtool": _program(folder),
        "lab/floor.ko": guestmodule.build(paths.headers, HERE / "floor"),
    }
    plugins = {name: _plugin(folder, paths.emulator(name), names["PLUGIN_HEADERS"])
               for name in ("ours", "stock")}
    facts = {
        "guest_kernel": paths.release,
        "stock_qemu": _version(stock),
        "our_qemu": _version(qemu),
        "our_qemu_sha256": _digest(qemu),
        "our_driver_sha256": _digest(driver),
        "checkout": _checkout(),
    }
    return paths, files, plugins, facts


def _copy(source, target):
    if source is None or not source.exists():
        raise LabError("our pair is not built: run `make`")
    shutil.copy2(source, target)
    return target


def _program(folder):
    target = folder / "benchtool"
    _run(["gcc", "-O2", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-static",
          "-o", target, HERE / "guest" / "benchtool.c"], "the bench's guest program")
    return target.read_bytes()


def _plugin(folder, emulator, headers):
    """Counts instructions; 9.0 and later take no plugin that says it is older than the second
    version of the interface, 7.2 knows the first alone."""
    api = 1 if int(_version(emulator).split(".")[0]) < 9 else 2
    target = folder / f"instructions-{api}.so"
    flags = _output(["pkg-config", "--cflags", "glib-2.0"]).split()
    _run(["gcc", "-O2", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
          f"-DPLUGIN_API={api}", "-I", headers, *flags, "-o", target,
          HERE / "plugin" / "instructions.c"], "the plugin that counts instructions")
    return target


def _run(command, what):
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        faults = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise LabError(f"cannot build {what}: {(faults or [done.stderr])[0]}")


def _output(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout


def _version(qemu):
    said = _output([qemu, "--version"]).splitlines() or ["unknown"]
    return said[0].removeprefix("QEMU emulator version ")


def _digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]


def _checkout():
    """The commit, and whether the tree differs from it; not needed to measure."""
    git = ["git", "-c", "safe.directory=*", "-C", ROOT, "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(git, capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"
