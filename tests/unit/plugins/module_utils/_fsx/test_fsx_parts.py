# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is described, what is mounted, why a mount fails, and EFA: the pure parts."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx import mounts
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.diagnosis import Evidence
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.diagnosis import diagnose
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.efa import Counters
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.efa import decide
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.efa import parse_counters
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.efa import proof
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.model import FileSystem
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.model import complete
from ansible_collections.podforge.hyperpod.plugins.module_utils._fsx.model import from_document

LUSTRE_NAME = "fs-0123456789abcdef0.fsx.us-west-2.amazonaws.com"
ZFS_NAME = "fs-0fedcba9876543210.fsx.us-west-2.amazonaws.com"
TOLD = {"lustre": {"dns_name": LUSTRE_NAME, "mount_name": "abcdefgh"}, "openzfs": {"dns_name": ZFS_NAME}}
SSHFS = {"type": "fuse.sshfs", "path": "/data/my-set", "source": "root@nas:/srv", "dns_name": "nas", "port": 22}


def system(**entry: Any) -> FileSystem:
    found, problems = complete([{"dns_name": LUSTRE_NAME, "mount_name": "abcdefgh", **entry}], {})
    assert problems == []
    return found[0]


LUSTRE = system()
OPENZFS = system(type="openzfs", dns_name=ZFS_NAME)
OTHER = system(**SSHFS)


def test_what_the_node_is_told_is_enough() -> None:
    found, problems = complete([], TOLD)
    assert problems == []
    assert [(one.path, one.mount_type, one.source, one.port) for one in found] == [
        ("/fsx", "lustre", f"{LUSTRE_NAME}@tcp:/abcdefgh", 988),
        ("/home", "nfs4", f"{ZFS_NAME}:/fsx", 2049),
    ]
    assert found[0].options == ("noatime", "flock", "_netdev")
    assert all(from_document(one.document()) == one for one in found)


def test_what_is_given_wins() -> None:
    given = [
        {"dns_name": LUSTRE_NAME, "mount_name": "other", "path": "/scratch", "options": ["ro"], "efa": "required"},
        {"type": "nfs4", "path": "/home", "source": "nas:/home"},
    ]
    found, problems = complete(given, TOLD)
    assert problems == []
    assert [(one.path, one.kind, one.name, one.options) for one in found] == [
        ("/home", "nfs4", "", ()),
        ("/scratch", "lustre", "other", ("ro",)),
    ]
    assert complete([], {}) == ([], [])


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"mount_name": "fs-0123456789abcdef0"}, "it is no mount name, which has at most 8 letters and digits"),
        ({"mount_name": ""}, "--file-system-ids fs-0123456789abcdef0 --query"),
        ({"mount_name": "/abcd"}, "mount_name is '/abcd'"),
        ({"dns_name": ""}, "dns_name is ''"),
        ({"dns_name": "fs-1@tcp:/x"}, "dns_name is 'fs-1@tcp:/x'"),
        ({"path": "fsx"}, "write an absolute path such as /fsx"),
        ({"path": "/fsx/../etc"}, "path is '/fsx/../etc'"),
        ({"path": "/"}, "path is '/'"),
        ({"path": "/a b"}, "path is '/a b'"),
        ({"type": "LUSTRE X", "path": "/x"}, "type is 'LUSTRE X'"),
        ({"type": "openzfs", "volume_path": "fsx"}, "volume_path is 'fsx'"),
        ({"type": "nfs4", "path": "/x"}, "source is missing"),
        ({"options": ["noatime,flock"]}, "options are a list with one option each"),
        ({"availability_zone_id": "us-west-2b"}, "write the id, such as usw2-az2"),
    ],
)
def test_mistakes_are_told_before_anything_is_done(entry: dict[str, Any], problem: str) -> None:
    _found, problems = complete([{"dns_name": LUSTRE_NAME, "mount_name": "abcdefgh", **entry}], {})
    assert len(problems) == 1
    assert problems[0].startswith("fsx_storage_filesystems[0]: ")
    assert problem in problems[0]


def test_a_path_has_one_file_system() -> None:
    (problem,) = complete([SSHFS, SSHFS], {})[1]
    assert problem == "fsx_storage_filesystems[1]: /data/my-set is there twice; one file system can be at one path"


def test_the_service_s_own_mistakes_are_told_as_well() -> None:
    (problem,) = complete([], {"lustre": {"dns_name": LUSTRE_NAME, "mount_name": "much-too-long"}})[1]
    assert problem.startswith("provisioning parameters, lustre: mount_name is 'much-too-long'")


@pytest.mark.parametrize("path", ["/fsx", "/data/my-set", "/a.b/c_d/e-f-g", "/home"])
def test_unit_names_are_systemd_s(path: str) -> None:
    command = ["systemd-escape", "--path", path]
    try:
        expected = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except OSError:
        pytest.skip("no systemd-escape here")
    assert system(path=path).unit == expected


