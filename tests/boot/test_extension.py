# SPDX-License-Identifier: LGPL-2.1-or-later
"""System extensions of the initrd: what they bring, which are skipped, and that nothing stays."""

import errno
import json
import lzma
import random
import re
import shutil
import struct
from dataclasses import dataclass, field, replace

import pytest

import chain
import predicted
from expect import RUNNING, boots, direct, fingerprint, refused
from lab import appliance, disk, steps, tree
from lab.tpm import extend, word_digest

HELLO = {"usr/share/hello": b"hello\n"}
UNPROVEN, MISMATCH, MALFORMED, DUPLICATE = (f"EXTENSION_{word}" for word in (
    "UNPROVEN", "MISMATCH", "MALFORMED", "DUPLICATE"))
# More names than the blocks that are looked at before activation can hold.
MANY = {f"usr/share/many/{'x' * 100}-{n}": b"" for n in range(3000)}


@dataclass
class Bad:
    """An extension that must be skipped: how it differs from a good one, the code, the why."""

    code: str
    why: str
    differs: dict = field(default_factory=dict)
    spoil: object = None  # what is done to the finished file


def cut_short(path):
    """A file that lost its second half."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def garbage(path):
    """A file that never was an image."""
    path.write_bytes(bytes(range(256)) * 4096)


def empty(path):
    """A file of no bytes."""
    path.write_bytes(b"")


def swap_byte(path):
    """An image whose file system's first block is altered; its table stays good."""
    content = bytearray(path.read_bytes())
    at = content.index(b"\xe2\xe1\xf5\xe0")  # erofs
    content[at + 8] ^= 0xFF
    path.write_bytes(content)


def swap_late_byte(path):
    """An image whose directory is altered beyond what is looked at before activation."""
    content = bytearray(path.read_bytes())
    at = content.index(b"x" * 100 + b"-2500")
    assert at - content.index(b"\xe2\xe1\xf5\xe0") > 128 << 10
    content[at] ^= 0xFF
    path.write_bytes(content)


BAD = {
    "no-verity": Bad(UNPROVEN, "not signed", {"kind": "gpt"}),
    "no-signature": Bad(UNPROVEN, "not signed", {"kind": "verity"}),
    "no-gpt": Bad(UNPROVEN, "partition table|GPT", {"kind": "bare"}),
    "unknown-key": Bad(UNPROVEN, "certificate", {"key": "attacker"}),
    "other-id": Bad(MISMATCH, "ID.*elsewhere.*slipway-demo", {"id": "elsewhere"}),
    "other-version": Bad(MISMATCH, "VERSION_ID.*'2'.*'1'", {"version_id": "2"}),
    "other-arch": Bad(MISMATCH, "ARCHITECTURE.*arm64.*x86-64", {
        "release": "ID=slipway-demo\nVERSION_ID=1\nSYSEXT_SCOPE=initrd\nARCHITECTURE=arm64\n"}),
    "no-scope": Bad(MISMATCH, "SYSEXT_SCOPE", {"scope": ""}),
    "host-scope": Bad(MISMATCH, "SYSEXT_SCOPE.*system", {"scope": '"system portable"'}),
    "other-release": Bad(MALFORMED, "extension-release", {"release_name": "somebody-else"}),
    "link-out": Bad(MALFORMED, "/usr/share/way-out.*leaves", {
        "files": {"usr/share/way-out": "../../etc/slipway.conf"}}),
    "own-judge": Bad(MALFORMED, "verity.d.*trust anchors", {
        "files": {"usr/lib/verity.d/mine.crt": b"mine\n"}}),
    "cut-short": Bad(UNPROVEN, "partition table|GPT", spoil=cut_short),
    "garbage": Bad(UNPROVEN, "partition table|GPT", spoil=garbage),
    "empty": Bad(UNPROVEN, "", spoil=empty),
    "swapped-byte": Bad(UNPROVEN, "", spoil=swap_byte),
    "swapped-late": Bad(UNPROVEN, "usr/share/many", {"files": MANY}, spoil=swap_late_byte),
}


def make(lab, folder, name, *, key="verity", spoil=None, files=None, **differs):
    """folder/NAME.sysext.raw."""
    path = lab.build_sysext(lab.Sysext(name, key=lab.key(key), files=files or HELLO, **differs),
                            folder)
    if spoil:
        spoil(path)
    return path


