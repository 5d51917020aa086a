# SPDX-License-Identifier: GPL-2.0-or-later
"""Texts that a verb writes into a Markdown file, each between <!-- NAME --> and <!-- /NAME -->."""

import os
import tempfile


class Lacking(Exception):
    """A file has no place for a text, or a text needs what is not there."""


def write(path, text):
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)


def replaced(text, name, new):
    """text with new between the marks of name; Lacking where each is not there once."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise Lacking(f"there is no place between {begin} and {end}")
    before, rest = text.split(begin)
    return f"{before}{begin}\n{new}\n{end}{rest.split(end)[1]}"


def put(path, texts):
    """{name: text} into the file, all or none."""
    whole = path.read_text()
    for name, new in texts.items():
        try:
            whole = replaced(whole, name, new)
        except Lacking as why:
            raise Lacking(f"{path.name}: {why}") from None
    write(path, whole)
