# SPDX-License-Identifier: LGPL-2.1-or-later
"""A certificate whose last day is over counts all the same, and the boot says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import lab
import verified
from expect import QUICKLY, boots, direct, refused
from lab import gpt, steps
from test_trust import SIG_UUID, pkcs7

LAST_DAY = "2011-01-01"


@pytest.fixture
def boot(boot):
    """What comes of these boots must be what slipway-mkinitrd verify foresees."""
    return verified.foreseen(boot)


@pytest.fixture(scope="module")
def expired(tmp_path_factory) -> lab.Key:
    """A signer who was one in 2010 alone."""
    folder = tmp_path_factory.mktemp("expired")
    key, cert, conf = (folder / name for name in ("key", "old.crt", "ca.conf"))
    conf.write_text(f"[ca]\ndefault_ca=x\n[x]\ndatabase={folder}/index\nnew_certs_dir={folder}\n"
                    f"serial={folder}/serial\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n")
    (folder / "index").touch()
    steps.run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
               "-subj", "/CN=slipway demo old/", "-out", folder / "csr"])
    steps.run(["openssl", "ca", "-batch", "-selfsign", "-create_serial", "-notext", "-config", conf,
               "-keyfile", key, "-in", folder / "csr", "-startdate", "20100101000000Z",
               "-enddate", "20110101000000Z", "-out", cert])
    return lab.Key("old", key, cert)


def fingerprint(cert: Path) -> str:
    text = steps.run(["openssl", "x509", "-in", cert, "-noout", "-fingerprint", "-sha256"]).stdout
    return text.decode().strip().partition("=")[2].replace(":", "").lower()


def machine(folder: Path, key: lab.Key, demo: lab.Demo, conf: str, *words: str) -> lab.Spec:
    """The demo's root, signed by that key, in a machine that trusts it."""
    blob = folder / "signature"
    blob.write_text(json.dumps({"rootHash": demo.roothash,
                                "signature": pkcs7(demo.roothash, key, folder)}))
    spec = lab.PartSpec(gpt.ROOT_VERITY_SIG, SIG_UUID, "root-x86-64-verity-sig", gpt.READ_ONLY, blob)
    disk = lab.make_disk(folder / "disk.img", kinds=("data", "hash"), more=[spec])
    image = lab.initrd(folder / "initrd.zst", certs=(key.cert,), conf=QUICKLY + conf)
    return direct(disk.path, initrd=image, arguments=list(words))


def test_it_counts_and_the_boot_says_so(expired, demo, boot, tmp_path):
    got = boot(machine(tmp_path, expired, demo, ""))
    boots(got)
    path, mark = "/usr/lib/verity.d/old.crt", fingerprint(expired.cert)
    assert got.record["root"]["certificate"] == mark
    assert got.record["trust"]["expired"] == [
        {"path": path, "certificate": mark, "valid_to": LAST_DAY}]
    assert f"trust: certificate '{path}' expired on {LAST_DAY}" in got.serial


def test_a_clock_that_is_behind_decides_nothing(expired, demo, boot, tmp_path):
    """Nobody is told then, which is why nothing may depend on it."""
    got = boot(machine(tmp_path, expired, demo, "", "-rtc", "base=2010-06-01"))
    boots(got)
    assert "expired" not in got.record["trust"] and "expired" not in got.serial


def test_denying_it_is_what_helps(expired, demo, boot, tmp_path):
    got = boot(machine(tmp_path, expired, demo, f"deny-certificate={fingerprint(expired.cert)}\n"))
    refused(got, "DENIED", "prove", "certificate")
    assert "expired" not in got.record["trust"]
