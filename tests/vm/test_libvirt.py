# SPDX-License-Identifier: GPL-2.0-or-later
"""Through libvirt, the way a user runs guests: virsh orders, the guest follows."""

import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from vmlab import otherlibvirt
from vmlab.domain import LOGS, PIDS
from vmlab.errors import LabError
from vmlab.virsh import URI, VirshError, virsh
from vmlab.waits import wait_for

from vmtest import kept
from vmtest.domains import GIVEN_MIB, MEMORY_MIB, Users, total_kib, wait_given, wait_newer
from vmtest.env import MIB, scaled
from vmtest.pairs import OURS, every_pair


def test_version(libvirt, record_testsuite_property):
    """The libvirt that LIBVIRT names is the one that runs, the daemon as well as virsh."""
    words = virsh("version", "--daemon")
    print(words)
    daemon = re.search(r"against daemon: ([\d.]+)", words)[1]
    record_testsuite_property("libvirt", daemon)
    assert daemon.split(".")[0] == otherlibvirt.NAME
    assert virsh("--version").strip() == daemon


def test_whose_folders(domain):
    """A libvirt for one run alone leaves no trace where the machine's own has its files and
    programs, and mounts nothing there; the machine's own, of course, uses them."""
    dom = domain()
    own = otherlibvirt.NAME == otherlibvirt.INSTALLED
    machine = pathlib.Path(f"/proc/{os.getppid()}")  # as who started this run sees it
    for file in (PIDS / f"{dom.name}.pid", LOGS / f"{dom.name}.log"):
        assert file.exists()
        assert (machine / "root" / file.relative_to("/")).exists() == own
    program = pathlib.Path("/usr/bin/virsh")
    assert program.samefile(machine / "root/usr/bin/virsh") == own
    assert "libvirt" not in (machine / "mounts").read_text()


@every_pair
def test_setmem_is_exact(domain, pair):
    """`virsh setmem` down and up: MemTotal and dommemstat's actual follow to the KiB, the host's
    memory with them, and the guest's data stays."""
    dom = domain(**pair.options)
    kept.keep(dom, 100, 5)
    dom.guest.run("memtool touch free-60", scaled(60))
    before, rss = total_kib(dom), dom.ram().rss_bytes()
    for _ in range(2):
        dom.resize(MEMORY_MIB - GIVEN_MIB, scaled(60))
        assert before - total_kib(dom) == GIVEN_MIB * 1024
        assert rss - dom.ram().rss_bytes() > (GIVEN_MIB - 100) * MIB
        dom.resize(MEMORY_MIB, scaled(60))
        assert total_kib(dom) == before
        kept.verify(dom)
    kept.drop(dom)


@every_pair
def test_dommemstat(domain, pair):
    """`virsh dommemstat` has every field libvirt knows, with the guest's values, renewed each
    period; the period can be changed and turned off."""
    dom = domain(stats_period=1, **pair.options)
    wait_newer(dom, 0)
    kept.keep(dom, 100, 1, "shared")
    wait_newer(dom, dom.dommemstat()["last_update"] + 1)

    stat, info = dom.dommemstat(), dom.guest.meminfo()
    wanted = {"actual", "swap_in", "swap_out", "major_fault", "minor_fault", "unused", "available",
              "usable", "last_update", "disk_caches", "rss"}
    assert wanted <= set(stat), f"missing: {wanted - set(stat)}"
    assert stat["actual"] == MEMORY_MIB * 1024
    assert stat["available"] == info["MemTotal"]
    for key, of in (("unused", "MemFree"), ("usable", "MemAvailable")):
        assert abs(stat[key] - info[of]) < 16 * 1024, key
    assert stat["disk_caches"] > 100 * 1024
    kept.drop(dom)

    virsh("dommemstat", dom.name, "--period", "0", "--live")
    answers = {dom.dommemstat()["last_update"]}
    for _ in range(5):
        dom.guest.run("sleep 1")
        answers.add(dom.dommemstat()["last_update"])
    # what was asked before may still be answered
    assert len(answers) <= 2, "the guest is still asked"
    virsh("dommemstat", dom.name, "--period", "2", "--live")
    wait_newer(dom, max(answers))