def table(*lines: tuple[str, str, str]) -> str:
    rows = ["22 1 0:20 / / rw - ext4 /dev/vda rw"]
    rows += [
        f"3{n} 22 0:{n} / {path} rw,relatime shared:1 - {kind} {source} rw"
        for n, (path, kind, source) in enumerate(lines)
    ]
    return "\n".join(rows) + "\n"


def test_what_is_on_top_counts() -> None:
    text = table(
        ("/fsx", "autofs", "systemd-1"), ("/fsx", "lustre", "10.1.0.9@tcp:/abcdefgh"), ("/a\\040b", "tmpfs", "x")
    )
    assert mounts.at_path(text, "/fsx") == mounts.Mounted("lustre", "10.1.0.9@tcp:/abcdefgh", "rw,relatime")
    assert mounts.at_path(text, "/a b") == mounts.Mounted("tmpfs", "x", "rw,relatime")
    assert mounts.at_path(table(("/fsx", "autofs", "systemd-1")), "/fsx") is None
    assert mounts.at_path(text, "/fs") is None


@pytest.mark.parametrize(
    ("wanted", "kind", "source", "addresses", "state"),
    [
        (LUSTRE, "lustre", "10.1.0.9@tcp:/abcdefgh", ["10.1.0.9"], mounts.RIGHT),
        (LUSTRE, "lustre", "10.1.0.9@tcp,10.1.0.10@tcp:/abcdefgh", ["10.1.0.10"], mounts.RIGHT),
        (LUSTRE, "lustre", "10.1.0.9@tcp:10.1.0.10@tcp:/abcdefgh", ["10.1.0.10"], mounts.RIGHT),
        (LUSTRE, "lustre", "10.1.0.9@tcp:/abcdefgh", [], mounts.RIGHT),
        (LUSTRE, "lustre", "10.1.0.9@tcp:/abcdefgh", ["10.1.0.7"], mounts.WRONG),
        (LUSTRE, "lustre", "10.1.0.9@tcp:/zzzzzzzz", ["10.1.0.9"], mounts.WRONG),
        (LUSTRE, "nfs4", f"{ZFS_NAME}:/fsx", [], mounts.WRONG),
        (LUSTRE, "ext4", "/dev/vda", [], mounts.OTHER),
        (OPENZFS, "nfs4", f"{ZFS_NAME}:/fsx", [], mounts.RIGHT),
        (OPENZFS, "nfs", "10.1.0.5:/fsx", ["10.1.0.5"], mounts.RIGHT),
        (OPENZFS, "nfs", "10.1.0.6:/fsx", ["10.1.0.5"], mounts.WRONG),
        (OPENZFS, "nfs4", f"{ZFS_NAME}:/fsx/other", [], mounts.WRONG),
        (OTHER, "fuse.sshfs", "root@nas:/srv", [], mounts.RIGHT),
        (OTHER, "fuse.sshfs", "root@nas:/other", [], mounts.WRONG),
        (system(type="none", path="/b", source="/srv", options=["bind"]), "ext4", "/dev/vda", [], mounts.RIGHT),
    ],
)
def test_what_is_mounted_is_compared(
    wanted: FileSystem, kind: str, source: str, addresses: list[str], state: str
) -> None:
    verdict = mounts.judge(wanted, mounts.Mounted(kind, source), addresses)
    assert verdict.state == state
    assert bool(verdict.text) == (state != mounts.RIGHT)


def test_an_nfs_server_may_have_two_names() -> None:
    there = mounts.Mounted("nfs4", "other.example:/fsx")
    assert mounts.judge(OPENZFS, there, ["10.1.0.5"], ["10.1.0.5", "10.1.0.6"]).state == mounts.RIGHT
    verdict = mounts.judge(OPENZFS, there, ["10.1.0.5"], ["10.1.0.6"])
    assert verdict.state == mounts.WRONG
    assert "the name is of another file system" in verdict.text
    assert mounts.server(mounts.Mounted("nfs4", "[fd00::5]:/fsx")) == "fd00::5"


def test_nothing_is_mounted() -> None:
    assert mounts.judge(LUSTRE, None) == mounts.Judgement(mounts.ABSENT)


UP = {"addresses": ("10.1.0.9",), "port": "open", "kernel": "6.8.0-1021-aws", "module": True}
WRONG_NAME = (
    "mount.lustre: mount fs-0123@tcp:/abcdefgh at /fsx failed: No such file or directory\n"
    "Is the MGS specification correct?\nIs the filesystem name correct?"
)