def verdicts(got):
    """Name -> code or 'merged', as the record has it."""
    return {entry["name"]: entry["code"] or entry["verdict"]
            for entry in got.record["extensions"]}


def test_bad_ones_are_skipped_and_the_root_boots(lab, demo, boot, tmp_path):
    made = [make(lab, tmp_path, name, **bad.differs, spoil=bad.spoil)
            for name, bad in BAD.items()]
    made += [make(lab, tmp_path, name) for name in ("a-good-one", "zz-good-one")]
    made += [shutil.copy(made[-1], tmp_path / "zzz-twin.sysext.raw")]
    required = chain.initrd("requires-good", conf="required-extensions=zz-good-one a-good-one\n")
    image = chain.handed_over(required, made, tmp_path / "initrd")
    got = boot(lab.direct(demo.disk, initrd=image, until=RUNNING))
    boots(got)
    assert verdicts(got) == {name: bad.code for name, bad in BAD.items()} | {
        "a-good-one": "merged", "zz-good-one": "merged", "zzz-twin": DUPLICATE}
    whys = {name: got.extension(name)["why"] for name in BAD}
    wrong = {name: why for name, why in whys.items()
             if not why or not re.search(BAD[name].why, why)}
    assert not wrong, json.dumps(wrong, indent=1)
    warned = "\n".join(got.record["warnings"])
    assert all(f"extension '{name}' skipped: " in warned for name in BAD), warned
    assert all(got.seen(f"extension '{name}' skipped") for name in BAD), got.explain()


@pytest.mark.parametrize("words, says", [
    ("", "requires extension 'two': .*certificate"),
    ("rd.systemd.sysext=0", "requires extension 'one': there is none of that name")])
def test_required_ones(lab, demo, boot, tmp_path, words, says):
    """One that is skipped ends the boot, and a word that leaves them out does not help."""
    made = [make(lab, tmp_path, "one"), make(lab, tmp_path, "two", key="attacker")]
    plain = chain.initrd("requires", conf="required-extensions=one two\n")
    image = chain.handed_over(plain, made, tmp_path / "initrd")
    got = boot(lab.direct(demo.disk, initrd=image, append=words))
    refused(got, "EXTENSION_MISSING", "extend", says=says)


def root_hash(path):
    """The root hash of a signed image, as its signature partition names it."""
    return re.search(rb'"rootHash":"([0-9a-f]+)"', path.read_bytes()).group(1).decode()


def test_denied_ones_are_skipped(lab, demo, boot, tmp_path):
    """By their root hash, or because of who signed; the certificates know both signers."""
    made = {"good": make(lab, tmp_path, "good"),
            "withdrawn": make(lab, tmp_path, "withdrawn", files={"usr/share/other": b"other\n"}),
            "disowned": make(lab, tmp_path, "disowned", key="attacker")}
    certs = tuple(lab.key(name).cert for name in ("verity", "attacker"))
    for denied in (False, True):
        conf = (f"deny-root-hash={root_hash(made['withdrawn'])}\n"
                f"deny-certificate={fingerprint('attacker')}\n") if denied else "tpm=optional\n"
        plain = lab.initrd(tmp_path / f"plain-{denied}", conf=conf, certs=certs)
        image = chain.handed_over(plain, list(made.values()), tmp_path / f"initrd-{denied}")
        got = boot(lab.direct(demo.disk, initrd=image, until=RUNNING))
        boots(got)
        bad = {"withdrawn": UNPROVEN, "disowned": UNPROVEN} if denied else {}
        assert verdicts(got) == dict.fromkeys(made, "merged") | bad
        if denied:
            assert "denies the root hash" in got.extension("withdrawn")["why"]
            assert "denies the certificate" in got.extension("disowned")["why"]


def test_words_leave_them_out(lab, demo, boot, tmp_path):
    """The record then says nothing of extensions, good or bad."""
    made = [make(lab, tmp_path, "one"), make(lab, tmp_path, "two", confext=True, files={
        "etc/hello": b"hello\n"})]
    image = chain.handed_over(demo.initrd, made, tmp_path / "initrd")
    got = boot(lab.direct(demo.disk, initrd=image, until=RUNNING,
                          append="rd.systemd.sysext=0 rd.systemd.confext=0"))
    boots(got)
    assert got.seen("rd.systemd.sysext=no: system extensions are not merged")
    assert got.seen("rd.systemd.confext=no: configuration extensions are not merged")
    assert "extensions" not in got.record


