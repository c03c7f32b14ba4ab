# SPDX-License-Identifier: LGPL-2.1-or-later
"""What boot tests share: initrds and UKIs of their own, what a stub hands over, signatures."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import lab
from expect import RUNNING
from lab import appliance, disk, paths, steps, tree

MODULES = ("dm_mod", "dm_verity", "loop", "overlay", "erofs", "efivarfs")
SHARED = paths.LAB / "boot-tests"


def initrd(name: str, **words) -> Path:
    """An initrd that tests share, by name; the words are those of lab.initrd."""
    return lab.initrd(SHARED / f"{name}.zst", compress="zstd:3", **words)


def driverless() -> Path:
    """An initrd with all that a boot needs but the driver of virtio disks."""
    return initrd("driverless", modules=MODULES)


@dataclass(frozen=True)
class Uki:
    """A UKI, and what PCR 11 is when its stub has measured it: {bank: hex}."""

    path: Path
    start: dict[str, str]


def uki(name: str, image: Path, key: str | None = "db", words: str = "") -> Uki:
    """A UKI that tests share, by name, with the demo's kernel and command line, and more words."""
    folder = SHARED / f"uki-{name}"
    signer = lab.key(key) if key else None
    cmdline = f"{appliance.CMDLINE} {words}".strip()
    inputs = steps.digest("uki 1", image, lab.kernel() / "boot/vmlinuz", cmdline,
                          *([signer.cert] if signer else []))

    def make(new: Path) -> None:
        new.mkdir()
        lab.make_uki(new / "uki.efi", initrd=image, key=signer, cmdline=cmdline)
        (new / "start.json").write_text(json.dumps(start(new / "uki.efi")))

    steps.once(folder, inputs, f"UKI {name}", make)
    return Uki(folder / "uki.efi", json.loads((folder / "start.json").read_text()))


def start(image: Path) -> dict[str, str]:
    """What systemd-measure expects of PCR 11 after this UKI and before any phase."""
    with tempfile.TemporaryDirectory(dir=image.parent) as place:
        said = lab.tool("/usr/lib/systemd/systemd-measure", "calculate", "--phase=:",
                        *lab.uki.sections(image, Path(place)))
    return dict(re.findall(r"^11:(\w+)=([0-9a-f]+)$", said.stdout.decode(), re.M))


def signed_for_phase(folder: Path, image: Path, key: Path, *more: str) -> Path:
    """A UKI with signatures for the phase of its initrd, by our own predict; more are ukify's words.

    The public half of the key lies beside it. folder/unsigned.efi is the same without signatures.
    """
    uki_, unsigned, pcrsig = (folder / name for name in ("uki.efi", "unsigned.efi", "pcrsig"))

    def build(*sections: str) -> None:
        lab.make_uki(uki_, initrd=image, key=lab.key("db"),
                     more=(f"--pcrpkey={tree.host(key.with_suffix('.pub'))}", *more, *sections))

    build()
    unsigned.write_bytes(uki_.read_bytes())
    pcrsig.write_bytes(steps.run([paths.MKINITRD, "predict", "--uki", uki_, "--sign", key]).stdout)
    build(f"--section=.pcrsig:@{tree.host(pcrsig)}")
    return uki_


def authority(public: Path) -> str:
    """The digest that says who may begin an NvPCR: what a TPM makes of the key and the reference."""
    said = steps.run(["openssl", "rsa", "-pubin", "-in", public, "-modulus", "-noout"])
    modulus = bytes.fromhex(said.stdout.decode().strip().removeprefix("Modulus="))
    head = bytes.fromhex("0001000b00060040000000100010080000010001") + b"\1\0"
    name = bytes.fromhex("0000016a000b") + hashlib.sha256(head + modulus).digest()
    key_ = hashlib.sha256(bytes(32) + name).digest()
    return hashlib.sha256(key_ + hashlib.sha256(b"initrd").digest()).hexdigest()


def chain(image: Path, *more: lab.Drive, words: str = "", **spec) -> lab.Spec:
    """The full chain with a TPM, Secure Boot unless said otherwise, up to the root's systemd."""
    spec = {"firmware": "enforcing", "tpm": "on", "until": RUNNING, "timeout": 300,
            "drives": [lab.Drive(image), *more]} | spec
    return lab.Spec(cmdline_extra=f"slipway.failure_delay=0 {words}".strip(), **spec)


def archive(folder: Path) -> bytes:
    """A cpio of all that is in the folder."""
    names = "".join(f"{p.relative_to(folder)}\n" for p in sorted(folder.rglob("*")))
    return steps.run(["cpio", "--create", "--quiet", "--format=newc"], cwd=folder, stdin=None,
                     input=names.encode()).stdout