@pytest.mark.parametrize(
    ("wanted", "seen", "final", "words"),
    [
        (LUSTRE, {**UP, "module": False}, True, "the kernel 6.8.0-1021-aws has no lustre module"),
        (LUSTRE, {**UP, "module": False}, True, "apt install lustre-client-modules-6.8.0-1021-aws"),
        (
            LUSTRE,
            {**UP, "module": False, "module_kernels": ("6.8.0-1015-aws",)},
            True,
            "is here for kernel 6.8.0-1015-aws",
        ),
        (LUSTRE, {**UP, "helper": False}, True, "/sbin/mount.lustre is not there"),
        (OPENZFS, {**UP, "helper": False}, True, "dnf install nfs-utils"),
        (OTHER, {"said": "mount: /x: unknown filesystem type 'fuse.sshfs'."}, True, "install its package"),
        (LUSTRE, {**UP, "said": "mount: /fsx: permission denied."}, True, "no CAP_SYS_ADMIN"),
        (
            LUSTRE,
            {**UP, "addresses": (), "resolver": "Name or service not known"},
            False,
            "(Name or service not known)",
        ),
        (LUSTRE, {**UP, "addresses": (), "nameservers": ("10.0.0.2",)}, False, "does not resolve at 10.0.0.2"),
        (LUSTRE, {**UP, "port": "silent"}, False, "nothing answers at 10.1.0.9 port 988"),
        (LUSTRE, {**UP, "port": "silent"}, False, "let TCP 988 and 1018-1023, in both directions, through"),
        (OPENZFS, {**UP, "port": "silent"}, False, "let TCP 2049 through from the nodes' security group"),
        (OPENZFS, {**UP, "port": "refused"}, False, "maintenance window"),
        (OPENZFS, {**UP, "port": "unreachable"}, False, "there is no way to 10.1.0.9 port 2049"),
        (LUSTRE, {**UP, "said": WRONG_NAME}, True, "has no file system by the mount name 'abcdefgh'"),
        (LUSTRE, {**UP, "said": WRONG_NAME}, True, "--file-system-ids fs-0123456789abcdef0"),
        (LUSTRE, {**UP, "said": "failed: Invalid argument"}, True, "mount name 'abcdefgh'"),
        (LUSTRE, {**UP, "said": "failed: Input/output error\nIs the MGS running?"}, False, "lctl ping 10.1.0.9@tcp"),
        (LUSTRE, {**UP, "said": "failed: No such device\nAre the lustre modules loaded?"}, False, "modprobe -v lustre"),
        (OPENZFS, {**UP, "said": "reason given by server: No such file or directory"}, True, "describe-volumes"),
        (OPENZFS, {**UP, "said": "access denied by server while mounting"}, True, "NfsExports"),
        (OPENZFS, {**UP, "said": "mount.nfs: Protocol not supported"}, True, "NFS 3, 4.0, 4.1 and 4.2"),
        (LUSTRE, {**UP, "hung": True}, False, "it stays mounted"),
        (
            OTHER,
            {**UP, "said": "read: Connection  reset\nby peer"},
            False,
            "mount says: read: Connection reset by peer",
        ),
        (OTHER, UP, False, r"journalctl -u 'data-my\x2dset.mount'"),
    ],
)
def test_the_cause_is_named(wanted: FileSystem, seen: dict[str, Any], final: bool, words: str) -> None:
    cause = diagnose(wanted, Evidence(**seen))
    assert words in cause.text(wanted)
    assert cause.final is final
    assert re.match(rf"{wanted.path} \(.*\): .*\. Fix: .*\.$", cause.text(wanted))


def test_the_node_itself_comes_first() -> None:
    """Without a client there is no sense in looking at the network."""
    cause = diagnose(LUSTRE, Evidence(module=False, kernel="1", addresses=(), port="silent", said=WRONG_NAME))
    assert "has no lustre module" in cause.what


NETS = """\
net:
    - net type: efa
      local NI(s):
        - nid: 10.1.0.7@efa
          status: up
          statistics:
              send_count: {a}
              recv_count: {b}
              drop_count: 0
        - nid: 10.1.0.8@efa
          status: up
          statistics:
              send_count: 5
              recv_count: 6
              drop_count: 0
"""


def test_efa_is_proven_by_counters() -> None:
    before, after = (parse_counters(NETS.format(a=a, b=b)) for a, b in ((1, 2), (100, 2)))
    assert before == Counters(2, 6, 8)
    assert proof(before, parse_counters(NETS.format(a=2, b=3))) == ""
    assert "interfaces have received nothing: Lustre goes by TCP" in proof(before, after)
    assert "have sent and received nothing" in proof(before, before)
    assert parse_counters("") == Counters(0, 0, 0)


@pytest.mark.parametrize(
    ("devices", "interfaces", "its_zone", "why"),
    [
        ([], 2, "", "no EFA device"),
        (["rdmap0s6"], 0, "", "the client is not set up for EFA here"),
        (["rdmap0s6"], 2, "usw2-az1", "in zone usw2-az1, the node in usw2-az2"),
        (["rdmap0s6"], 2, "usw2-az2", ""),
        (["rdmap0s6"], 2, "", ""),
    ],
)
def test_where_efa_can_be_used(devices: list[str], interfaces: int, its_zone: str, why: str) -> None:
    verdict = decide(devices, Counters(interfaces, 0, 0), "usw2-az2", its_zone)
    assert verdict.use is (why == "")
    assert why in verdict.why