@pytest.fixture
def five(lab, tmp_path):
    """`five(key)`: a driver and four others, of which the newest, without it, has this signer."""

    def build(key):
        without = lab.module_files(beside=chain.MODULES)
        driver = lab.module_files("virtio_blk", beside=chain.MODULES)
        files = {"driver-9": without, "driver-10": driver, "driver-11": without,
                 "more": HELLO, "opt": {"opt/hello": b"hello\n"}}
        made = [make(lab, tmp_path / "made", name, files=content,
                     key=key if name == "driver-11" else "verity")
                for name, content in files.items()]
        return chain.handed_over(chain.driverless(), made, tmp_path / "initrd")

    return build


def test_one_bad_of_five_leaves_four_newest_on_top(lab, demo, boot, five):
    """Version 10 hides the driverless 9; the driverless 11 would hide its lists, were it proven."""
    got = boot(lab.direct(demo.disk, initrd=five("attacker"), append="debug", until=RUNNING))
    boots(got)
    assert not got.seen("is in no list")
    assert verdicts(got) == {"driver-9": "merged", "driver-10": "merged", "driver-11": UNPROVEN,
                             "more": "merged", "opt": "merged"}
    assert "virtio_blk" in [module["name"] for module in got.record["modules"]]


def test_lists_that_lack_the_driver(lab, demo, boot, five):
    """The twin: all five are proven, and the newest hides the driver's lists, not the driver."""
    got = boot(lab.direct(demo.disk, initrd=five("verity"), append="debug", until=RUNNING))
    boots(got)
    assert set(verdicts(got).values()) == {"merged"}
    assert got.seen("module 'virtio_blk' is in no list; it speaks for itself")


def beside(lab, raw, key=None):
    """Moves a bare file system's proof into files beside it: {suffix: bytes} for NAME."""
    out = raw.with_suffix(".verity")
    said = lab.tool("veritysetup", "format", "--salt=00", tree.host(raw.parent) + "/" + raw.name,
                    tree.host(raw.parent) + "/" + out.name).stdout.decode()
    text = re.search(r"^Root hash:\s*([0-9a-f]{64})$", said, re.M).group(1)
    files = {"raw": raw.read_bytes(), "verity": out.read_bytes(),
             "roothash": text.encode() + b"\n"}
    if key:
        hash_file = raw.with_suffix(".hash")
        hash_file.write_text(text)
        files["roothash.p7s"] = steps.run([
            "openssl", "smime", "-sign", "-binary", "-noattr", "-outform", "der", "-in", hash_file,
            "-signer", lab.key(key).cert, "-inkey", lab.key(key).key]).stdout
    return files


