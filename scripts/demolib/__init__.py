# SPDX-License-Identifier: GPL-2.0-or-later
"""The demo: one guest, one story, a live view and a plot."""
