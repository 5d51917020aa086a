# SPDX-License-Identifier: GPL-2.0-or-later
"""What the guest tests share: guests, ways to look, ways to compare.

No test lives here and no claim is made here; a test's docstring is its claim.
"""