def test_folders_of_the_initrd(lab, demo, boot, tmp_path):
    """Directories, proofs beside an image, the newest of several, an empty directory as a mask.

    The initrd's own word for a root hash is as good as the initrd; the ESP's is not.
    """
    release = b"ID=slipway-demo\nVERSION_ID=1\nSYSEXT_SCOPE=initrd\n"
    files = {"etc/extensions/mask": None}

    def directory(name):
        top = f"var/lib/extensions/{name}/usr"
        files[f"{top}/lib/extension-release.d/extension-release.{name}"] = release
        files[f"{top}/share/{name}"] = name.encode()

    def bare(folder, name, key=None, spoil=None, only=None):
        raw = make(lab, tmp_path / name, name, kind="bare", files={f"usr/share/{name}": b"x\n"})
        got = beside(lab, raw.rename(raw.with_name(f"{name}.raw")), key)
        if spoil:
            got[spoil] = got[spoil].replace(b"x\n", b"y\n") if spoil == "raw" else b"00\n"
        files.update({f"{folder}/{name}.{suffix}": content for suffix, content in got.items()
                      if suffix in (only or got)})

    def whole(path, name, **differs):
        files[path] = make(lab, tmp_path / path, name, files={f"usr/share/{name}": path.encode()},
                           **differs).read_bytes()

    directory("a-directory")
    whole(".extra/sysext/a-directory.raw", "a-directory", key="attacker")
    whole(".extra/sysext/mask.raw", "mask")
    whole("etc/extensions/pick.raw.v/pick_9.raw", "pick", key="attacker")
    whole("etc/extensions/pick.raw.v/pick_10_x86-64.raw", "pick")
    whole("etc/extensions/pick.raw.v/pick_11+0.raw", "pick", key="attacker")
    bare("etc/extensions", "own-word")
    bare("etc/extensions", "signed", key="verity")
    bare("etc/extensions", "bad-signer", key="attacker")
    bare("etc/extensions", "altered", spoil="raw")
    bare("etc/extensions", "bad-hash", spoil="roothash")
    bare("etc/extensions", "lone", only=("raw",))
    bare(".extra/sysext", "word-of-the-esp")
    bare(".extra/sysext", "signed-on-the-esp", key="verity")
    got = boot(lab.direct(demo.disk, until=RUNNING,
                          initrd=chain.with_files(demo.initrd, files, tmp_path / "initrd")))
    boots(got)
    assert verdicts(got) == {
        "a-directory": "merged", "pick": "merged", "own-word": "merged", "signed": "merged",
        "signed-on-the-esp": "merged", "bad-signer": UNPROVEN, "altered": UNPROVEN,
        "bad-hash": MALFORMED, "lone": UNPROVEN, "word-of-the-esp": UNPROVEN}
    sources = {x["name"]: x["source"] for x in got.record["extensions"]}
    assert sources["a-directory"] == "/var/lib/extensions/a-directory"
    assert sources["pick"] == "/etc/extensions/pick.raw.v/pick_10_x86-64.raw"
    assert got.extension("a-directory")["roothash"] is None
    assert got.extension("own-word")["roothash"]
    assert "not signed" in got.extension("word-of-the-esp")["why"]
    assert got.seen("an empty directory in '/etc/extensions' masks extension 'mask'")


# Those of a cpio: what it has in /run is hidden when that is mounted.
FOLDERS = {False: ("etc/extensions", "var/lib/extensions", ".extra/sysext", ".extra/global_sysext"),
           True: ("var/lib/confexts", "usr/local/lib/confexts", ".extra/confext", ".extra/global_confext")}


def test_earlier_folders_win(lab, demo, boot, tmp_path):
    """For both classes; and what systemd looks for elsewhere, or a stub cannot make, does not count."""
    files, expected = {}, {}
    for confext, folders in FOLDERS.items():
        for n, first in enumerate(folders):
            name, top = f"{'conf' if confext else 'sys'}-{n}", "etc" if confext else "usr/share"
            image = make(lab, tmp_path, name, confext=confext, files={f"{top}/{name}": b"x\n"})
            files |= {f"{folder}/{name}.raw": image.read_bytes() for folder in folders[n:]}
            expected[name] = f"/{first}/{name}.raw"
    files["usr/lib/confexts/host.raw"] = files["var/lib/confexts/conf-0.raw"]
    files[".extra/sysext/link.raw"] = "/etc/extensions/sys-0.raw"
    files[".extra/sysext/folder/usr/lib/extension-release.d/extension-release.folder"] = \
        b"ID=_any\nSYSEXT_SCOPE=initrd\n"
    got = boot(lab.direct(demo.disk, until=RUNNING,
                          initrd=chain.with_files(demo.initrd, files, tmp_path / "initrd")))
    boots(got)
    assert verdicts(got) == dict.fromkeys(expected, "merged") | {"link": MALFORMED}
    assert {x["name"]: x["source"] for x in got.record["extensions"] if x["name"] != "link"} == expected


def test_a_usr_partition_serves_the_system_only(lab, demo, boot, tmp_path):
    """Its tree is a /usr, which a configuration extension brings nothing to."""
    release = b"ID=slipway-demo\nVERSION_ID=1\nSYSEXT_SCOPE=initrd\nCONFEXT_SCOPE=initrd\n"
    made = [make(lab, tmp_path, name, confext=name == "conf", files={
        f"lib/extension-release.d/extension-release.{name}": release, f"share/{name}": b"x\n"})
        for name in ("sys", "conf")]
    for path in made:
        chain.into_usr(path)
    image = chain.handed_over(demo.initrd, made, tmp_path / "initrd")
    got = boot(lab.direct(demo.disk, initrd=image, until=RUNNING))
    boots(got)
    assert verdicts(got) == {"sys": "merged", "conf": MALFORMED}


