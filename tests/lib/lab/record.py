# SPDX-License-Identifier: LGPL-2.1-or-later
"""The record of a boot, as it came, against its published schema."""

from __future__ import annotations

import contextlib
import functools
import json
import re

from . import paths
from .steps import LabError

try:
    import jsonschema
except ImportError:  # nothing else of a boot needs it
    jsonschema = None

MISSING = "Python's jsonschema is not installed"

_BLANKS = re.compile(r"\s*")


def documents(text: str) -> list[dict]:
    """Those that came one after the other, each of a boot; one that was cut off is left out."""
    at, found = _BLANKS.match(text).end(), []
    with contextlib.suppress(ValueError):
        while at < len(text):
            document, at = json.JSONDecoder().raw_decode(text, at)
            found += [document] if isinstance(document, dict) else []
            at = _BLANKS.match(text, at).end()
    return found


def can_judge() -> bool:
    """Whether faults() can be asked."""
    return jsonschema is not None


def faults(record: object) -> list[str]:
    """What the schema does not allow, for a person; [] is good."""
    if not can_judge():
        raise LabError(MISSING)
    return [f"{'.'.join(map(str, error.absolute_path)) or 'the record'}: {error.message}"
            for error in _validator().iter_errors(record)]


@functools.cache
def _validator():
    return jsonschema.Draft202012Validator(json.loads(paths.SCHEMA.read_text()))
