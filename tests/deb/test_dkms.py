# SPDX-License-Identifier: GPL-2.0-or-later
"""ballonet-dkms in a Debian with one kernel of the lab's, one that is too strange and one that
lacks an option; the tests stand in the order of a package's life."""

import re
import shutil
from dataclasses import replace

import pytest

import guest

STRANGE = "6.5.0-0-amd64"
LACKING = "6.1.0-0-lacking"
OURS = "updates/dkms/virtio_balloon.ko"
# depmod's notes on a kernel of which there are but headers; nobody takes them away again.
DEPMODS = re.compile(r"/usr/lib/modules/[^/]+-amd64(/modules\.[a-z.]+)?")
STOCK = "kernel/drivers/virtio/virtio_balloon.ko"


def modinfo(debian, release, *what):
    return debian.run("modinfo", "-k", release, *what, "virtio_balloon").strip()


def initramfs_has(debian, release):
    """The paths of balloon drivers in that kernel's initramfs, from the modules' folder on."""
    names = debian.run("lsinitramfs", f"/boot/initrd.img-{release}").splitlines()
    return [n.split(f"{release}/", 1)[1] for n in names if n.endswith("/virtio_balloon.ko")]


def pretend_kernel(debian, release, like, without=None):
    """A kernel that is nothing but a name and the headers of another."""
    headers = debian.inside(f"/usr/src/linux-headers-{release}")
    shutil.copytree(debian.inside(f"/usr/src/linux-headers-{like}"), headers, symlinks=True)
    if without:
        config = headers / ".config"
        lines = config.read_text().splitlines(keepends=True)
        config.write_text("".join(l for l in lines if not l.startswith(f"{without}=")))
    modules = debian.inside(f"/lib/modules/{release}")
    modules.mkdir()
    (modules / "build").symlink_to(f"/usr/src/linux-headers-{release}")


@pytest.fixture(scope="module")
def before(debian, paths):
    """The machine the package comes to: kernel, headers, an initramfs with a balloon driver."""
    kernel = paths.release
    debian.install("initramfs-tools", "kmod")
    with open(debian.inside("/etc/initramfs-tools/modules"), "a") as modules:
        modules.write("virtio_balloon\n")
    debian.install(f"linux-image-{kernel}", f"linux-headers-{kernel}")
    assert initramfs_has(debian, kernel) == [STOCK]
    pretend_kernel(debian, STRANGE, kernel)
    pretend_kernel(debian, LACKING, kernel, without="CONFIG_BALLOON_COMPACTION")
    return debian.files()


@pytest.fixture(scope="module")
def said(debian, before, dkms_deb):
    """What the installation said."""
    return debian.install(dkms_deb)


def test_takes_the_stock_modules_place(debian, said, paths):
    """After the installation modprobe finds ours, by name and by the device's alias; the stock
    module is where it was."""
    modules = f"/lib/modules/{paths.release}"
    assert modinfo(debian, paths.release, "-n") == f"{modules}/{OURS}"
    assert "page_ops" in modinfo(debian, paths.release)
    found = debian.run("modprobe", "-S", paths.release, "-D", "virtio:d00000005v00001AF4")
    assert found.split()[-1] == f"{modules}/{OURS}"
    assert debian.inside(f"{modules}/{STOCK}").exists()


def test_initramfs_gets_it(debian, said, paths):
    """An initramfs that holds the balloon driver holds ours afterwards."""
    assert initramfs_has(debian, paths.release) == [OURS]


def test_resizes_a_guest(debian, said, paths, tmp_path):
    """The module that DKMS built runs a guest's balloon."""
    built = shutil.copy(debian.inside(f"/lib/modules/{paths.release}/{OURS}"), tmp_path)
    source = modinfo(debian, paths.release, "-F", "srcversion")

    def is_it(vm):
        assert vm.guest.read("/sys/module/virtio_balloon/srcversion").strip() == source

    guest.resizes(replace(paths, driver=tmp_path / "virtio_balloon.ko"), is_it)
    assert built


@pytest.mark.parametrize("release, reason", [
    (STRANGE, "the driver knows Linux 5.10, 6.1, 6.12 and 7.2"),
    (LACKING, "it lacks CONFIG_BALLOON_COMPACTION"),
])
def test_refuses_a_kernel(debian, said, release, reason):
    """A kernel that cannot be served is passed over with a reason, and the package installed."""
    words = f"ballonet: kernel {release} is refused: {reason}; it keeps its own virtio_balloon"
    assert said.count(words) == 1
    assert not debian.inside(f"/lib/modules/{release}/updates").exists()
    version = debian.run("dpkg-query", "-W", "-f", "${Version}", "ballonet-dkms")
    again = debian.run("dkms", "install", f"ballonet/{version}", "-k", release, status=77)
    assert again.count(words) == 1


@pytest.mark.parametrize("flavour, served", [("amd64", True), ("rt-amd64", False)])
def test_kernels_that_come_later(debian, said, paths, flavour, served):
    """Headers installed afterwards get the driver at once, or the reason why not."""
    release = paths.release.replace("cloud-amd64", flavour)
    assert release != paths.release, "the lab's kernel is not of the cloud flavour"
    said_then = debian.install(f"linux-headers-{release}")
    assert debian.inside(f"/lib/modules/{release}/{OURS}").exists() == served
    refusal = f"kernel {release} is refused: it has CONFIG_PREEMPT_RT"
    assert (refusal in said_then) == (not served)
    debian.purge(f"linux-headers-{release}")


def test_gives_it_back(debian, said, before, paths):
    """After the removal modprobe and the initramfs have the stock module, and nothing is left."""
    debian.purge("ballonet-dkms")
    stock = f"/lib/modules/{paths.release}/{STOCK}"
    assert modinfo(debian, paths.release, "-n") == stock
    assert initramfs_has(debian, paths.release) == [STOCK]
    left = [path for path in debian.changes(before) if not DEPMODS.fullmatch(path)]
    assert left == []