def unpacked(image: Path, folder: Path) -> Path:
    """The tree of an initrd, in a new folder."""
    folder.mkdir()
    steps.run(["cpio", "--extract", "--make-directories", "--quiet"], cwd=folder, stdin=None,
              input=steps.run(["zstd", "-dcq", image]).stdout)
    return folder


def with_files(image: Path, files: dict[str, bytes | str | Path | None], out: Path) -> Path:
    """An initrd and behind it a cpio with these files, which replace those of the same path.

    None makes an empty directory, a text a link, a path a copy with its mode.
    """
    stage = out.with_name(out.name + ".stage")
    for name, content in files.items():
        place = stage / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            place.mkdir()
        elif isinstance(content, str):
            place.symlink_to(content)
        elif isinstance(content, Path):
            shutil.copy(content, place)
        else:
            place.write_bytes(content)
    first = image.read_bytes()
    out.write_bytes(first + bytes(-len(first) % 4) + archive(stage))
    shutil.rmtree(stage)
    return out


def compiled(name: str, out: Path, *words: str) -> None:
    """NAME.c with beside.c, for the initrd."""
    here = Path(__file__).parent
    steps.run([paths.BUILD / "deps/x86_64-linux-musl/bin/slipway-cc", "-Os", *words, "-o", out,
               here / f"{name}.c", here / "beside.c"])


def beside(name: str, image: Path, out: Path, files: dict[str, bytes] | None = None,
           *words: str) -> Path:
    """An initrd and behind it a cpio with NAME.c, compiled, for rdinit=/NAME, and other files."""
    stage = out.with_name(out.name + ".stage")
    stage.mkdir()
    compiled(name, stage / name, *words)
    for file, content in (files or {}).items():
        (stage / file).write_bytes(content)
    first = image.read_bytes()
    out.write_bytes(first + bytes(-len(first) % 4) + archive(stage))
    shutil.rmtree(stage)
    return out


# What the table of an image calls the partitions of a root, and of a usr.
USR = "8484680c-9521-48c6-9c11-b0720656f69e"
_USR_OF = {"4f68bce3-e8cd-4db1-96e7-fbcaf984b709": USR,
           "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5": "77ff5f63-e7b6-4633-acf4-1565b864c0e6",
           "41092b05-9fc8-4523-994f-2def0408b176": "e7bb33fb-06cf-4e81-8273-e543b413e2e2"}


def into_usr(path: Path) -> None:
    """Calls the partitions of a signed image those of a usr: what is signed are a file system's bytes."""
    table = lab.gpt.Table(path.stat().st_size // 512, entries=lab.gpt.read_entries(path))
    for entry in table.entries:
        entry.type = _USR_OF[entry.type]
    with path.open("r+b") as f:
        table.write(f)


def handed_over(image: Path, extensions: list[Path], out: Path) -> Path:
    """An initrd and behind it what systemd-stub adds: a cpio with /.extra/sysext and confext."""
    return with_files(image, {
        f".extra/{'confext' if file.name.endswith('.confext.raw') else 'sysext'}/{file.name}":
        file.read_bytes() for file in extensions}, out)


def signed_again(parts: list[lab.Part], key: lab.Key, folder: Path) -> list[lab.Part]:
    """The same root, but its root hash is signed by this key."""
    folder.mkdir()
    (folder / "hash").write_text(parts[0].roothash)
    der = steps.run(["openssl", "smime", "-sign", "-binary", "-noattr", "-outform", "der",
                     "-in", folder / "hash", "-signer", key.cert, "-inkey", key.key]).stdout
    print_ = steps.run(["openssl", "x509", "-in", key.cert, "-noout", "-sha256",
                        "-fingerprint"]).stdout.decode().strip().partition("=")[2]
    text = json.dumps({"rootHash": parts[0].roothash,
                       "certificateFingerprint": print_.replace(":", "").lower(),
                       "signature": base64.b64encode(der).decode()})
    blob = folder / "sig.img"
    blob.write_bytes(text.encode().ljust(16384, b"\0"))
    return [replace(p, file=blob) if p.kind == "sig" else p for p in parts]


def other_disk(out: Path, parts: list[lab.Part], esp_uuid: str, version: str = "") -> disk.Disk:
    """A second disk: an ESP of its own and a root, of a version if wanted."""
    esp = disk.make_esp(out.with_name(f".{out.name}.esp"), {})
    specs = [disk.renamed(spec, label=spec.label + version) for spec in disk.root_parts(parts)]
    return disk.layout(out, [disk.esp_part(esp, esp_uuid), *specs],
                       disk_uuid="51b1a7e0-c0de-4d57-9d3a-0000000000d2")
