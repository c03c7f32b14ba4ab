# SPDX-License-Identifier: LGPL-2.1-or-later
"""A secret that systemd sealed to signed policies: unsealed in our initrd, and only there.

The machine is stopped at a point of its boot, and then the TPM is asked as it stands: by
systemd-creds, with signatures by slipway-mkinitrd.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import chain
import lab
from expect import RUNNING
from lab import LabError, firmware, paths, steps, tree
from lab.swtpm import Swtpm
from lab.tpm import word_digest
from predicted import NOTHING

SECRET = b"only for the initrd"
ENTERED = r"measured 'enter-initrd'"
INITRD, HOST = "enter-initrd", "enter-initrd:leave-initrd"
CAPPED = "enter-initrd:slipway-failed"
# Nobody would sign for all of these points; it shows that what stays shut could have been opened.
SIGNED = {"firmware": ("owner", "-"), "initrd": ("owner", INITRD), "host": ("owner", HOST),
          "both": ("owner", f"{INITRD},{HOST}"), "capped": ("owner", CAPPED),
          "forged": ("attacker", INITRD)}


@dataclass(frozen=True)
class Safe:
    """A folder with keys, and the secret sealed to the owner's in TPMs with this bank."""

    folder: Path
    bank: str

    @staticmethod
    def _creds(tpm: Path, *words: object) -> bytes:
        return lab.tool("systemd-creds", f"--tpm2-device=swtpm:path={tree.host(tpm)}",
                        "--name=x", *words).stdout

    @classmethod
    def seal(cls, folder: Path, bank: str = "sha256") -> Safe:
        """In a TPM of the same seeds as those of the machines to come."""
        with tempfile.TemporaryDirectory() as place:
            tpm = Swtpm(Path(place), firmware.tpm_state((bank,)))
            try:
                with tpm.served() as path:
                    cls._creds(path, "--with-key=tpm2-with-public-key", "--tpm2-pcrs=",
                               "--tpm2-public-key-pcrs=11",
                               f"--tpm2-public-key={tree.host(folder / 'owner.pub')}",
                               "encrypt", tree.host(folder / "secret"),
                               f"{tree.host(folder)}/sealed-{bank}")
            finally:
                tpm.kill()
        return cls(folder, bank)

    def sign(self, uki: Path) -> None:
        """One file of signatures for each of SIGNED."""
        for name, (key, phases) in SIGNED.items():
            said = steps.run([paths.MKINITRD, "predict", "--uki", uki, "--phases", phases,
                              "--sign", self.folder / f"{key}.key"])
            (self.folder / f"{name}.json").write_bytes(said.stdout)
        # The fingerprint names the owner's key, so that only the TPM can find the forgery.
        pkfp = {name: json.loads((self.folder / f"{name}.json").read_bytes())["sha256"][0]["pkfp"]
                for name in ("initrd", "forged")}
        forged = self.folder / "forged.json"
        forged.write_text(forged.read_text().replace(pkfp["forged"], pkfp["initrd"]))

    def opened_by(self, tpm: Swtpm) -> set[str]:
        """Which of the signatures make this TPM give the secret out."""
        found = set()
        with tpm.served() as path:
            for name in SIGNED:
                try:
                    said = self._creds(path,
                                      f"--tpm2-signature={tree.host(self.folder)}/{name}.json",
                                      "decrypt", tree.host(self.folder / f"sealed-{self.bank}"), "-")
                except LabError as e:
                    assert "Failed to unseal secret using TPM2" in str(e), e
                else:
                    assert said == SECRET
                    found.add(name)
        return found


@pytest.fixture(scope="module")
def keys(tmp_path_factory) -> Path:
    """The owner's keys, an attacker's, and the secret."""
    folder = tmp_path_factory.mktemp("keys")
    for name in ("owner", "attacker"):
        key = folder / f"{name}.key"
        steps.run(["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt",
                   "rsa_keygen_bits:2048", "-out", key])
        steps.run(["openssl", "pkey", "-in", key, "-pubout", "-out", folder / f"{name}.pub"])
    (folder / "secret").write_bytes(SECRET)
    return folder


@pytest.fixture
def opened(boot):
    """`opened(safe, disk, end, ...)`: boot, and see what opens the safe where the boot ended.

    And then after each of the words that are replayed."""

    def run(safe: Safe, disk: Path, end: str, replayed: tuple[str, ...] = (),
            phase: str = "", **words) -> list[set[str]]:
        found: list[set[str]] = []

        def ask(tpm: Swtpm) -> None:
            found.append(safe.opened_by(tpm))
            for phases in replayed:
                replay(tpm, phases)
                found.append(safe.opened_by(tpm))

        got = boot(chain.chain(disk, banks=(safe.bank,), with_tpm=ask, **words), phase=phase)
        assert got.end == end and got.pcrs, got.explain()
        return found

    return run


@pytest.fixture
def waiting(demo, tmp_path) -> tuple[Path, Path]:
    """A disk that its own initrd has no driver for, so that it stays where it is; and its UKI."""
    uki = chain.uki("driverless", chain.driverless()).path
    return lab.make_disk(tmp_path / "disk.img", uki=uki).path, uki


@pytest.mark.parametrize("bank, end, point, opens", [
    ("sha256", "stopped", {"until": "EFI stub: Measured initrd", "phase": NOTHING},
     {"firmware"}),
    ("sha256", "stopped", {"until": ENTERED, "phase": INITRD}, {"initrd", "both"}),
    ("sha1", "stopped", {"until": ENTERED, "phase": INITRD}, {"initrd", "both"}),
    ("sha256", "reboot", {"words": "slipway.timeout=2"}, {"capped"}),
], ids=["before", "in the initrd", "in the initrd, by SHA-1", "after its failure"])
def test_in_a_phase(waiting, keys, opened, bank, end, point, opens):
    disk, uki = waiting
    safe = Safe.seal(keys, bank)
    safe.sign(uki)
    assert opened(safe, disk, end, **point) == [opens]


def replay(tpm: Swtpm, words: str) -> None:
    """What the host's root can do: measure these words into PCR 11 once more."""
    with tpm.served() as path:
        for word in words.split(":"):
            lab.tool("tpm2_pcrextend", f"--tcti=swtpm:path={tree.host(path)}",
                     f"11:sha256={word_digest('sha256', word)}")


def test_in_the_booted_system(demo, keys, opened):
    """What is for the initrd alone is shut; its twin, signed for the host too, is not.

    Nor do the initrd's own words lead back to its phase."""
    safe = Safe.seal(keys)
    safe.sign(demo.uki)
    assert opened(safe, demo.disk, "stopped", until=RUNNING,
                  replayed=(INITRD, HOST)) == [{"host", "both"}, set(), set()]


def test_replayed_after_a_reset(demo, keys, tmp_path):
    """A TPM whose PCRs are as new takes the words, but what the stub measured is missing."""
    safe = Safe.seal(keys)
    safe.sign(demo.uki)
    tpm = Swtpm(tmp_path, firmware.tpm_state(("sha256",)))
    try:
        assert safe.opened_by(tpm) == set()
        replay(tpm, INITRD)
        assert safe.opened_by(tpm) == set()
    finally:
        tpm.kill()