def test_domstats_and_events(domain):
    """`virsh domstats --balloon` and the balloon-change event tell the size that was set."""
    dom = domain()
    command = ["virsh", "-c", URI, "event", dom.name, "balloon-change", "--timeout", "30"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listener:
        # it says nothing once it listens: change the size until it has heard of it
        for away in range(1, 100):
            dom.resize(MEMORY_MIB - away, scaled(60))
            if listener.poll() is not None:
                break
        heard = listener.communicate(timeout=40)[0]
    assert "balloon-change" in heard
    wanted = f"balloon.current={(MEMORY_MIB - away) * 1024}\n"
    # libvirt takes it from the event, of which QEMU sends one a second
    wait_for(lambda: wanted in virsh("domstats", dom.name, "--balloon"), scaled(30), wanted, 0.2)
    dom.resize(MEMORY_MIB, scaled(60))


@pytest.mark.slow
@every_pair
def test_autodeflate(domain, pair):
    """<memballoon autodeflate='on'>: a program that needs the balloon's memory gets it; no kill."""
    dom = domain(balloon_attributes="autodeflate='on'", **pair.options)
    dom.resize(MEMORY_MIB - 300, scaled(60))
    left = dom.guest.meminfo()["MemFree"] // 1024
    dom.guest.run(f"memtool touch {left + 100} 3", scaled(120))
    assert dom.guest.vmstat()["oom_kill"] == 0


def test_reboot_and_reset(domain):
    """`virsh reset` of a shrunk guest: it boots with all its memory and shrinks again."""
    dom = domain(reboot=True)
    before = total_kib(dom)
    dom.resize(MEMORY_MIB - GIVEN_MIB, scaled(60))
    virsh("reset", dom.name)
    dom.guest.wait_boot(2, scaled(90), alive=dom.alive)
    # no two boots lay out their memory alike to the page
    again = total_kib(dom)
    assert abs(again - before) < 256, f"{before - again} KiB are missing"
    dom.guest.load_driver("ours")
    wait_given(dom, again)


@pytest.mark.parametrize("number, words", [
    pytest.param(signal.SIGSEGV, "crashed", id="crash"),
    # libvirt waits for it
    pytest.param(signal.SIGSTOP, "SIGKILL", id="no-end", marks=pytest.mark.slow),
])
def test_the_lab_judges_its_end(libvirt, number, words):
    """A QEMU that crashes, or does not end when libvirt asks it to, fails a test."""
    dom = Users(libvirt, memory_mib=MEMORY_MIB).__enter__()
    os.kill(dom.pid, number)
    if number == signal.SIGSEGV:
        wait_for(lambda: not dom.alive(), scaled(10), "QEMU's end")
    with pytest.raises(LabError, match=words):
        dom.__exit__(None, None, None)
    assert not dom.alive()


@pytest.mark.slow
def test_suspend_and_resume(domain):
    """A target set while the guest is paused is met when it goes on."""
    dom = domain()
    before = total_kib(dom)
    virsh("suspend", dom.name)
    dom.setmem(MEMORY_MIB - GIVEN_MIB)
    virsh("resume", dom.name)
    wait_given(dom, before)
    dom.resize(MEMORY_MIB, scaled(60))


@pytest.mark.parametrize("bad", ["0", "99999G"])
def test_bad_sizes_are_refused(domain, bad):
    """Sizes that libvirt refuses change nothing."""
    dom = domain()
    with pytest.raises(VirshError):
        virsh("setmem", dom.name, bad, "--live")
    assert dom.actual_mib() == MEMORY_MIB


def test_libvirt_sees_the_device_it_knows(domain, libvirt):
    """libvirt drives our emulator by the same properties as stock's, by the same QMP commands."""
    dom = domain(**OURS.options)
    where = {"path": "/machine/peripheral/balloon0"}
    answer = json.loads(dom.qmp(json.dumps({"execute": "qom-list", "arguments": where})))
    names = {item["name"] for item in answer["return"]}
    assert {"guest-stats", "guest-stats-polling-interval"} <= names
    assert {"deflate-on-oom", "free-page-reporting"} <= names


BALLOON = "<memballoon model='virtio'><alias name='balloon0'/></memballoon>"


@pytest.mark.parametrize("verb", ["attach-device", "detach-device"])
def test_libvirt_refuses(domain, tmp_path, verb):
    """libvirt plugs and unplugs no balloon, whoever made it; it says so, nothing changes."""
    dom = domain()
    xml = tmp_path / "balloon.xml"
    xml.write_text(BALLOON)
    with pytest.raises(VirshError) as caught:
        virsh(verb, dom.name, str(xml), "--live")
    assert "memballoon" in str(caught.value), caught.value
    dom.resize(MEMORY_MIB - GIVEN_MIB, scaled(60))
    dom.resize(MEMORY_MIB, scaled(60))


def qmp(dom, command, **arguments):
    return json.loads(dom.qmp(json.dumps({"execute": command, "arguments": arguments})))


def test_unplugged_past_libvirt(domain):
    """device_del and device_add sent past libvirt, with an inflated balloon: the guest has all its
    memory without it, and libvirt's own verbs work on the one that is plugged in again."""
    dom = domain()
    before = total_kib(dom)
    dom.resize(MEMORY_MIB - GIVEN_MIB, scaled(60))
    where = qmp(dom, "qom-get", path="/machine/peripheral/balloon0", property="parent_bus")
    bus = where["return"].rsplit("/", 1)[-1]
    assert "error" not in qmp(dom, "device_del", id="balloon0")

    def gone():
        return "error" in qmp(dom, "query-balloon")

    wait_for(gone, scaled(60), "the guest to let the device go", poll=0.2)
    wait_for(lambda: total_kib(dom) == before, scaled(30), "all memory back in the guest")
    add = qmp(dom, "device_add", driver="virtio-balloon-pci", id="balloon0", bus=bus)
    assert "error" not in add, add
    dom.resize(MEMORY_MIB - GIVEN_MIB, scaled(60))
    wait_for(lambda: before - total_kib(dom) == GIVEN_MIB * 1024, scaled(30), "a smaller guest")
    dom.resize(MEMORY_MIB, scaled(60))
