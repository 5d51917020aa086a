# SPDX-License-Identifier: GPL-2.0-or-later
"""Kernel modules on disk: where one is, what it needs, in which order to load.

Works on a folder extracted from a package, which has no modules.dep: the names
a module depends on are read from its own .modinfo section.
"""

import lzma
import re
from pathlib import Path

from .errors import LabError


def read_module(path):
    """The ELF bytes, decompressed where the file is .xz."""
    data = Path(path).read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    if data[:4] != b"\x7fELF":
        raise LabError(f"{path}: not an ELF module (compression not supported)")
    return data


def module_name(path):
    return Path(path).name.split(".ko")[0].replace("-", "_")


def depends_of(data):
    """Names of the modules this one needs, as its .modinfo has them."""
    found = re.search(rb"(?:^|\0)depends=([^\0]*)\0", data)
    names = found.group(1).decode().split(",") if found else []
    return [name.replace("-", "_") for name in names if name]


class ModuleTree:
    """The modules below one folder, by name."""

    def __init__(self, folder):
        self._by_name = {module_name(p): p for p in Path(folder).rglob("*.ko*")}

    def get(self, name):
        return self._by_name.get(name.replace("-", "_"))

    def load_order(self, names):
        """Paths to load for these names, dependencies first.

        A name that is no module here is taken to be built in.
        """
        order = []

        def visit(name):
            path = self.get(name)
            if path is None or path in order:
                return
            for needed in depends_of(read_module(path)):
                visit(needed)
            order.append(path)

        for name in names:
            visit(name)
        return order
