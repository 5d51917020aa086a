# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures of the tests that go through libvirt: guests of a user, kept for the next test
when a test leaves one clean. conftest.py makes them known to every test.
"""

import pytest

from vmlab import libvirtd
from vmlab.domain import Domain
from vmlab.errors import LabError, Missing
from vmlab.leftovers import sweep
from vmlab.paths import Paths
from vmlab.session import Session
from vmlab.waits import wait_for

from . import leaks
from .env import scaled
from .pool import EXTRA_MIB

MEMORY_MIB = 768 + EXTRA_MIB
GIVEN_MIB = 256


@pytest.fixture(scope="session")
def libvirt():
    """A libvirtd that answers; ended afterwards if it was started here."""
    paths = Paths.load()
    with Session(signals=True) as session:  # guests under libvirt do not end with us
        try:
            libvirtd.ensure(session, emulator=paths.qemu)
        except Missing as error:
            pytest.skip(str(error))
        sweep()
        yield paths


class Users(Domain):
    """The guest of a user: Domain with this kernel's patience."""

    def wait_agent(self, count=1, timeout=90):
        super().wait_agent(count, scaled(timeout))
        leaks.only_when_asked(self)


class Ready:
    """The domain that the last test left clean; at most one."""

    def __init__(self, paths):
        self._paths = paths
        self._kept = None, None

    def take(self, options):
        key, dom = self._kept
        if key == repr(options):
            self._kept = None, None
            return dom
        self.end()
        dom = Users(self._paths, memory_mib=MEMORY_MIB, **options)
        dom.__enter__()
        return dom

    def give(self, options, dom):
        self.end()
        self._kept = repr(options), dom

    def end(self):
        dom, self._kept = self._kept[1], (None, None)
        if dom:
            dom.__exit__(None, None, None)


@pytest.fixture(scope="module")
def ready(libvirt):
    keeper = Ready(libvirt)
    yield keeper
    keeper.end()


@pytest.fixture
def domain(ready, request):
    """domain(...): a guest under libvirt; its kernel's complaints fail the test at the end."""
    used = []

    def create(**options):
        dom = ready.take(options)
        used.append((options, dom))
        return dom

    yield create
    failed = getattr(request.node, "failed_call", True)
    complaints = []
    for options, dom in used:
        complaints += looked_at(ready, options, dom, failed)
    if complaints:
        pytest.fail("the guest is not what it was: " + "; ".join(complaints[:5]), pytrace=False)


def looked_at(ready, options, dom, failed):
    """What is wrong with a guest that comes back; it is kept, or ended."""
    found = []
    try:
        found += dom.splats()
        keep = not (failed or found) and dom.actual_mib() == MEMORY_MIB and dom.guest.boots == 1
    except LabError as error:
        found.append(str(error))
        keep = False
    try:
        if keep:
            ready.give(options, dom)
        else:
            dom.__exit__(None, None, None)
    except LabError as error:
        found.append(str(error))
    return found


def total_kib(dom):
    return dom.guest.meminfo()["MemTotal"]


def wait_given(dom, before):
    """Until MemTotal is smaller by GIVEN_MIB."""
    what = f"a guest smaller by {GIVEN_MIB} MiB"
    wait_for(lambda: before - total_kib(dom) == GIVEN_MIB * 1024, scaled(60), what)


def wait_newer(dom, second):
    """Until there are statistics of a later second than that."""

    def look():
        return dom.dommemstat().get("last_update", 0) > second

    wait_for(look, scaled(30), "newer statistics", poll=0.2)
