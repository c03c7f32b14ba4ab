# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tokens of systemd-cryptenroll 257 with more behind them than PCRs and a PIN: policies of
systemd-pcrlock, two shards, a storage root key by RSA, what a UKI carries that was signed by
slipway-mkinitrd. Each opens, and has twins that stay shut.

What version 257 does not make (a PIN stretched by argon2id, a reference beside the key) is made by
the formula and opened in tests/unit/test_unseal.c."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import chain
import lab
import predicted
from expect import QUICKLY, boots, refused
from lab import luks, paths, tree
from test_luks import ENTERED, LITERAL, POLICY, by_tpm, lab_run, new_signer, opened, sealed, signature

pytestmark = pytest.mark.xdist_group("luks")
# PCR 12 has one value, PCR 11 one of two, which are told of by the words that lead there.
LOCK = """
cd "$1"; shift
export SYSTEMD_FORCE_MEASURE=1 SYSTEMD_MEASURE_LOG_FIRMWARE=/tmp/none
mkdir -p /run/log/systemd /tmp/lock/600-phase.pcrlock.d; : >/tmp/none
say() { systemd-pcrextend --tpm2-device="$SYSTEMD_TPM2_DEVICE" --bank=sha256 --pcr="$1" "$2"; }
lock() { printf %s "$2" >/tmp/word; systemd-pcrlock lock-raw --pcr="$1" --pcrlock="/tmp/lock/$3" /tmp/word; }
say 11 "$1"
say 12 os-separator
lock 12 os-separator 500-separator.pcrlock
for word; do lock 11 "$word" "600-phase.pcrlock.d/$word.pcrlock"; done
systemd-pcrlock make-policy --pcr=11+12 --components=/tmp/lock --recovery-pin=hide --policy="$PWD/pcrlock.json"
"""


@pytest.fixture(scope="module")
def root():
    """The demo's root, encrypted."""
    return luks.root()


@pytest.fixture(scope="module")
def signer(tmp_path_factory) -> Path:
    return new_signer(tmp_path_factory.mktemp("signer"))


@pytest.fixture
def state(tmp_path) -> Path:
    """A TPM that keeps what is put into it."""
    folder = tmp_path / "tpm"
    shutil.copytree(lab.firmware.tpm_state(), folder)
    return folder


def lock(folder: Path, state: Path, *words: str) -> Path:
    """pcrlock.json for machines whose PCR 11 was told one of these words; its index is in the TPM."""
    with luks.tpm(state) as device:
        lab.tool("env", f"SYSTEMD_TPM2_DEVICE={device}", "sh", "-euc", LOCK, "sh", tree.host(folder), *words)
    return folder / "pcrlock.json"


def initrd(folder: Path, **files: Path) -> Path:
    """An initrd with these files, which are none of its secrets."""
    places = {"pcrlock": "/var/lib/systemd/pcrlock.json", "signature": "/etc/systemd/tpm2-pcr-signature.json"}
    more = [word for name, file in files.items() for word in ("--include", f"{file}:{places[name]}")]
    return lab.initrd(folder / "initrd.img", conf=QUICKLY + POLICY + "pcr-scheme=261\n", compress="zstd:3",
                      more=("--luks", "--init", paths.INIT_LUKS, *more))


def locked(root, tmp_path, state, *more: str, words: tuple[str, ...]) -> lab.Part:
    """The root with a key slot for a policy of pcrlock, which lies in the folder."""
    policy = lock(tmp_path, state, *words)
    values = {entry["pcr"]: len(entry["values"]) for entry in json.loads(policy.read_text())["pcrValues"]}
    assert values == {11: len(words), 12: 1}
    return sealed(root, tmp_path, "--tpm2-pcrs=", f"--tpm2-pcrlock={tree.host(policy)}", *more, state=state)


def test_pcrlock(boot, root, state, tmp_path):
    """A boot in a state that the policy foresees; without its file nobody knows what to show."""
    part = locked(root, tmp_path, state, words=("another", "enter-initrd"))
    image = initrd(tmp_path, pcrlock=tmp_path / "pcrlock.json")
    by_tpm(boot(opened(part, tmp_path, passphrase="", image=image, tpm=True, tpm_state=state)))
    refused(boot(opened(part, tmp_path, passphrase="", tpm=True, tpm_state=state)), "LUKS_LOCKED", "prove",
            "token 0: there is no pcrlock.json")


def test_pcrlock_of_another_state(boot, root, state, tmp_path):
    """Nor does it help to write the state of this boot into the file: the TPM's index has none of it."""
    part = locked(root, tmp_path, state, words=("another", "third"))
    policy = tmp_path / "pcrlock.json"
    spec = opened(part, tmp_path, passphrase="", tpm=True, tpm_state=state,
                  image=initrd(tmp_path, pcrlock=policy))
    refused(boot(spec), "LUKS_LOCKED", "prove", "token 0: .*pcrlock.json")
    text = json.loads(policy.read_text())
    next(entry for entry in text["pcrValues"] if entry["pcr"] == 11)["values"][0] = ENTERED
    policy.write_text(json.dumps(text))
    (tmp_path / "forged").mkdir()
    spec.initrd = initrd(tmp_path / "forged", pcrlock=policy)
    refused(boot(spec), "LUKS_LOCKED", "prove", "token 0: .*pcrlock.json")


