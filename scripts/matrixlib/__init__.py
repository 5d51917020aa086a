# SPDX-License-Identifier: GPL-2.0-or-later
"""What `make matrix` is made of: which tests prove what, what came of them, the tables."""
