# SPDX-License-Identifier: GPL-2.0-or-later
"""The machines between which guests move while they run."""

from contextlib import ExitStack

import pytest

from vmtest.live import Machines


@pytest.fixture
def machines():
    with ExitStack() as stack:
        made = Machines(stack)
        yield made
        complaints = made.complaints()
        assert not complaints, complaints[:5]
