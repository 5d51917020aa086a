# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the guest tests: the pool of guests, and the checks after a test.

A complaint of a guest's kernel fails the test that ran beside it, whatever the
test itself thought.
"""

import os
from contextlib import ExitStack

import pytest
from _pytest.junitxml import xml_key  # pytest has no public way to it that xdist leaves alone

from vmtest import env  # first: it makes vmlab importable
from vmtest import pairs
from vmtest.domains import domain, libvirt, ready  # noqa: F401 (fixtures)
from vmtest.pool import EXTRA_MIB, Pool

from matrixlib import sources
from vmlab import otherlibvirt
from vmlab.errors import LabError
from vmlab.hostmem import HugePages
from vmlab.paths import Paths


LONGEST = ("test_everything", "test_consolidate", "test_hibernate", "test_libvirt",
           "test_free_pages", "test_compaction", "test_silent_host", "test_stats", "test_unload",
           "test_transports")


def pytest_addoption(parser):
    parser.addoption("--stock-pair", action="store_true", help="also on Debian's pair alone")


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(config, items):
    for item in items:
        if "libvirt" in item.fixturenames:
            item.add_marker("libvirt")
    if not config.getoption("--stock-pair"):
        left_out = [item for item in items if item.get_closest_marker("stockpair")]
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)
    pairs.one_cross_pair(items)
    items.sort(key=_place)


def _place(item):
    """What takes longest first: with several workers none has it for the end. Then one pair after
    the other: a guest that one test leaves clean suits the next."""
    file = item.path.stem
    pair = ""
    if item.get_closest_marker("interop"):
        pair = str(getattr(item, "callspec", None) and item.callspec.params.get("pair"))
    return LONGEST.index(file) if file in LONGEST else len(LONGEST), pair


def pytest_configure(config):
    config.addinivalue_line("markers", "interop: one of our halves with Debian's other half")
    if os.geteuid() != 0:
        pytest.exit("the guest tests read /proc/PID/pagemap and use libvirt: run as root", 2)


def pytest_sessionstart(session):
    """A file of results says of which sources they are (`make matrix` counts no others)."""
    report = session.config.stash.get(xml_key, None)
    if report:
        try:
            about = sources.of_run(Paths.load())
        except LabError:
            return  # nothing is built: the tests say so
        for name, value in about.items():
            report.add_global_property(name, value)


def pytest_report_header():
    return f"guest kernel {env.GUEST}, libvirt {otherlibvirt.NAME}, time limits times {env.SLOW}"


@pytest.hookimpl(tryfirst=True, hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when != "call":
        return
    item.failed_call = report.failed
    if report.failed:
        for pooled in getattr(item, "guests", []):
            report.sections.append(("guest", pooled.state()))


@pytest.fixture(scope="session")
def pool():
    guests = Pool()
    yield guests
    guests.close()


@pytest.fixture
def guest_for(pool, request):
    """guest_for(memory_mib=512, ...) gives a vmlab.VM for this test: a shared one with an empty
    balloon, or with fresh=True one of its own. Its .pooled.allow may name expected complaints."""
    guests = request.node.guests = []

    def start(**options):
        pooled = pool.acquire(**options)
        pooled.vm.pooled = pooled
        guests.append(pooled)
        return pooled.vm

    yield start
    failed = getattr(request.node, "failed_call", True)
    faults = list(filter(None, [pool.release(pooled, failed) for pooled in guests]))
    if faults:
        pytest.fail("the guest is not what it was: " + "; ".join(faults), pytrace=False)


@pytest.fixture
def huge_pages():
    """An ExitStack for hostmem.HugePages; before `guest_for`, whose guest ends before they go."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def huge_guest(huge_pages, guest_for):
    """huge_guest(pair, mib): a guest on 2 MiB pages of hugetlb."""

    def start(pair, mib=512):
        try:
            huge_pages.enter_context(HugePages((mib + EXTRA_MIB) // 2))
        except LabError as error:
            pytest.skip(str(error))
        vm = guest_for(backing="hugetlb", memory_mib=mib, fresh=True, **pair.options)
        vm.pooled.keep = False
        return vm

    return start
