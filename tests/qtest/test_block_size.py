# SPDX-License-Identifier: GPL-2.0-or-later
"""The block size that the device tells the driver (spec/page-ops.md 3): what the host
really holds guest memory in, kind by kind, whatever this host is set to."""

import os
import subprocess

import pytest

import thp
from balloon import MIB, PAGE
from machine import QemuGone
from ops import CONFIG, OpsBalloon
from test_discard import huge_pages, memory_backend  # noqa: F401

ANON = f"{thp.SETTINGS}/enabled"
ANON_SIZED = f"{thp.SIZED}/enabled"
SHMEM = f"{thp.SETTINGS}/shmem_enabled"
SHMEM_SIZED = f"{thp.SIZED}/shmem_enabled"
OFF = {ANON: "always madvise [never]", SHMEM: "always within_size advise [never] deny force"}
ON = {ANON: "always [madvise] never", SHMEM: "always within_size [advise] never deny force"}
KIND = {
    "anon": "memory-backend-ram",
    "shared-anon": "memory-backend-ram,share=on",
    "memfd": "memory-backend-memfd",
    "private-memfd": "memory-backend-memfd,share=off",
}


def sized(settings):
    """With the settings of the one size as a kernel has them at first, where it has them."""
    inherit = {ANON_SIZED: "always [inherit] madvise never",
               SHMEM_SIZED: "always [inherit] within_size advise never"}
    return {**{name: text for name, text in inherit.items() if os.path.exists(name)}, **settings}


def told(b):
    """What the driver reads; the host's user sees the same."""
    size = b.io.config_read(CONFIG)
    assert b.shown("block-size") == size
    return size


@pytest.fixture
def block_size(boot, ours, tmp_path):
    def start(settings, *args, mounts=(), memory="64M", **kw):
        thp.size()
        binary = thp.with_settings(ours, tmp_path, sized(settings), mounts)
        return boot(*args, binary=binary, memory=memory, driver=OpsBalloon, **kw)
    return start


CASES = {
    "anon-on": ("anon", ON, True),
    "anon-always": ("anon", {ANON: "[always] madvise never"}, True),
    "anon-off": ("anon", OFF, False),
    "anon-is-not-shmem": ("anon", {**OFF, SHMEM: ON[SHMEM]}, False),
    "anon-not-this-size": ("anon", {**ON, ANON_SIZED: "always inherit madvise [never]"}, False),
    "anon-this-size": ("anon", {**OFF, ANON_SIZED: "always inherit [madvise] never"}, True),
    "shared-anon-on": ("shared-anon", ON, True),
    "shared-anon-off": ("shared-anon", OFF, False),
    "memfd-on": ("memfd", ON, True),
    "memfd-off": ("memfd", OFF, False),
    "memfd-is-not-anon": ("memfd", {**OFF, ANON: "[always] madvise never"}, False),
    "memfd-this-size": ("memfd", {**OFF, SHMEM_SIZED: "always inherit [advise] never"}, True),
    "private-memfd": ("private-memfd", ON, False),
}


@pytest.mark.parametrize("kind, settings, huge", CASES.values(), ids=CASES)
def test_transparent_huge_pages(block_size, kind, settings, huge):
    b = block_size(settings, *memory_backend(KIND[kind], "64M"))
    assert told(b) == (2 * MIB if huge else PAGE)


@pytest.mark.parametrize("option, huge", [("", False), ("huge=never", False),
                                          ("huge=advise", True), ("huge=always", True)])
def test_a_file_in_a_tmpfs(block_size, tmp_path, option, huge):
    """As that was mounted, whatever the kernel does with memory of its own."""
    where = tmp_path / "tmpfs"
    where.mkdir()
    b = block_size(OFF if huge else ON,
                   *memory_backend(f"memory-backend-file,mem-path={where},share=on", "64M"),
                   mounts=[f"mount -t tmpfs {option and '-o ' + option} none {where} || exit 1"])
    assert told(b) == (2 * MIB if huge else PAGE)


def test_a_file_on_disk(block_size, tmp_path):
    kind = subprocess.run(["stat", "-fc", "%T", tmp_path], capture_output=True, text=True,
                          check=True).stdout.strip()
    if kind == "tmpfs":
        pytest.skip("the folder for temporary files is a tmpfs")
    b = block_size(ON, *memory_backend(f"memory-backend-file,mem-path={tmp_path},share=on", "64M"))
    assert told(b) == PAGE


@pytest.mark.parametrize("flags, huge", [(0, False), (2, True)])
def test_a_process_that_is_told_off(boot, ours, tmp_path, flags, huge):
    """By PR_SET_THP_DISABLE; newer kernels have a flag that leaves out what asks for it."""
    thp.size()
    binary = thp.told_off(ours, tmp_path, flags)
    try:
        b = boot(binary=binary, memory="64M", driver=OpsBalloon)
    except QemuGone as gone:
        if "no such prctl" in str(gone):
            pytest.skip("this host's kernel has no such flag")
        raise
    if told(b) == PAGE and huge:
        with open(ANON) as f:
            if "[never]" in f.read():
                pytest.skip("transparent huge pages are off on this host")
    assert told(b) == (2 * MIB if huge else PAGE)


@pytest.mark.parametrize("how", ["on", "off"])
def test_hugetlb(block_size, huge_pages, how):  # noqa: F811
    """Its pages, whatever the settings of the others."""
    assert told(block_size(ON if how == "on" else OFF, *memory_backend(
        "memory-backend-memfd,hugetlb=on,hugetlbsize=2M", "64M"))) == 2 * MIB


def test_the_largest_of_several(block_size, huge_pages):  # noqa: F811
    """A module of huge pages in a guest without counts from the next driver on; a backend that
    is no guest memory never."""
    size = 64 * MIB
    b = block_size(OFF, memory="64M,slots=1,maxmem=1G")
    b.m.qmp("object-add", qom_type="memory-backend-memfd", id="huge", size=size, hugetlb=True,
            hugetlbsize=2 * MIB)
    b.bring_up()
    assert told(b) == PAGE
    b.m.qmp("device_add", driver="pc-dimm", id="dimm", memdev="huge")
    assert told(b) == PAGE, "it must not change under the driver"
    b.bring_up()
    assert told(b) == 2 * MIB


def test_looked_up_for_each_driver(block_size, tmp_path):
    """The host's user may change the setting; a driver that starts a second later finds it."""
    b = block_size(ON)
    assert told(b) == 2 * MIB
    name = [str(n) for n, known in enumerate(sized(ON)) if known == ANON][0]
    (tmp_path / name).write_text(OFF[ANON] + "\n")
    assert told(b) == 2 * MIB

    def told_anew():
        b.bring_up()
        return told(b)

    b.m.until(lambda: told_anew() == PAGE, "the new setting")


@pytest.mark.parametrize("asked, size", [("64K", 65536), ("2M", 2 * MIB), ("4M", 4 * MIB)])
def test_discard_granularity_counts(block_size, asked, size):
    """Less than that would not go back."""
    assert told(block_size(OFF, options=f"discard-granularity={asked}")) == size


def test_the_larger_of_both(block_size):
    assert told(block_size(ON, options="discard-granularity=64K")) == 2 * MIB
