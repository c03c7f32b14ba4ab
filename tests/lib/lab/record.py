# SPDX-License-Identifier: LGPL-2.1-or-later
"""The record of a boot, as it came, against its published schema."""

from __future__ import annotations

import functools
import json

from . import paths

try:
    import jsonschema
except ImportError:  # nothing else of a boot needs it
    jsonschema = None


def documents(text: str) -> list[dict]:
    """Those that came one after the other, each of a boot; one that was cut off is left out."""
    found = []
    try:
        while text := text.lstrip():
            document, end = json.JSONDecoder().raw_decode(text)
            found.append(document)
            text = text[end:]
    except ValueError:
        pass
    return found


def faults(record: object) -> list[str]:
    """What the schema does not allow, for a person; [] is good, or nobody can tell."""
    if not jsonschema:
        return []
    return [f"{'.'.join(map(str, error.absolute_path)) or 'the record'}: {error.message}"
            for error in _validator().iter_errors(record)]


@functools.cache
def _validator():
    return jsonschema.Draft202012Validator(json.loads(paths.SCHEMA.read_text()))