@pytest.mark.parametrize("key", ["verity", "attacker"])
def test_nothing_is_mounted_that_is_not_proven(key, lab, demo, boot, tmp_path):
    """The file system's driver says what it mounts: the root, and of two images those that are proven."""
    made = [make(lab, tmp_path, name, key=by, files={f"usr/share/{name}": b"x\n"})
            for name, by in (("good", "verity"), ("other", key))]
    image = chain.handed_over(demo.initrd, made, tmp_path / "initrd")
    got = boot(lab.direct(demo.disk, initrd=image, until=RUNNING))
    boots(got)
    mounts = [text for _, text in got.lines if "erofs" in text and "mounted with root inode" in text]
    assert len(mounts) == (3 if key == "verity" else 2), got.explain()
    assert verdicts(got) == {"good": "merged", "other": "merged" if key == "verity" else UNPROVEN}


@pytest.mark.parametrize("signed", [True, False])
def test_a_driver_must_please_the_kernel(signed, lab, demo, boot, tmp_path):
    """Where that takes signed modules alone, an extension that is proven brings no other one."""
    end = b"~Module signature appended~\n"
    files = lab.module_files("virtio_blk", beside=chain.MODULES)
    drivers = [name for name in files if name.endswith("/virtio_blk.ko")]
    assert len(drivers) == 1 and files[drivers[0]].endswith(end)
    if not signed:
        files[drivers[0]] = files[drivers[0]].removesuffix(end)
    image = chain.handed_over(chain.driverless(), [make(lab, tmp_path, "driver", files=files)], tmp_path / "initrd")
    got = boot(lab.direct(demo.disk, initrd=image, append="module.sig_enforce=1 slipway.timeout=4", until=RUNNING))
    assert verdicts(got) == {"driver": "merged"}
    if signed:
        boots(got)
    else:
        refused(got, "DISK_TIMEOUT", "discover", says="disks: none")
        failed = {m["name"]: errno.errorcode[m["errno"]] for m in got.record["modules"] if "errno" in m}
        assert failed == {"virtio_blk": "EKEYREJECTED"}


def test_the_kernel_alone_may_judge(lab, demo, boot, tmp_path):
    """A kernel that does not know the certificate takes none of them, whatever the initrd knows."""
    image = chain.handed_over(demo.initrd, [make(lab, tmp_path, "one")], tmp_path / "initrd")
    got = boot(lab.direct(demo.disk, initrd=image, append="systemd.allow_userspace_verity=no", until=RUNNING))
    refused(got, "SIGNATURE_UNTRUSTED", "prove", says="user space may not")
    assert verdicts(got) == {"one": UNPROVEN} and "user space may not" in got.extension("one")["why"]


BLACKLIST = {"etc/modprobe.d/no-disk.conf": b"blacklist virtio_blk\n"}


@pytest.fixture
def configured(lab, demo, boot, tmp_path):
    """`configured({name: how it differs})`: a driver by a sysext, and confexts that forbid it.

    The driver comes without lists: what its module says of itself must do.
    """

    def run(confexts):
        files = lab.module_files("virtio_blk", beside=chain.MODULES)
        made = [make(lab, tmp_path, "driver", files={
            name: content for name, content in files.items() if name.endswith(".ko")})]
        made += [make(lab, tmp_path, name, confext=True, **{"files": BLACKLIST} | differs)
                 for name, differs in confexts.items()]
        image = chain.handed_over(chain.driverless(), made, tmp_path / "initrd")
        return boot(lab.direct(demo.disk, initrd=image, append="slipway.timeout=4",
                               until=RUNNING))

    return run


def test_a_confext_is_laid_over_etc(configured):
    """Its blacklist is obeyed: the driver of the other extension is not loaded."""
    got = configured({"no-disk": {}})
    refused(got, "DISK_TIMEOUT", "discover", says="disks: none")
    assert verdicts(got) == {"driver": "merged", "no-disk": "merged"}
    assert [x["class"] for x in got.record["extensions"]] == ["sysext", "confext"]


