# SPDX-License-Identifier: LGPL-2.1-or-later
"""slipway-mkinitrd predict --sign: signatures against systemd-measure, and keys it refuses.

tests/boot/test_sealed.py unseals with them."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
from pathlib import Path

import pytest

import lab
from lab import paths, steps, tree
from lab.uki import BANKS

DEMO = paths.DEMO
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="ukify runs in the tools tree, by chroot")


def predict(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run([paths.MKINITRD, "predict", *map(str, words)], capture_output=True,
                          text=True)


def signing_key(out: Path, *kind: str) -> Path:
    """A private key; RSA with 2048 bits unless said otherwise."""
    kind = kind or ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    steps.run(["openssl", "genpkey", "-quiet", *kind, "-out", out])
    return out


@pytest.fixture(scope="module")
def signer(tmp_path_factory) -> dict[str, Path]:
    """A key in the two forms of PEM, and its public half in three."""
    folder = tmp_path_factory.mktemp("keys")
    key = signing_key(folder / "key.pem")
    made = {"key": key, **{name: folder / f"{name}.pem" for name in
                           ("pkcs1", "public", "public1", "certificate", "encrypted", "small",
                            "curve", "other")}}
    for name, words in {
        "pkcs1": ("rsa", "-traditional", "-in", key), "public": ("pkey", "-pubout", "-in", key),
        "public1": ("rsa", "-RSAPublicKey_out", "-in", key),
        "certificate": ("req", "-x509", "-new", "-subj", "/CN=pcr", "-key", key),
        "encrypted": ("pkey", "-aes256", "-passout", "pass:x", "-in", key),
    }.items():
        steps.run(["openssl", *words, "-out", made[name]])
    signing_key(made["small"], "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024")
    signing_key(made["curve"], "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    signing_key(made["other"])
    return made


def is_signed(entry: dict, public: Path, folder: Path) -> bool:
    """Whether OpenSSL finds that this key signed the policy, by SHA-256: all that unseals."""
    policy, signature = folder / "policy", folder / "signature"
    ref = hashlib.sha256(entry["ref"].encode()).digest() if "ref" in entry else b""
    policy.write_bytes(bytes.fromhex(entry["pol"]) + ref)
    signature.write_bytes(base64.b64decode(entry["sig"]))
    done = subprocess.run(["openssl", "dgst", "-sha256", "-verify", public, "-signature",
                           signature, policy], capture_output=True)
    return done.returncode == 0


@as_root
@pytest.mark.parametrize("key, phases, banks", [
    ("key", "enter-initrd", "sha256"), ("pkcs1", "enter-initrd", "sha256"),
    ("key", "enter-initrd,enter-initrd:leave-initrd,some:words", ",".join(BANKS)),
])
def test_signatures_are_those_of_systemd_measure(tmp_path, signer, key, phases, banks):
    """RSASSA with PKCS #1 v1.5 has no randomness: even the signatures are the same.

    But in another bank than sha256: there, systemd-measure 257 signs by the bank's hash, and
    nothing that unseals, systemd itself neither, takes that (tests/boot/test_sealed.py).
    """
    expected = lab.tool(
        "/usr/lib/systemd/systemd-measure", "sign", *lab.uki.sections(DEMO / "uki.efi", tmp_path),
        f"--private-key={tree.host(signer['key'])}", f"--public-key={tree.host(signer['public'])}",
        *(f"--bank={bank}" for bank in banks.split(",")),
        *(f"--phase={path}" for path in phases.split(",")))
    done = predict("--uki", DEMO / "uki.efi", "--sign", signer[key], "--bank", banks,
                   "--phases", phases)
    ours, theirs = json.loads(done.stdout or "{}"), json.loads(expected.stdout)
    for entries in ours.values():  # the initrd's own phase once more, for NvPCRs; not in 257
        twin = entries.pop(1)
        assert is_signed(twin, signer["public"], tmp_path) and twin["ref"] == "initrd"
        assert twin | {"sig": ""} == entries[0] | {"sig": "", "ref": "initrd"}
        assert not any("ref" in entry for entry in entries)
    assert ours["sha256"] == theirs["sha256"] and list(ours) == banks.split(",") == list(theirs)
    for bank in ours:
        assert all(is_signed(entry, signer["public"], tmp_path) for entry in ours[bank])
        assert [e | {"sig": ""} for e in ours[bank]] == [e | {"sig": ""} for e in theirs[bank]]
    default = ("--phases", phases) if "," in phases else ()
    assert predict("--uki", DEMO / "uki.efi", "--sign", signer[key], "--bank", banks,
                   *default).stdout == done.stdout


@pytest.mark.parametrize("key, more, says", [
    ("encrypted", (), "is encrypted; give it without a passphrase"),
    ("small", (), "has 1024 bits; it needs 2048"), ("curve", (), "is no RSA key"),
    ("public", (), "holds no private key"), ("certificate", (), "holds no private key"),
    ("nowhere", (), "open '/nowhere.pem': No such file"),
    ("key", ("public",), ""), ("key", ("public1",), ""), ("key", ("certificate",), ""),
    ("other", ("public",), "public.pem is the public half of another key"),
    ("key", ("curve",), "curve.pem holds no public key or certificate"),
])
def test_keys_that_sign_and_that_do_not(signer, key, more, says):
    done = predict("--uki", DEMO / "uki.efi", "--sign", signer.get(key, "/nowhere.pem"),
                   *(word for name in more for word in ("--public-key", signer[name])))
    assert done.returncode == (1 if says else 0) and says in done.stderr, done.stderr
    assert bool(done.stdout) == (not says)
    assert "PRIVATE" not in done.stderr


@as_root
@pytest.mark.parametrize("carried, says", [
    ("public", ""), ("other", "the section .pcrpkey of the UKI is the public half of another key"),
])
def test_key_must_be_the_one_in_the_uki(tmp_path, signer, carried, says):
    """systemd looks for a signature by the key that it finds there, and for no other."""
    public, uki = tmp_path / "public.pem", tmp_path / "uki.efi"
    steps.run(["openssl", "pkey", "-pubout", "-out", public, "-in",
               signer["key" if carried == "public" else carried]])
    (tmp_path / "os-release").write_text("ID=x\n")
    (tmp_path / "initrd").write_bytes(b"0707 stands for an initrd")

    def build(*more: str) -> dict:
        return lab.uki.build(uki, linux=DEMO / "vmlinuz", initrd=tmp_path / "initrd", key=None,
                             cmdline="quiet", os_release=tmp_path / "os-release",
                             more=(f"--pcrpkey={tree.host(public)}", *more))

    before = build()
    done = predict("--uki", uki, "--sign", signer["key"])
    assert done.returncode == (1 if says else 0) and says in done.stderr, done.stderr
    if not says:  # and with the signatures in it, the UKI is measured as they say
        (tmp_path / "pcrsig").write_text(done.stdout)
        assert build(f"--section=.pcrsig:@{tree.host(tmp_path / 'pcrsig')}") == before
        assert predict("--uki", uki, "--sign", signer["key"]).stdout == done.stdout
