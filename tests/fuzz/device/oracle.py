# SPDX-License-Identifier: GPL-2.0-or-later
"""What is in the balloon, by the specification alone: a byte for each page, and
the rules of VIRTIO 5.5.6 and of spec/page-ops.md 4 written down in the plainest way.
"""

import struct

PAGE = 4096
OP_BYTES = 24
OPS_MAX = 4096
OK, MALFORMED, NOT_RAM, WRONG_STATE, INHIBITED = range(5)


class Oracle:
    def __init__(self, ram):
        """ram: [(first byte, end)] of memory that can be ballooned."""
        self.areas = [(a // PAGE, e // PAGE, bytearray((e - a) // PAGE)) for a, e in ram]
        self.forget_counts()

    def forget_counts(self):
        self.rejected = self.repeated = self.stray = 0

    def clear(self):
        self.areas = [(a, e, bytearray(e - a)) for a, e, _ in self.areas]

    def remove(self, first, last):
        """Memory from byte first up to last was unplugged."""
        kept = []
        for a, e, pages in self.areas:
            for x, y in ((a, min(e, first // PAGE)), (max(a, last // PAGE), e)):
                if x < y:
                    kept.append((x, y, pages[x - a:y - a]))
        self.areas = kept

    def count(self):
        return sum(pages.count(1) for _, _, pages in self.areas)

    def _find(self, page):
        for a, e, pages in self.areas:
            if a <= page < e:
                return pages, page - a
        return None, 0

    def holds(self, page):
        pages, at = self._find(page)
        return pages is not None and pages[at] == 1

    # PFN queues

    def inflate(self, pfns):
        for pfn in pfns:
            pages, at = self._find(pfn)
            if pages is None:
                self.rejected += 1
            elif pages[at]:
                self.repeated += 1
            else:
                pages[at] = 1

    def deflate(self, pfns):
        for pfn in pfns:
            pages, at = self._find(pfn)
            if pages is None:
                self.rejected += 1
            elif not pages[at]:
                self.stray += 1
            else:
                pages[at] = 0

    # Page ops

    def _slice(self, addr, count):
        """The area that holds the range wholly, as indexes in it."""
        page = addr // PAGE
        for a, e, pages in self.areas:
            if a <= page and page + count <= e:
                return pages, page - a, page - a + count
        return None

    def _state(self, addr, count, want):
        where = self._slice(addr, count)
        if not where:
            return NOT_RAM
        pages, a, e = where
        return WRONG_STATE if pages.find(bytes([1 - want]), a, e) >= 0 else OK

    def _set(self, addr, count, value):
        pages, a, e = self._slice(addr, count)
        pages[a:e] = bytes([value]) * count

    def judge(self, raw):
        """(status, what leaves, what enters) of one operation; a range is (addr, count)."""
        kind, reserved, count, addr, new = struct.unpack("<HHIQQ", raw)
        ranges = [addr, new] if kind == 3 else [addr]
        if kind not in (1, 2, 3) or reserved or not count or (new and kind != 3):
            return MALFORMED, None, None
        for a in ranges:
            if a % PAGE or a + count * PAGE > 1 << 64:
                return MALFORMED, None, None
        if kind == 3 and addr < new + count * PAGE and new < addr + count * PAGE:
            return MALFORMED, None, None
        leave = (addr, count) if kind in (2, 3) else None
        enter = (addr, count) if kind == 1 else (new, count) if kind == 3 else None
        states = [self._state(*r, want) for r, want in ((leave, 1), (enter, 0)) if r]
        return (NOT_RAM if NOT_RAM in states else max(states)), leave, enter

    def ops(self, data, inhibited_at=None):
        """Does what the buffer says: (status, index). inhibited_at: the operation that the
        device says it cannot do now, which it may of an INFLATE."""
        n = len(data) // OP_BYTES
        if not data or n > OPS_MAX:
            return MALFORMED, 0
        for i in range(n):
            status, leave, enter = self.judge(data[i * OP_BYTES:(i + 1) * OP_BYTES])
            if status:
                return status, i
            if inhibited_at == i and not leave:
                return INHIBITED, i
            if leave:
                self._set(*leave, 0)
            if enter:
                self._set(*enter, 1)
        return (MALFORMED if len(data) % OP_BYTES else OK), n
