# SPDX-License-Identifier: GPL-2.0-or-later
"""Which scenes there are, with which pairs and how often, in either mode."""

import os
from dataclasses import dataclass

from . import pairs, scenes_huge, scenes_migration, scenes_moves, scenes_resize

SIZES_GIB = tuple(int(word) for word in os.environ.get("SIZES", "1 2 4 8 16").split())


@dataclass(frozen=True)
class Scene:
    """quick, full: rounds in that mode; seconds: what one round takes, roughly."""

    key: str
    run: callable
    pairs: tuple
    quick: int
    full: int
    seconds: int
    words: str


SCENES = [
    Scene("host floor", scenes_resize.host_floor, (pairs.STOCK,), 1, 3, 16,
          "one madvise over the same memory"),
    Scene("plain", scenes_resize.plain, pairs.BOTH, 1, 3, 40,
          "6 GiB, nothing zeroed on allocation"),
    Scene("debian", scenes_resize.debian, pairs.BOTH, 1, 3, 40,
          "6 GiB, Debian's default"),
    Scene("plain cross", scenes_resize.plain, pairs.ALL[2:], 0, 3, 40,
          "the same without zeroing, one half exchanged"),
    Scene("debian cross", scenes_resize.debian, pairs.ALL[2:], 0, 3, 40,
          "the same with zeroing, one half exchanged"),
    Scene("fresh", scenes_resize.fresh, pairs.BOTH, 0, 3, 25,
          "6 GiB, Debian's default, untouched"),
    Scene("device", scenes_resize.device, pairs.BOTH, 1, 3, 35,
          "host processor time"),
    Scene("device cross", scenes_resize.device, pairs.ALL[2:], 0, 3, 35,
          "host processor time, one half exchanged"),
    Scene("small", scenes_resize.small, pairs.BOTH, 0, 3, 40,
          "host processor time, host pages of 4 KiB"),
    Scene("stall", scenes_resize.stalled, pairs.BOTH, 0, 3, 50,
          "answers during a shrink"),
    Scene("stall cross", scenes_resize.stalled, pairs.ALL[2:], 0, 2, 50,
          "answers during a shrink, one half exchanged"),
    Scene("count", scenes_moves.count, pairs.BOTH, 1, 2, 35,
          "notifications and host discards"),
    Scene("count cross", scenes_moves.count, pairs.ALL[2:], 0, 1, 35,
          "notifications and host discards, one half exchanged"),
    Scene("instructions", scenes_moves.instructions, pairs.BOTH, 1, 2, 20,
          "guest instructions"),
    Scene("scattered", scenes_resize.scattered, pairs.BOTH, 0, 3, 70,
          "guest memory fragmented to 4 KiB"),
    Scene("compaction", scenes_moves.compaction, pairs.BOTH, 0, 3, 50,
          "ballooned pages move"),
    Scene("async", scenes_moves.asynchronous, pairs.BOTH, 0, 2, 40,
          "ballooned pages move in page faults"),
    Scene("migration", scenes_migration.private, pairs.BOTH, 0, 2, 35,
          "a squeezed guest moves"),
    Scene("migration memfd", scenes_migration.shared, pairs.BOTH, 0, 2, 35,
          "a squeezed guest moves, shared memory"),
    Scene("huge fragmented", scenes_huge.fragmented, pairs.BOTH, 0, 2, 60,
          "fragmented guest: whole blocks for the host"),
    Scene("huge full", scenes_huge.full, pairs.BOTH, 0, 2, 70,
          "fragmented guest, full: whole blocks for the host"),
    Scene("huge hugetlb", scenes_huge.hugetlb, pairs.BOTH, 0, 2, 90,
          "guest on hugetlb: huge pages for the host"),
    Scene("huge cycle", scenes_huge.cycle, pairs.BOTH, 0, 2, 110,
          "huge pages behind the guest after a shrink and a grow"),
    Scene("huge guest", scenes_huge.guest_pages, pairs.BOTH, 0, 2, 85,
          "huge pages for the guest, half of it ballooned"),
    Scene("huge loop", scenes_huge.loop, pairs.BOTH, 0, 2, 150,
          "a program's loss while blocks become whole"),
    Scene("levels", scenes_resize.levels, pairs.BOTH, 0, 1, 110,
          "cost over fragmentation"),
    *(
        Scene(f"size {gib}", scenes_resize.size(gib << 10), pairs.BOTH, 0, 2 if gib <= 4 else 1,
              12 + 7 * gib, f"{gib} GiB guest")
        for gib in SIZES_GIB
    ),
]


def recorded_as(scene):
    """The half-exchanged pairs' samples lie beside those of the whole pairs."""
    return scene.key.removesuffix(" cross")


def rounds(scene, quick, named_rows):
    """named_rows: somebody asked for this very scene, so even the quick mode has it.
    $ROUNDS overrides, for the scenes the mode has at all."""
    number = (scene.quick or int(named_rows)) if quick else scene.full
    named = os.environ.get("ROUNDS", "")
    return int(named) if number and named.isdigit() else number
