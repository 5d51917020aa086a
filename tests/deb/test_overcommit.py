# SPDX-License-Identifier: GPL-2.0-or-later
"""The package ballonetd in a bare Debian: what it needs comes with it, its programs run, its
user, unit and manual are there, it goes without a trace."""

import pytest


@pytest.fixture(scope="module")
def before(debian):
    return debian.files()


@pytest.fixture(scope="module")
def installed(debian, before, ballonetd_deb):
    debian.install(ballonetd_deb)
    return debian


def test_runs(installed):
    """The programs run with the libraries that the dependencies name."""
    assert "--dry-run" in installed.run("/usr/sbin/ballonetd", "--help")
    assert "reserve SIZE" in installed.run("/usr/bin/ballonetctl", "--help")


def test_is_whole(installed):
    files = installed.run("dpkg", "-L", "ballonetd").split()
    for file in ("/etc/ballonet/ballonetd.conf", "/lib/systemd/system/ballonetd.service",
                 "/usr/lib/sysusers.d/ballonetd.conf", "/usr/share/man/man8/ballonetd.8.gz",
                 "/usr/share/man/man1/ballonetctl.1.gz",
                 "/usr/share/man/man5/ballonetd.conf.5.gz"):
        assert file in files
    assert "ballonet" in installed.run("getent", "passwd", "ballonet")
    conffiles = installed.run("dpkg-query", "-W", "-f", "${Conffiles}", "ballonetd")
    assert "/etc/ballonet/ballonetd.conf" in conffiles


def test_goes_without_a_trace(installed, before):
    installed.purge("ballonetd")
    left = [line for line in installed.changes(before) if "ballonet" in line]
    assert left == []
