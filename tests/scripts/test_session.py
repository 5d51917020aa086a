# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run undoes, whichever thread it runs in."""

import threading

from vmlab.session import Session


def test_undone_outside_the_main_thread():
    """pytest-xdist runs a worker's tests in a second thread where its first task has
    not quite ended."""
    undone, failed = [], []

    def run():
        try:
            with Session(signals=True) as session:
                session.later(undone.append, session.dir)
        except ValueError as error:  # "signal only works in main thread"
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert not failed
    assert undone and not undone[0].exists()