SHARDS = [("both", "enter-initrd", ENTERED, ""),
          ("not-signed", "enter-initrd", "12" * 32, r"token 0: .*\(PCRs 11 in bank sha256\)"),
          ("not-locked", "third", ENTERED, "token 0: .*pcrlock.json")]


@pytest.mark.parametrize("word, value, says", [row[1:] for row in SHARDS], ids=[row[0] for row in SHARDS])
def test_shards(word, value, says, boot, root, state, signer, tmp_path):
    """With a key and pcrlock the secret is in two parts, and each needs its own proof."""
    part = locked(root, tmp_path, state, "--tpm2-public-key-pcrs=11",
                  f"--tpm2-public-key={tree.host(signer.with_suffix('.pub'))}", words=("another", word))
    image = initrd(tmp_path, pcrlock=tmp_path / "pcrlock.json", signature=signature(signer, value, tmp_path))
    got = boot(opened(part, tmp_path, passphrase="", image=image, tpm=True, tpm_state=state))
    if says:
        refused(got, "LUKS_LOCKED", "prove", says)
    else:
        by_tpm(got)


def with_rsa(state: Path) -> None:
    """Let its storage root key be one by RSA."""
    with luks.tpm(state) as device:
        lab.tool("env", f"TPM2TOOLS_TCTI={device}", "sh", "-euc", """
            tpm2 createprimary -Q -C o -G rsa2048 -c /tmp/srk \\
                -a 'restricted|decrypt|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda'
            tpm2 evictcontrol -Q -C o -c /tmp/srk 0x81000001""")


def test_rsa_storage_root_key(boot, root, state, tmp_path):
    """The token names it, and it is found again; that of another machine is another one."""
    with_rsa(state)
    part = sealed(root, tmp_path, LITERAL, state=state)
    by_tpm(boot(opened(part, tmp_path, passphrase="", tpm=True, tpm_state=state)))
    other = tmp_path / "other"
    other.mkdir()
    lab_run("swtpm_setup", "--tpm2", "--tpmstate", other, "--pcr-banks", "sha256")
    with_rsa(other)
    refused(boot(opened(part, tmp_path, passphrase="", tpm=True, tpm_state=other)), "LUKS_LOCKED", "prove",
            "token 0: .*another storage root key")


@pytest.fixture(scope="module")
def ukis(signer, demo, tmp_path_factory) -> dict[str, Path]:
    """A UKI with our own signatures for its initrd's phase, and one of other words that has the same."""
    folder = tmp_path_factory.mktemp("ukis")
    image = lab.initrd(folder / "initrd.img", conf=QUICKLY + POLICY, compress="zstd:3",
                       more=("--luks", "--init", paths.INIT_LUKS))
    own, other = chain.signed_for_phase(folder, image, signer), folder / "other.efi"
    lab.make_uki(other, initrd=image, key=lab.key("db"), cmdline=f"{lab.appliance.CMDLINE} quiet",
                 more=(f"--pcrpkey={tree.host(signer.with_suffix('.pub'))}",
                       f"--section=.pcrsig:@{tree.host(folder / 'pcrsig')}"))
    return {"own": own, "other": other}


def opens(part: lab.Part, key: bytes, file: Path) -> str:
    """What predict is told of this root, if it had this volume key."""
    file.write_bytes(key)
    return f"root:{luks.uuid(part.file)}:{file}"


@pytest.mark.parametrize("name", ["own", "other"])
def test_signatures_of_the_uki(name, boot, root, ukis, signer, tmp_path):
    """From firmware on: stub, signatures by our predict, TPM. Those of another UKI are for another PCR 11."""
    part = sealed(root, tmp_path, "--tpm2-pcrs=", "--tpm2-public-key-pcrs=11",
                  f"--tpm2-public-key={tree.host(signer.with_suffix('.pub'))}")
    spec = lab.PartSpec(part.type, part.uuid, part.label, 0, part.file)
    disk = lab.make_disk(tmp_path / "disk.img", uki=ukis[name], kinds=(), more=[spec])
    start, chained = chain.start(ukis[name]), chain.chain(disk.path)
    if name == "other":
        refused(boot(chained), "LUKS_LOCKED", "prove", r"token 0: .*\(PCRs 11 in bank sha256\)", start=start)
        return
    key = luks.volume_key(part.file)
    got = boot(chained, volumes=[opens(part, key, tmp_path / "key")])
    boots(got, start=start)
    assert got.record["root"]["luks"]["unlocked_by"] == "tpm2"
    for others in ([], [opens(part, bytes(len(key)), tmp_path / "other")]):
        with pytest.raises(AssertionError, match=r"not as foreseen for \S+: PCR \[15\]"):
            predicted.compare(chained, got, volumes=others)
