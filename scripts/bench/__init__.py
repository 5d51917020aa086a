# SPDX-License-Identifier: GPL-2.0-or-later
"""`make bench`: the stock balloon pair against ours, side by side. See README.md."""
