# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that uses what a package brought: it shrinks, gives memory back, grows and complains
of nothing."""

from vmlab.vm import VM

MEMORY_MIB = 512
GIVEN_MIB = 200


def resizes(paths, look=None, **options):
    """look(vm): asked while the balloon is empty and the driver is loaded."""
    with VM(paths, memory_mib=MEMORY_MIB, **options) as vm:
        if look:
            look(vm)
        vm.guest.run("memtool keep data 60 9")
        vm.guest.run("memtool touch free-60", 120)
        total, rss = vm.guest.meminfo()["MemTotal"], vm.ram().rss_bytes()
        vm.resize(MEMORY_MIB - GIVEN_MIB, 120)
        assert total - vm.guest.meminfo()["MemTotal"] == GIVEN_MIB * 1024
        assert rss - vm.ram().rss_bytes() > (GIVEN_MIB - 40) << 20
        vm.resize(MEMORY_MIB, 120)
        assert vm.guest.meminfo()["MemTotal"] == total
        vm.guest.run("memtool ask data verify", 60)
        assert not vm.splats()
