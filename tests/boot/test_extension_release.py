# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whom an extension says that it is for, and where it says so: each rule on a signed image."""

from dataclasses import dataclass, field

import chain
from expect import RUNNING, boots
from lab import appliance

OWN = "ID=own\nID_LIKE=\"like other\"\nVERSION_ID=1\nSYSEXT_LEVEL=5\nCONFEXT_LEVEL=5\n"
SAME = "ID=own\nVERSION_ID=1\n"
MERGED, MISMATCH, MALFORMED = "merged", "EXTENSION_MISMATCH", "EXTENSION_MALFORMED"


@dataclass
class Rule:
    """What an extension has, beside its scope, and what becomes of it."""

    verdict: str
    release: str = SAME
    differs: dict = field(default_factory=dict)  # of the image


def beside(name: str) -> dict:
    """One more release file."""
    return {"files": {f"usr/lib/extension-release.d/extension-release.{name}": SAME.encode()}}


RULES = {
    "same": Rule(MERGED),
    "level-same": Rule(MERGED, "ID=own\nVERSION_ID=2\nSYSEXT_LEVEL=5\n"),
    "level-other": Rule(MISMATCH, "ID=own\nVERSION_ID=1\nSYSEXT_LEVEL=6\n"),
    "level-of-the-other-class": Rule(MISMATCH, "ID=own\nVERSION_ID=2\nCONFEXT_LEVEL=5\n"),
    "conf-level-same": Rule(MERGED, "ID=own\nVERSION_ID=2\nCONFEXT_LEVEL=5\n", {"confext": True}),
    "conf-level-other": Rule(MISMATCH, "ID=own\nVERSION_ID=1\nCONFEXT_LEVEL=6\n", {"confext": True}),
    "we-are-like-it": Rule(MERGED, "ID=other\nVERSION_ID=1\n"),
    "it-is-like-us": Rule(MISMATCH, "ID=foreign\nID_LIKE=own\nVERSION_ID=1\n"),
    "any-id": Rule(MERGED, "ID=_any\nVERSION_ID=9\nSYSEXT_LEVEL=9\n"),
    "any-architecture": Rule(MERGED, SAME + "ARCHITECTURE=_any\n"),
    "for-a-manager": Rule(MERGED, SAME + "EXTENSION_RELOAD_MANAGER=1\nSYSEXT_IMAGE_ID=foreign\n"),
    "named_1.2": Rule(MERGED, differs={"release_name": "named"}),
    "tried+3": Rule(MERGED, differs={"release_name": "tried"}),
    "other-name": Rule(MALFORMED, differs={"release_name": "somebody"}),
    "other-name-marked": Rule(MERGED, differs={"release_name": "somebody", "strict": "0"}),
    "other-name-strict": Rule(MALFORMED, differs={"release_name": "somebody", "strict": "1"}),
    "one-of-two-marked": Rule(MERGED, differs={"release_name": "one", "strict": "0"} | beside("two")),
    "two-of-other-names": Rule(MALFORMED, differs={"release_name": "one"} | beside("two")),
}


def test_each_rule(lab, demo, boot, tmp_path):
    made = []
    for name, rule in RULES.items():
        scope = "CONFEXT_SCOPE" if rule.differs.get("confext") else "SYSEXT_SCOPE"
        spec = {"files": {}} | rule.differs
        spec["files"] = spec["files"] | ({} if rule.differs.get("confext") else
                                         {f"usr/share/{name}": b"here\n"})
        made.append(lab.build_sysext(lab.Sysext(name, key=lab.key("verity"),
                                                release=f"{rule.release}{scope}=initrd\n", **spec),
                                     tmp_path))
    own = appliance.initrd(tmp_path / "own.zst", os_release=OWN, compress="zstd:1")
    got = boot(lab.direct(demo.disk, initrd=chain.handed_over(own, made, tmp_path / "initrd"), until=RUNNING))
    boots(got)
    found = {entry["name"]: entry["code"] or entry["verdict"] for entry in got.record["extensions"]}
    assert found == {name: rule.verdict for name, rule in RULES.items()}, got.record["extensions"]
