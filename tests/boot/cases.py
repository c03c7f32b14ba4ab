# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which cases of the tables `make check` runs: one that boots, and one of each reason that refuses."""

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
    """Of each test the first case with each reason, in their order; all where no case has a boot."""
    first = {}
    for item in items:
        which = (item.originalname, reasons(item)) if "boot" in item.fixturenames else item.name
        first.setdefault((item.path, which), item)
    return list(first.values())
