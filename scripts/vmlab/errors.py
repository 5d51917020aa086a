# SPDX-License-Identifier: GPL-2.0-or-later
"""The one exception of the lab: a line for the person at the terminal."""


class LabError(Exception):
    """Says in one line what is missing or what did not happen, and what to do."""

    def __str__(self):
        return " ".join(super().__str__().split())


class Missing(LabError):
    """A program that this machine does not have."""


class GuestDied(LabError):
    """The guest, or the QEMU that runs it, is gone."""


class GuestSilent(LabError):
    """The guest's agent did not say hello: no driver of ours has been loaded yet."""
