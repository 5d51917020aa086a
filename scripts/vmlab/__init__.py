# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab: boots a real guest and looks at it from outside.

README.md beside this file maps the modules and shows how to use them. Nothing
here knows what a test wants to prove; nothing here imports from tests/.
"""
