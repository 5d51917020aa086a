# SPDX-License-Identifier: GPL-2.0-or-later
"""ballonetd with a real libvirtd and real guests: what it takes, what it gives back, and that
guests keep what they have whatever becomes of it, of libvirtd or of them."""

import signal

import pytest

from vmlab.errors import LabError
from vmlab.virsh import virsh
from vmlab.waits import wait_for

from vmtest import kept
from vmtest.domains import MEMORY_MIB, Users
from vmtest.env import scaled
from vmtest.overcommit import TOTAL_MIB, Ballonetd, Between, manage

CRITICAL_MIB = TOTAL_MIB * 2 // 100
PLENTY_MIB = TOTAL_MIB - 1024
# The guest and what it needs as it starts, with the reserve; it is idle.
SQUEEZED_MIB = MEMORY_MIB - 350


# The guest helps itself between two looks of the daemon.
REFLEX = {"balloon_attributes": "autodeflate='on'"}


class Unbooted(Users):
    """A domain whose emulator runs, whatever its guest does."""

    def _begin(self):
        self.create()

    def _load(self):
        pass


@pytest.fixture
def daemon(libvirt, tmp_path):
    with Ballonetd(libvirt, tmp_path) as daemon:
        yield daemon


def wait_size(dom, right, what):
    wait_for(lambda: right(dom.actual_mib()), scaled(30),
             f"{what} (it has {dom.actual_mib():.0f} MiB)", poll=0.1)


def squeeze(daemon, dom):
    """The host runs short: all that is not used comes at once."""
    daemon.wait_why(dom, "probe", "rest", "pause")
    daemon.host(CRITICAL_MIB)
    wait_size(dom, lambda mib: mib <= SQUEEZED_MIB, "a guest without slack")
    daemon.host(PLENTY_MIB)
    daemon.wait_settled(dom)


def back(dom):
    """As the next test wants it."""
    dom.resize(MEMORY_MIB, scaled(60))


