# SPDX-License-Identifier: LGPL-2.1-or-later
"""Keys: made at first use, for this checkout only, and worth nothing anywhere else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from . import paths
from .steps import digest, once, run

# Who each key is, and why it exists.
NAMES = {
    "PK": "Secure Boot platform key",
    "KEK": "Secure Boot key exchange key",
    "db": "Secure Boot signature database: signs the UKI",
    "verity": "signs root hashes; its certificate is in the initrd's verity.d",
    "attacker": "signs what must be refused",
}


@dataclass(frozen=True)
class Key:
    """A private key and its self-signed certificate, both PEM."""

    name: str
    key: Path
    cert: Path


def key(name: str) -> Key:
    """The key of this name under build/demo/keys."""
    once(paths.DEMO / "keys", digest("keys 1", NAMES), "keys: Secure Boot and verity", _make)
    folder = paths.DEMO / "keys"
    return Key(name, folder / f"{name}.key", folder / f"{name}.crt")


def _make(new: Path) -> None:
    new.mkdir(mode=0o700)
    for name in NAMES:
        run(["openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256",
             "-days", "3650", "-subj", f"/CN=slipway demo {name}/",
             "-keyout", new / f"{name}.key", "-out", new / f"{name}.crt"])
