# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where secrets are once the root's own systemd runs: searched for in all of the machine's memory.

The kernel keeps a volume's key as long as the volume is open, so the key cannot be nowhere. With
init_on_free=1 the kernel wipes whatever is freed, and what is found then are its own live copies:
without that word there must not be one more. Of the secrets that only find the key there is none."""

from __future__ import annotations

import base64
import mmap
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import lab
from expect import HANDING_OVER, RUNNING, boots
from lab import luks, tree
from lab.tpm import word_digest
from test_luks import (ASKING, BY_TPM, LITERAL, PIN_QUESTION, POLICY, QUESTION, initrd, opened,
                       sealed)

pytestmark = pytest.mark.xdist_group("luks")
MEMORY = 512
DUMPS = {"before": HANDING_OVER, "after": RUNNING}
# Nothing else in a Debian says this.
PASSPHRASE = "quiet-lantern-73-over-the-slate-harbour"
PIN = "a-pin-like-no-other-8843"


def dumped(spec: lab.Spec, folder: Path) -> lab.Spec:
    """The same, but all of its memory is written to files twice, and then it ends: before the switch,
    while our program is still what it was, and when the root's own systemd speaks."""
    def dump(name: str) -> lab.When:
        return lab.When(DUMPS[name], qmp=("pmemsave", {"val": 0, "size": MEMORY << 20,
                                                      "filename": str(folder / f"{name}.memory")}))

    spec.memory, spec.until = MEMORY, ""
    spec.when += [lab.When(DUMPS["before"], qmp=("stop", {})), dump("before"),
                  lab.When(DUMPS["before"], qmp=("cont", {})),
                  lab.When(DUMPS["after"], qmp=("stop", {})), dump("after"),
                  lab.When(DUMPS["after"], qmp=("quit", {}))]
    return spec


def count(folder: Path, secrets: dict[str, bytes]) -> dict[str, dict[str, int]]:
    """How often each is there, in both files."""
    return {name: _count(folder / f"{name}.memory", secrets) for name in DUMPS}


def _count(dump: Path, secrets: dict[str, bytes]) -> dict[str, int]:
    found = {}
    with dump.open("rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        assert len(memory) == MEMORY << 20 and memory.find(b"Linux version ") >= 0
        for name, secret in secrets.items():
            found[name], at = 0, memory.find(secret)
            while at >= 0:
                found[name] += 1
                at = memory.find(secret, at + 1)
    dump.unlink()
    return found


def nowhere(folder: Path, **secrets: bytes) -> None:
    found = count(folder, secrets)
    assert not any(sum(of.values()) for of in found.values()), found


@pytest.fixture(scope="module")
def root():
    return luks.root()


@pytest.fixture
def volume(root, tmp_path) -> lab.Part:
    """The root with a passphrase like no other."""
    image = tmp_path / "root-luks.img"
    shutil.copyfile(root.file, image)
    luks.cryptsetup("luksAddKey", *luks.CHEAP, image, "NEWKEY", more=PASSPHRASE)
    return replace(root, file=image)


def keys(part: lab.Part) -> dict[str, bytes]:
    """The key of the volume, and its halves, which AES in XTS mode takes for two keys."""
    key = luks.volume_key(part.file)
    return {"key": key, "first half": key[:32], "second half": key[32:]}


def typed(volume: lab.Part, tmp_path: Path, words: str = "") -> lab.Spec:
    spec = opened(volume, tmp_path, passphrase="", words=words, image=initrd("asking", ASKING))
    spec.when = [lab.When(QUESTION % 1, type=PASSPHRASE + "\n")]
    return spec


def test_what_was_typed(boot, volume, tmp_path):
    """The passphrase is nowhere, and of the volume's key there are the kernel's copies alone."""
    secrets = {"passphrase": PASSPHRASE.encode(), **keys(volume)}
    seen = []
    for words in ("", "init_on_free=1"):
        got = boot(dumped(typed(volume, tmp_path, words), tmp_path))
        assert got.record["root"]["luks"]["unlocked_by"] == "passphrase"
        boots(got)
        seen += count(tmp_path, secrets).values()
    assert all(of == seen[-1] for of in seen), seen
    assert seen[0]["passphrase"] == 0 and min(seen[0][f"{n} half"] for n in ("first", "second")) > 0, seen


@pytest.mark.parametrize("words, there", [("", True), ("init_on_free=1", False)],
                         ids=["kept", "wiped"])
def test_what_the_tree_of_the_initrd_held(words, there, boot, root, tmp_path):
    """The twin: a file that is no secret is found, after the switch in memory that was given back,
    and there no more if the kernel wipes that."""
    file = tmp_path / "planted"
    file.write_text(PASSPHRASE * (1 << 20))
    image = initrd("planted", POLICY, "--include", f"{file}:/etc/planted")
    boots(boot(dumped(opened(root, tmp_path, words=words, image=image), tmp_path)))
    found = count(tmp_path, {"planted": PASSPHRASE.encode()})
    assert found["before"]["planted"] > 1 << 19 and bool(found["after"]["planted"]) == there, found


def unsealed(image: Path, state: Path) -> bytes:
    """What the TPM keeps for the volume's token, by tpm2-tools in the state of a boot."""
    token: dict = {}
    luks.edit(image, lambda text: token.update(text["tokens"]["0"]), copies=(0,))
    blob = image.with_suffix(".blob")
    blob.write_bytes(base64.b64decode(token["tpm2-blob"]))
    private = 2 + int.from_bytes(blob.read_bytes()[:2], "big")
    with luks.tpm(state) as device:
        return lab.tool("env", f"TPM2TOOLS_TCTI={device}", "sh", "-euc", """
            head -c "$2" "$1" >/tmp/private; tail -c "+$(($2 + 1))" "$1" >/tmp/public; cd /tmp
            tpm2 pcrextend "11:sha256=$3"
            tpm2 load -Q -C 0x81000001 -r private -u public -c object
            tpm2 startauthsession -Q --policy-session -S session
            tpm2 policypcr -Q -S session -l sha256:11
            tpm2 unseal -c object -p session:session""", "sh", tree.host(blob), private,
            word_digest("sha256", "enter-initrd")).stdout


def test_what_the_tpm_kept(boot, root, tmp_path):
    """What it gave out is nowhere, neither as it was nor as the passphrase that is made of it."""
    state = tmp_path / "tpm"
    shutil.copytree(lab.firmware.tpm_state(), state)
    part = sealed(root, tmp_path, LITERAL, state=state)
    secret = unsealed(part.file, state)
    passphrase = base64.b64encode(secret)
    # That it is this one: it opens the volume.
    assert len(secret) == 32 and luks.volume_key(part.file, passphrase.decode()), passphrase
    got = boot(dumped(opened(part, tmp_path, passphrase="", tpm=True, tpm_state=state), tmp_path))
    boots(got, words=BY_TPM)
    assert got.record["root"]["luks"]["unlocked_by"] == "tpm2"
    nowhere(tmp_path, secret=secret, passphrase=passphrase)


def test_pin(boot, root, tmp_path):
    part = sealed(root, tmp_path, LITERAL, "--tpm2-with-pin=yes", pin=PIN)
    spec = opened(part, tmp_path, passphrase="", image=initrd("asking", ASKING), tpm=True)
    spec.when = [lab.When(PIN_QUESTION % 1, type=PIN + "\n")]
    got = boot(dumped(spec, tmp_path))
    boots(got, words=BY_TPM)
    assert got.record["root"]["luks"]["unlocked_by"] == "tpm2"
    nowhere(tmp_path, pin=PIN.encode())