def test_confexts_that_do_not_count(configured):
    """The twin: not signed, of the other class, with settings of ours."""
    got = configured({
        "unsigned": {"kind": "verity"},
        "other-class": {"release": "ID=slipway-demo\nVERSION_ID=1\nSYSEXT_SCOPE=initrd\n"},
        "settings": {"files": BLACKLIST | {"etc/slipway.conf": b"tpm=optional\n"}}})
    boots(got)
    assert verdicts(got) == {"driver": "merged", "unsigned": UNPROVEN, "other-class": MISMATCH,
                             "settings": MALFORMED}


@pytest.mark.parametrize("with_file", [True, False])
def test_firmware_of_an_extension(lab, demo, boot, tmp_path, with_file):
    """The kernel reads what cfg80211 asks for out of the extension; the twin has no such file."""
    sysroot = lab.kernel_generic()
    top = f"usr/lib/modules/{lab.kernel_version(sysroot)}/kernel/net"
    files = {f"{top}/{name}.ko": lzma.decompress((sysroot / f"{top}/{name}.ko.xz").read_bytes())
             for name in ("wireless/cfg80211", "rfkill/rfkill")}
    if with_file:
        files["usr/lib/firmware/regulatory.db"] = b"not signed by anybody\n"
    plain = chain.initrd("wireless", sysroot=sysroot, conf="modules=cfg80211\n")
    says = (r"regulatory.db is malformed or signature is missing/invalid" if with_file
            else r"cfg80211: failed to load regulatory.db")
    # The disk comes only then: firmware that is asked for after the extensions went is not theirs.
    spec = lab.direct(demo.disk, until=RUNNING, when=[lab.When(says, attach=0)], initrd=(
        chain.handed_over(plain, [make(lab, tmp_path, "wireless", files=files)],
                          tmp_path / "initrd")))
    spec.kernel = sysroot / "boot/vmlinux"
    spec.drives[0] = replace(spec.drives[0], attached=False)
    got = boot(spec)
    boots(got)
    assert {"rfkill", "cfg80211"} <= {module["name"] for module in got.record["modules"]}
    assert got.seen(says) < got.seen("boot disk is")


def with_esp(tmp_path, files, parts=None, spoil=lambda esp: None):
    """A disk with these files on its ESP, and the demo's root unless said otherwise."""
    esp = disk.make_esp(tmp_path / "esp", files, slack=40 << 20, words=("-F", 32, "-s", 1))
    spoil(esp)
    image = disk.layout(tmp_path / "disk.img", [disk.esp_part(esp), *disk.root_parts(
        parts or appliance.root_parts())])
    esp.unlink()
    return image.path


