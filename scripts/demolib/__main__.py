# SPDX-License-Identifier: GPL-2.0-or-later
"""Entry of the demo: options, and one line for each way it can end."""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from demolib.screen import Screen  # noqa: E402
from demolib.story import Story  # noqa: E402
from vmlab.errors import LabError  # noqa: E402
from vmlab.paths import ROOT  # noqa: E402
from vmlab.session import Session  # noqa: E402


def main():
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--plot", type=Path, default=ROOT / "build" / "demo.svg")
    parser.add_argument("--plain", action="store_true", help="plain lines, as without a terminal")
    options = parser.parse_args()
    screen = Screen(plain=options.plain)
    try:
        with Session(signals=True) as session:
            Story(screen, session, options.plot).run()
        screen.close()
        print(f"Nothing is left but the plot, {options.plot}, and the build cache.")
        return 0
    except KeyboardInterrupt:
        screen.close(failed=True)
        return _last_word("interrupted; what it started has ended", 130)
    except LabError as error:
        screen.close(failed=True)
        return _last_word(f"FAILED: {error}", 1)
    except OSError as error:
        screen.close(failed=True)
        return _last_word(f"FAILED: {error.filename or 'output'}: {error.strerror}", 1)


def _last_word(text, status):
    try:
        print(f"demo: {text}", file=sys.stderr, flush=True)
    except OSError:
        pass  # nobody reads any more
    return status


if __name__ == "__main__":
    code = main()
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)
