#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Shows the pair at work on a real guest: `make demo`. See demolib/story.py for
# what it does; `demo.sh --help` for its options.

exec /usr/bin/python3 -B "$(dirname "${BASH_SOURCE[0]}")/demolib" "$@"
