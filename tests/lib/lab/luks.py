# SPDX-License-Identifier: LGPL-2.1-or-later
"""LUKS2 volumes as plain files: made and changed by the cryptsetup of the tools tree.

Keys are derived cheaply, as an emulated machine has to do it as well.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from . import demoroot, firmware, gpt, paths, tools, tree
from .ddi import Part
from .steps import digest, once
from .swtpm import Swtpm

PASSPHRASE = "open sesame"
ROOT_UUID = "1e5c0000-51b1-4a7e-9d3a-6f1b6e3c1d0e"
CHEAP = ("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")
MIB = 1 << 20
HEADER = 16 * MIB  # as cryptsetup lays it out


def cryptsetup(*words: object, key: str = PASSPHRASE, more: str = "") -> bytes:
    """Run cryptsetup with a key file of that passphrase; `more` becomes another one, NEWKEY.

    Paths of the machine are given as Path, and NEWKEY is the word for that file.
    """
    with tempfile.TemporaryDirectory(dir=paths.LAB) as folder:
        given, other = Path(folder) / "key", Path(folder) / "more"
        given.write_text(key)
        other.write_text(more)
        at = [tree.host(other) if word == "NEWKEY" else
              tree.host(word) if isinstance(word, Path) else word for word in words]
        return tools.tool("cryptsetup", "--batch-mode", "--key-file", tree.host(given), *at).stdout


def empty(out: Path, *words: object, key: str = PASSPHRASE, size: int = 20 * MIB) -> Path:
    """A volume of random bytes: enough for what is refused before it is read."""
    out.unlink(missing_ok=True)
    with out.open("wb") as f:
        f.truncate(size)
    cryptsetup("luksFormat", "--type", "luks2", *CHEAP, *words, out, key=key)
    return out


def volume_key(image: Path, key: str = PASSPHRASE) -> bytes:
    """The key that the volume is encrypted by."""
    with tempfile.TemporaryDirectory(dir=paths.LAB) as folder:
        place = Path(folder) / "volume-key"
        cryptsetup("luksDump", "--dump-volume-key", "--volume-key-file", place, image, key=key)
        return place.read_bytes()


def uuid(image: Path) -> str:
    """The UUID of the LUKS header."""
    return cryptsetup("luksUUID", image).decode().strip()


def encrypt(image: Path) -> None:
    """Put in place of a file system a volume with it, without a device."""
    with image.open("r+b") as f:
        f.truncate(image.stat().st_size + 2 * HEADER)
    cryptsetup("reencrypt", "--encrypt", "--type", "luks2", *CHEAP, "--force-offline-reencrypt",
               "--reduce-device-size", 2 * HEADER, image)


def repart(disk: Path, label: str, *words: str, size: int = 96 * MIB) -> None:
    """Let systemd-repart make one more partition: a root, encrypted for the TPM, with an empty ext4."""
    with tempfile.TemporaryDirectory(dir=paths.LAB) as folder:
        (Path(folder) / "root.conf").write_text(
            f"[Partition]\nType=root-x86-64\nLabel={label}\nFormat=ext4\nEncrypt=tpm2\n"
            f"SizeMinBytes={size}\nSizeMaxBytes={size}\n")
        tools.tool("systemd-repart", "--dry-run=no", "--offline=yes", "--no-pager", *words,
                   f"--size={disk.stat().st_size + size + MIB}", f"--definitions={tree.host(Path(folder))}",
                   tree.host(disk))


def decrypt(image: Path) -> None:
    """Undo `encrypt`. No device is made: not every machine has dm-crypt."""
    with tempfile.TemporaryDirectory(dir=paths.LAB) as folder:
        cryptsetup("reencrypt", "--decrypt", "--force-offline-reencrypt", "--header",
                   Path(folder) / "header", image)
    with image.open("r+b") as f:
        f.truncate(image.stat().st_size - 2 * HEADER)


def root() -> Part:
    """The demo's root as ext4 in a LUKS volume: what a disk is put together of."""
    image = paths.LAB / "luks-root.img"
    once(image, digest("luks root 2", demoroot.key(), PASSPHRASE, CHEAP), "root on LUKS", _make_root)
    return Part("data", gpt.ROOT, ROOT_UUID, "root-x86-64", image, "")


def _make_root(new: Path) -> None:
    source = demoroot.root_tree()
    used = sum(max(path.lstat().st_size, 4096) for path in source.rglob("*"))
    tools.tool("mke2fs", "-q", "-t", "ext4", "-d", tree.host(source),
               tree.host(new), f"{used * 5 // 4 // MIB}M")
    encrypt(new)


def edit(image: Path, change: Callable[[dict], None], copies: tuple[int, ...] = (0, 1)) -> None:
    """Change the JSON text of a header, in one of its two copies or both, with right checksums."""
    raw = image.read_bytes()[:4 * MIB]
    size = int.from_bytes(raw[8:16], "big")
    for copy in copies:
        whole = bytearray(raw[copy * size:(copy + 1) * size])
        text = json.loads(whole[4096:].split(b"\0")[0])
        change(text)
        whole[4096:] = json.dumps(text, separators=(",", ":")).encode().ljust(size - 4096, b"\0")
        whole[448:512] = bytes(64)
        whole[448:480] = hashlib.sha256(whole).digest()
        with image.open("r+b") as f:
            f.seek(copy * size)
            f.write(whole)


def spoil(image: Path, copy: int) -> None:
    """Turn a byte of the text of a copy of the header: its checksum is wrong then."""
    with image.open("r+b") as f:
        size = int.from_bytes(f.read(16)[8:], "big")
        f.seek(copy * size + 4096 + 1)
        f.write(b"#")


@contextlib.contextmanager
def tpm(state: Path | None = None) -> Iterator[str]:
    """A TPM as boots have it, or with this state, which is kept then: as `--tpm2-device=` takes it."""
    with tempfile.TemporaryDirectory() as folder:
        swtpm = Swtpm(Path(folder), state or firmware.tpm_state())
        try:
            with swtpm.served() as path:
                yield f"swtpm:path={tree.host(path)}"
        finally:
            swtpm.kill()
        if state:
            shutil.rmtree(state)
            shutil.copytree(Path(folder) / "tpm", state, ignore=shutil.ignore_patterns(".lock"))


def enroll(image: Path, *words: str, device: str = "", pin: str = "") -> None:
    """Let systemd-cryptenroll add a key slot that this TPM opens."""
    with tempfile.TemporaryDirectory(dir=paths.LAB) as folder:
        key = Path(folder) / "key"
        key.write_text(PASSPHRASE)
        tools.tool("env", f"NEWPIN={pin}", "systemd-cryptenroll",
                   f"--unlock-key-file={tree.host(key)}",
                   *([f"--tpm2-device={device}"] if device else []), *words, tree.host(image))
