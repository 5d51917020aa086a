#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Compares the stock pair with ours in one run: `make bench`. What is measured
# and how is in scripts/bench/README.md; `bench.sh --help` lists the options.

exec /usr/bin/python3 -B "$(dirname "${BASH_SOURCE[0]}")/bench" "$@"
