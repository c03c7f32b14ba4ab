# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which cases of the tables `make check` runs: of each file one that boots, and one of each reason."""

from __future__ import annotations

import re
from dataclasses import is_dataclass
from pathlib import Path

_TABLE = Path(__file__).resolve().parents[2] / "init/core/err.def"
CODES = frozenset(re.findall(r"^ERR\((\w+),", _TABLE.read_text(), re.M))


def reasons(item) -> frozenset[str]:
    """The reason codes among the parameters of a test, or in a dataclass there; none: it boots."""
    fields = []
    for value in item.callspec.params.values() if hasattr(item, "callspec") else ():
        fields += vars(value).values() if is_dataclass(value) else [value]
    return frozenset(field for field in fields if isinstance(field, str) and field in CODES)


def first_of_each(items: list) -> list:
    """Of the tables of a file the first case with each reason, in their order; all that boot nothing, and
    all tests that are no table."""
    first = {}
    for item in items:
        is_case = hasattr(item, "callspec") and "boot" in item.fixturenames
        first.setdefault((item.path, reasons(item) if is_case else item.name), item)
    return list(first.values())
