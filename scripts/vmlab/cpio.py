# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the archive format of an initramfs ("newc"): plain files and folders.

All times are zero and all owners root, so equal input gives equal bytes.
"""

S_DIR = 0o040755
S_FILE = 0o100000
S_CHAR = 0o020600


class Archive:
    """Collects entries in memory; parents of a path are added by themselves."""

    def __init__(self):
        self._parts = []
        self._seen = set()
        self._inode = 1

    def _entry(self, name, mode, data=b"", device=(0, 0)):
        self._seen.add(name)
        self._inode += 1
        encoded = name.encode() + b"\0"
        fields = (self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0)
        head = b"070701" + b"".join(b"%08x" % value for value in fields)
        self._parts.append(_pad(head + encoded) + _pad(data))

    def _parents(self, name):
        pieces = name.split("/")[:-1]
        for count in range(1, len(pieces) + 1):
            self.directory("/".join(pieces[:count]))

    def directory(self, name):
        if name not in self._seen:
            self._parents(name)
            self._entry(name, S_DIR)

    def file(self, name, data, mode=0o644):
        self._parents(name)
        self._entry(name, S_FILE | mode, data)

    def char_device(self, name, major, minor):
        self._parents(name)
        self._entry(name, S_CHAR, device=(major, minor))

    def bytes(self):
        self._entry("TRAILER!!!", 0)
        return b"".join(self._parts)


def _pad(data):
    return data + b"\0" * (-len(data) % 4)
