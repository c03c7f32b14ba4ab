# SPDX-License-Identifier: LGPL-2.1-or-later
"""OVMF's variable store: Secure Boot keys put into a pristine one, by nothing but this file.

Formats: UEFI 2.10, 32.4.1 (signature lists); PI 1.8, 3-3.2.1 (firmware volume); EDK II's
authenticated variables (VariableFormat.h).
"""

from __future__ import annotations

import base64
import re
import struct
import uuid

from .steps import LabError

_NV_DATA = uuid.UUID("fff12b8d-7696-4c8b-a985-2747075b4f50").bytes_le  # the volume
_STORE = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792").bytes_le  # of authenticated variables
_GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
_SECURITY = "d719b2cb-3d3a-4596-a3bc-dad00e67656f"
_SWITCH = "f0a30bc7-af08-4556-99c4-001009c93a44"  # SecureBootEnable, of OVMF
_X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072").bytes_le
_OWNER = uuid.UUID("51b1a7e0-c0de-4d57-9d3a-000000000001").bytes_le

_BOOT, _AUTHENTICATED = 0x03, 0x27  # non-volatile, at boot; and at run time, by signed updates
_HEADER = struct.Struct("<HBBIQ16sIII16s")
_TIME = struct.pack("<HBBBBBBIhBB", 2026, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)


def enroll(store: bytes, certificate: bytes) -> bytes:
    """A store in which this certificate (PEM) is PK, KEK and db, and Secure Boot is on."""
    at, end = _free(store)
    keys = _signature_list(_der(certificate))
    added = b"".join([
        _variable("PK", _GLOBAL, _AUTHENTICATED, keys),
        _variable("KEK", _GLOBAL, _AUTHENTICATED, keys),
        _variable("db", _SECURITY, _AUTHENTICATED, keys),
        _variable("SecureBootEnable", _SWITCH, _BOOT, b"\1"),
    ])
    if at + len(added) > end:
        raise LabError("the firmware's variable store is too small for the keys")
    return store[:at] + added + store[at + len(added) :]


def _der(pem: bytes) -> bytes:
    found = re.search(rb"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", pem, re.S)
    if not found:
        raise LabError("the key for Secure Boot is no certificate in PEM")
    return base64.b64decode(found[1])


def _signature_list(der: bytes) -> bytes:
    return struct.pack("<16sIII", _X509, 28 + 16 + len(der), 0, 16 + len(der)) + _OWNER + der


def _variable(name: str, vendor: str, attributes: int, data: bytes) -> bytes:
    """One variable, as far as the next one may begin."""
    text = (name + "\0").encode("utf-16-le")
    time = _TIME if attributes == _AUTHENTICATED else bytes(16)
    raw = _HEADER.pack(0x55AA, 0x3F, 0, attributes, 0, time, 0, len(text), len(data),
                       uuid.UUID(vendor).bytes_le) + text + data
    return raw + b"\xff" * (-len(raw) % 4)


def _free(store: bytes) -> tuple[int, int]:
    """Where the store's free space begins, behind the variables it has, and where it ends."""
    if store[16:32] != _NV_DATA or store[40:44] != b"_FVH":
        raise LabError("the template of the firmware's variables is none of OVMF's")
    begin = struct.unpack_from("<H", store, 48)[0]
    if store[begin : begin + 16] != _STORE:
        raise LabError("the firmware's variables cannot be authenticated ones")
    end = begin + struct.unpack_from("<I", store, begin + 16)[0]
    at = begin + 28
    while store[at : at + 2] == b"\xaa\x55":
        name, data = struct.unpack_from("<II", store, at + 36)
        at += -(-(60 + name + data) // 4) * 4
    return at, end