def test_the_esp_itself(lab, boot, tmp_path):
    """Without a stub: what slipway.conf names is copied off the ESP, proven, and measured by us."""
    keys = {"good": "verity", "no-good": "attacker"}
    made = {name: make(lab, tmp_path, name, key=key, files={f"usr/share/{name}": b"x\n"})
            for name, key in keys.items()}
    made["conf"] = make(lab, tmp_path, "conf", confext=True, files={"etc/hello": b"hello\n"})
    files = {f"LOADER/extensions/{path.name}": path for path in made.values()}
    files["EFI/more/good.sysext.raw"] = made["no-good"]  # another one is called so, before it
    files["EFI/more/late.raw"] = make(lab, tmp_path, "late", fs="squashfs")
    files["EFI/other/stray.sysext.raw"] = make(lab, tmp_path, "stray")
    image = with_esp(tmp_path, files)
    conf = "esp-extensions=/loader/extensions /nothing /efi/MORE\n"
    got = boot(direct(image, tpm=True, initrd=chain.initrd("esp", conf=conf)))
    boots(got)
    assert verdicts(got) == {"good": "merged", "late": "merged", "conf": "merged",
                             "no-good": UNPROVEN}
    assert got.extension("good")["source"] == "/run/slipway/esp/sysext/good.sysext.raw"
    words = {13: [f"sysext:{name}:{got.extension(name)['roothash']}" for name in ("good", "late")],
             12: [f"confext:conf:{got.extension('conf')['roothash']}"]}
    for bank, values in got.pcrs.items():
        for pcr, texts in words.items():
            value = "00" * (len(values[pcr]) // 2)
            for text in texts:
                value = extend(bank, value, word_digest(bank, text))
            assert values[pcr] == value, f"PCR {pcr} ({bank}) is not {texts}"


def circle(path):
    """The first cluster of a file or folder is followed by itself, in both tables."""
    def spoil(esp):
        said = steps.run(["mshowfat", "-i", esp, f"::{path}"]).stdout.decode()
        first = int(re.search(r"<(\d+)", said)[1])
        head = esp.read_bytes()[:512]
        reserved, n_tables = struct.unpack_from("<HB", head, 14)
        (sectors,) = struct.unpack_from("<I", head, 36)
        with esp.open("r+b") as f:
            for n in range(n_tables):
                f.seek(512 * (reserved + n * sectors) + 4 * first)
                f.write(struct.pack("<I", first))
    return spoil


def lying_size(esp):
    """The folder says of the file that it is 2 MiB longer than its clusters."""
    content = esp.read_bytes()
    at = re.search(rb"ONE[ -~]{5}RAW", content).start()
    size = struct.unpack_from("<I", content, at + 28)[0]
    with esp.open("r+b") as f:
        f.seek(at + 28)
        f.write(struct.pack("<I", size + (2 << 20)))


@pytest.mark.parametrize("spoil, one, says", [
    (circle("loader/extensions/one.sysext.raw"), UNPROVEN, "'one' skipped: 'loop0' has no valid partition"),
    (circle("loader/extensions"), "merged", ""),  # and as often as a folder may have names
    (lying_size, None, "'one' in .* of the ESP skipped: .* is damaged: a file is longer than its clusters"),
], ids=["file-is-a-circle", "folder-is-a-circle", "size-lies"])
def test_an_esp_that_lies(spoil, one, says, lab, boot, tmp_path):
    """The root boots without what cannot be read, and what can be is merged."""
    files = {f"{folder}/{name}.sysext.raw":
             make(lab, tmp_path, name, files={f"usr/share/{name}": b"x\n"})
             for folder, name in (("loader/extensions", "one"), ("more", "two"))}
    # So many that their folder has a second cluster.
    files |= {f"loader/extensions/{n}.txt": b"x" for n in range(20)}
    image = with_esp(tmp_path, files, spoil=spoil)
    conf = "esp-extensions=/loader/extensions /more\n"
    got = boot(direct(image, initrd=lab.initrd(tmp_path / "initrd", conf=conf)))
    boots(got, warning=says)
    if one == "merged":  # unless its name came behind the first cluster
        assert verdicts(got) in ({"one": one, "two": "merged"}, {"two": "merged"})
    else:
        assert verdicts(got) == {"two": "merged"} | ({"one": one} if one else {})


@pytest.mark.parametrize("skipped", ["verity", "attacker"])
def test_the_esp_itself_behind_a_stub(skipped, lab, boot, tmp_path):
    """All that the stub measured, and then our words, are foreseen; what is skipped has none."""
    handed, first, second = (make(lab, tmp_path, name, files={f"usr/share/{name}": b"x\n"}, key=key)
                             for name, key in (("handed", "verity"), ("a-10", "verity"), ("a-9", skipped)))
    conf = make(lab, tmp_path, "conf", confext=True, files={"etc/hello": b"hello\n"})
    uki = chain.uki("esp", chain.initrd("esp-more", conf="esp-extensions=/more\npcr-scheme=261\n"))
    image = lab.make_disk(tmp_path / "disk.img", uki=uki.path, extensions=[handed],
                          esp_files={f"more/{path.name}": path.read_bytes()
                                     for path in (first, second, conf)})
    good, other = ([first, conf] + [second] * (key == skipped) for key in ("verity", "attacker"))
    spec = chain.chain(image.path)
    got = boot(spec, merged=good)
    boots(got, start=uki.start)
    with pytest.raises(AssertionError, match=r"not as foreseen .* PCR \[13\]"):
        predicted.compare(spec, got, merged=other)
    assert verdicts(got) == {"handed": "merged", "a-10": "merged", "conf": "merged",
                             "a-9": UNPROVEN if skipped == "attacker" else "merged"}


@pytest.mark.parametrize("limit, big", [(2, "skipped"), (8, "merged")])
def test_no_more_of_the_esp_than_allowed(limit, big, lab, boot, tmp_path):
    """The one that would go over the limit is named and skipped, a smaller one behind it is not."""
    noise = random.Random(1).randbytes(2 << 20)
    made = [make(lab, tmp_path, "big", files={"usr/share/noise": noise}), make(lab, tmp_path, "small")]
    assert made[1].stat().st_size < 2 << 20 < made[0].stat().st_size < 5 << 20
    image = with_esp(tmp_path, {f"loader/extensions/{path.name}": path for path in made})
    conf = f"esp-extensions=/loader/extensions\nesp-extensions-max={limit}\n"
    got = boot(direct(image, initrd=lab.initrd(tmp_path / "initrd", conf=conf)))
    size = made[0].stat().st_size
    boots(got, f"'big' in '/loader/extensions' of the ESP skipped: 'big.sysext.raw' has {size} bytes"
          if big == "skipped" else "")
    assert verdicts(got) == {"small": "merged"} | ({"big": big} if big == "merged" else {})
    assert bool(got.seen("esp-extensions-max")) == (big == "skipped")


@pytest.fixture
def esp(lab, boot, tmp_path):
    """`esp(key, words)`: a driverless UKI, started from a disk with the driver signed by key."""
    uki = chain.uki("driverless", chain.driverless())

    def run(key=None, words=""):
        files = lab.module_files("virtio_blk", beside=chain.MODULES)
        driver = [make(lab, tmp_path, "disk-driver", files=files, key=key)] if key else []
        image = lab.make_disk(tmp_path / "disk.img", uki=uki.path, extensions=driver)
        return boot(chain.chain(image.path, words=words)), uki.start

    return run


def test_disk_driver_comes_from_the_esp(esp):
    got, start = esp("verity")
    boots(got, start=start)
    assert verdicts(got) == {"disk-driver": "merged"}
    assert "virtio_blk" in [module["name"] for module in got.record["modules"]]
    assert got.record["disk"]["name"] == "vda"


def test_without_the_extension_there_is_no_disk(esp):
    """The twin: the firmware reads the disk, the initrd has no driver for it."""
    got, start = esp(words="slipway.timeout=4")
    refused(got, "DISK_TIMEOUT", "discover", start=start)
    what = got.record["failure"]["what"]
    assert f"the disk with the ESP {disk.ESP_UUID} did not appear; disks: none" in what
    assert re.search(r"modules:.* efivarfs", what), what
    assert "virtio_blk" not in what


def test_unproven_driver_is_no_driver(esp):
    """The other twin: the driver is there, but an unknown key signed the extension."""
    got, start = esp("attacker", words="slipway.timeout=4")
    refused(got, "DISK_TIMEOUT", "discover", start=start)
    assert verdicts(got) == {"disk-driver": UNPROVEN}


def test_nothing_of_them_stays(lab, demo, boot, tmp_path):
    """The running system: one device, no loop, no mount, no file but the record."""
    made = [make(lab, tmp_path, "one"), make(lab, tmp_path, "two", key="attacker"),
            make(lab, tmp_path, "three", files={"opt/hello": b"hello\n"})]
    image = chain.handed_over(demo.initrd, made, tmp_path / "initrd")
    got = boot(lab.direct(demo.disk, initrd=image, timeout=400))
    assert got.end == "poweroff" and got.report, got.explain()
    assert verdicts(got) == {"one": "merged", "three": "merged", "two": UNPROVEN}
    report = got.report
    assert report.state == "running", report.text("failed")
    assert [line.split(":")[0] for line in report.text("dm_info").splitlines()] == ["root"]
    assert set(report.mapper) == {"control", "root"}
    assert report.text("loops") == ""
    left = [m for m in report.mounts if re.search("sysext|overlay|loop|slipway",
                                                  f"{m['target']} {m['source']} {m['fstype']}")]
    assert not left, left
    ours = re.findall(r" (/run/slipway/\S+)", report.text("run_files"))
    assert ours == ["/run/slipway/boot.json"]
    # Not even that anything was in use and could not go at once.
    assert [w.split(":")[0] for w in got.record["warnings"]] == ["extension 'two' skipped"]