def test_takes_what_is_idle_and_gives_back_what_is_needed(domain, daemon):
    """An idle guest is probed; a critical host takes its slack in one step; a guest that needs
    memory again has it before it runs dry. Nothing is killed, nothing is lost."""
    dom = domain(**REFLEX)
    manage(dom, "managed='yes' monitor='yes'")
    wait_size(dom, lambda mib: mib < MEMORY_MIB - 8, "a guest that is probed")
    assert "refaults and swap-ins" in daemon.ctl("explain", dom.name), "no private statistics"
    assert dom.actual_mib() > MEMORY_MIB - 100, "more than a hundredth of the slack each second"
    squeeze(daemon, dom)
    low = dom.actual_mib()
    # more than it has left: what comes back in time is the daemon's doing
    usable = dom.guest.meminfo()["MemAvailable"] // 1024
    for name in range(4):
        kept.keep(dom, usable // 3, name, name=f"part{name}")
    wait_size(dom, lambda mib: mib > low + usable // 3, "the memory that it needs")
    assert dom.guest.vmstat()["oom_kill"] == 0
    for name in range(4):
        kept.check(dom, f"part{name}")
    assert "demand" in daemon.ctl("explain", dom.name)
    figure = f'ballonet_guest_size_bytes{{guest="{dom.name}"}}'
    wait_for(lambda: figure in (daemon.dir / "metrics.prom").read_text(), scaled(60), figure)
    daemon.ctl("hold", dom.name)
    back(dom)


def test_an_order_of_somebody_else_means_hands_off(domain, daemon):
    """`virsh setmem` by an administrator stands, on a critical host too, until it is released."""
    dom = domain(**REFLEX)
    manage(dom)
    daemon.wait_why(dom, "probe")
    # an order of the daemon's own may come before the guest has moved: given again, it stands
    for _ in range(3):
        virsh("setmem", dom.name, f"{MEMORY_MIB - 60}M", "--live")
        try:
            daemon.wait_why(dom, "hands-off", seconds=10)
            break
        except LabError as error:
            missed = error
    else:
        raise missed
    wait_size(dom, lambda mib: mib == MEMORY_MIB - 60, "the administrator's size")
    daemon.host(CRITICAL_MIB)
    daemon.wait_log("the host is critical")
    stat = dom.dommemstat()["last_update"]
    wait_for(lambda: dom.dommemstat()["last_update"] > stat + 2, scaled(30), "newer statistics")
    assert dom.actual_mib() == MEMORY_MIB - 60
    daemon.ctl("release", dom.name)
    wait_size(dom, lambda mib: mib <= SQUEEZED_MIB, "a guest without slack")
    daemon.ctl("hold", dom.name)
    back(dom)


def test_libvirt_goes_and_comes(libvirt, domain, tmp_path):
    """libvirtd's connection breaks: guests keep what they have; it comes back, and so does the
    daemon, with all it had learned; killed and started anew, it takes the guests as they are."""
    dom = domain(**REFLEX)
    with Between(tmp_path) as between:
        with Ballonetd(libvirt, tmp_path, uri=between.uri) as daemon:
            manage(dom)
            squeeze(daemon, dom)
            daemon.ctl("hold", dom.name)
            daemon.wait_settled(dom)
            size = dom.actual_mib()
            between.cut()
            daemon.wait_log("libvirt is gone")
            assert "no libvirt" in daemon.ctl("status")
            between.open()
            daemon.wait_log("connected to", 2)
            daemon.wait_why(dom, "held")
            assert abs(dom.actual_mib() - size) < 1
            daemon.ctl("release", dom.name)
            daemon.wait_why(dom, "probe", "rest", "pause", "need")

            daemon.process.send_signal(signal.SIGKILL)
            daemon.process.wait(scaled(20))
            size = dom.actual_mib()
            daemon.host(CRITICAL_MIB)  # nobody looks
            status, _, words = daemon.try_ctl("status")
            assert status == 1 and "does not run" in words
            assert dom.actual_mib() == size
            daemon.host(PLENTY_MIB)
            daemon.start()
            daemon.wait_log("connected to", 3)
            daemon.wait_why(dom, "probe", "rest", "pause", "need")
            assert abs(dom.actual_mib() - size) < 100
            daemon.ctl("hold", dom.name)
    back(dom)


def test_dry_run_and_bad_settings(libvirt, domain, tmp_path):
    """--dry-run says what it would do and changes nothing. A wrong setting is named by its file
    and line, or its domain, and the rest counts; a second daemon does not start."""
    dom = domain(**REFLEX)
    bad = "weight = 7000\nweigth = 3\n"
    with Ballonetd(libvirt, tmp_path, options=["--dry-run"], conf=bad) as daemon:
        lines = (tmp_path / "conf").read_text().splitlines()
        for line, words in (("weight = 7000", "is not a number from 1 to 1000"),
                            ("weigth = 3", "there is no setting 'weigth'")):
            assert f"{tmp_path}/conf:{lines.index(line) + 1}: {words}" in daemon.log().replace(
                "weight = 7000: ", "")
        manage(dom, "managed='yes' weight='0' min='64M'")
        daemon.wait_log(f"guest {dom.name}: metadata: weight = 0")
        daemon.host(CRITICAL_MIB)
        daemon.wait_log(f"guest {dom.name}: would get")
        assert "64 to" in daemon.ctl("explain", dom.name)
        assert dom.actual_mib() == MEMORY_MIB
        status, _, words = daemon.try_ctl("explain", "nobody")
        assert status == 1 and "there is no running guest 'nobody'" in words
        second = Ballonetd(libvirt, tmp_path, conf=bad)
        second.launch()
        assert second.process.wait(scaled(20)) == 1
        assert "another ballonetd is at work" in daemon.log()


def test_a_domain_comes_and_goes(libvirt, daemon):
    """A domain that starts is found, and room is kept for it; one that ends is forgotten."""
    assert "512 MiB" in daemon.ctl("reserve", "512M", "--for", "60")
    wait_for(lambda: "512 MiB reserved" in daemon.ctl("status"), scaled(10), "the reservation")
    with Unbooted(libvirt, memory_mib=MEMORY_MIB) as dom:
        daemon.wait_why(dom, "unmanaged")
        assert "512 MiB reserved" not in daemon.ctl("status"), "the room was for this one"
    daemon.wait_log(f"guest {dom.name} is gone")
    assert dom.name not in daemon.ctl("status")
