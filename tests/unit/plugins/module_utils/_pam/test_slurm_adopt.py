# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PAM's files for pam_slurm_adopt: Debian's and Red Hat's forms, and files that others have changed."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.podforge.hyperpod.plugins.module_utils._pam import slurm_adopt as pam
from ansible_collections.podforge.hyperpod.plugins.modules import pam_slurm_adopt

# sshd and common-session of Ubuntu 22.04, sshd and password-auth of Amazon Linux 2023, as far as it matters
DEBIAN = """\
@include common-auth
account    required     pam_nologin.so
@include common-account
session [success=ok ignore=ignore default=bad] pam_selinux.so close
@include common-session
session    required     pam_limits.so
@include common-password
"""
DEBIAN_SESSION = """\
session\t[default=1]\tpam_permit.so
session\trequisite\tpam_deny.so
session\trequired\tpam_unix.so
session\toptional\tpam_systemd.so
"""
REDHAT = """\
auth       substack     password-auth
account    required     pam_nologin.so
account    include      password-auth
password   include      password-auth
session    required     pam_loginuid.so
session    include      password-auth
session    include      postlogin
"""
REDHAT_SESSION = """\
account     required      pam_unix.so
session     optional      pam_keyinit.so revoke
-session     optional      pam_systemd.so
session     [success=1 default=ignore] pam_succeed_if.so service in crond quiet use_uid
session     required      pam_unix.so
"""


@pytest.mark.parametrize(
    ("text", "session", "before", "after"),
    [
        (DEBIAN, "common-session", "@include common-account", "@include podforge-ssh-session"),
        (
            REDHAT,
            "password-auth",
            "account    include      password-auth",
            "session    include      podforge-ssh-session",
        ),
    ],
)
def test_it_is_the_last_of_the_account_stack(text: str, session: str, before: str, after: str) -> None:
    assert session in pam.session_files(text)
    lines = pam.adopted(text, "pam_slurm_adopt.so", session).splitlines()
    place = lines.index("-account required pam_slurm_adopt.so")
    assert lines[place - 2 : place] == [
        pam.BEGIN,
        f"account sufficient pam_access.so accessfile={pam.ACCESS_FILE} listsep=,",
    ]
    assert lines[place - 3] == before
    assert not [line for line in lines[place + 1 :] if line.startswith(("account", "-account"))]
    assert after in lines
    # what other services share is included for all else
    assert lines.count(f"session    include      {session}") == 0
    assert pam.removed("\n".join(lines), session) == text


def test_jumps_keep_their_targets() -> None:
    copy = pam.without_systemd(REDHAT_SESSION)
    assert copy is not None
    assert copy.splitlines()[1:] == [
        "session optional pam_permit.so" if "pam_systemd" in line else line for line in REDHAT_SESSION.splitlines()
    ]
    assert pam.without_systemd("session required pam_unix.so\n# session optional pam_systemd.so\n") is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"{DEBIAN}account required pam_slurm_adopt.so\n", "it has pam_slurm_adopt.so already"),
        ("session required pam_unix.so\n", "it has no account stack"),
        (f"{DEBIAN}-session optional pam_systemd.so\n", "it has pam_systemd itself"),
    ],
)
def test_files_that_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(pam.PamError, match=complaint):
        pam.adopted(text, "pam_slurm_adopt.so", "common-session")


def test_a_block_whose_end_somebody_has_lost() -> None:
    with pytest.raises(pam.PamError, match="and no"):
        pam.removed(f"{DEBIAN}{pam.BEGIN}\naccount required x.so\n", "common-session")


def test_admins() -> None:
    assert pam.access_file(["ubuntu"], ["cluster admins"]).splitlines()[1:] == [
        "+:root,ubuntu,(cluster admins):ALL",
        "-:ALL:ALL",
    ]
    for name in ("a:b", "a,b", "(a)", "", "-all", "a\nb", " a"):
        with pytest.raises(pam.PamError, match="has no colon"):
            pam.access_file([name], [])


def run(root: Path, *, check: bool = False, **options: Any) -> dict[str, Any]:
    """The module's result."""
    output = io.StringIO()
    arguments = {"root": str(root), **options, "_ansible_check_mode": check}
    with patch_module_args(arguments), contextlib.redirect_stdout(output), contextlib.suppress(SystemExit):
        pam_slurm_adopt.main()
    result: dict[str, Any] = json.loads(output.getvalue().strip().splitlines()[-1])
    return result


@pytest.fixture
def debian(tmp_path: Path) -> Path:
    (tmp_path / "etc/pam.d").mkdir(parents=True)
    (tmp_path / "etc/security").mkdir()
    (tmp_path / "etc/pam.d/sshd").write_text(DEBIAN)
    (tmp_path / "etc/pam.d/common-session").write_text(DEBIAN_SESSION)
    return tmp_path


def test_there_and_back_again(debian: Path) -> None:
    predicted = run(debian, check=True, users=["ubuntu"])
    assert (debian / "etc/pam.d/sshd").read_text() == DEBIAN
    done = run(debian, users=["ubuntu"])
    assert {**done, "invocation": 0} == {**predicted, "invocation": 0}
    # sshd's own is the last: what it names is there by then
    assert [Path(path).name for path in done["changed_paths"]] == [
        "podforge-slurm-admins.conf",
        "podforge-ssh-session",
        "sshd",
    ]
    assert run(debian, users=["ubuntu"])["changed"] is False
    assert run(debian, state="absent")["changed_paths"][0].endswith("/sshd")
    assert (debian / "etc/pam.d/sshd").read_text() == DEBIAN
    assert sorted(path.name for path in debian.rglob("*") if path.is_file()) == ["common-session", "sshd"]
    assert run(debian, state="absent")["changed"] is False


def test_a_module_that_is_not_there(debian: Path) -> None:
    done = run(debian, module="/opt/slurm/lib/security/pam_slurm_adopt.so")
    assert "pam_slurm_adopt.so is not there, and PAM would let everybody in" in done["msg"]
    assert (debian / "etc/pam.d/sshd").read_text() == DEBIAN
