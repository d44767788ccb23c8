# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Homes in real folders: made once by many, whole or not at all; the users' file under the system's own lock."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
from pathlib import Path

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users import homes
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users import system
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.plan import Account
from ansible_collections.podforge.hyperpod.plugins.module_utils._local_users.wanted import UsersError

ME = (os.getuid(), os.getgid())
PASSWD = "root:x:0:0:root:/root:/bin/bash\nana:x:2001:2001:Ana:/home/ana:/bin/sh\n+@old\nana:x:9:9::/x:/bin/sh\n"


@pytest.fixture
def skeleton(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "skel"
    (folder / "deep").mkdir(parents=True)
    for number in range(30):
        (folder / "deep" / f"file{number}").write_text("x")
    (folder / "link").symlink_to("deep/file1")
    monkeypatch.setattr(homes, "SKELETON", str(folder))
    return folder


def node(home: str, number: int, barrier: object) -> None:
    old = f"{Path(home).parent.parent}/old{number}"
    barrier.wait()  # type: ignore[attr-defined]
    homes.make_home(home, old, ME, 0o700)
    # whole from the moment on in which it is there
    os._exit(0 if len(list(Path(home, "deep").iterdir())) == 30 else 1)


@pytest.mark.parametrize("moved", [False, True])
def test_many_nodes_make_a_home_once(tmp_path: Path, skeleton: Path, moved: bool) -> None:
    home, count = tmp_path / "shared" / "ana", 12
    if moved:
        for number in range(count):
            homes.make_home(str(tmp_path / f"old{number}"), "", ME, 0o755)
            (tmp_path / f"old{number}" / "mine").write_text(str(number))
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(count)
    started = [context.Process(target=node, args=(str(home), number, barrier)) for number in range(count)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    assert [process.exitcode for process in started] == [0] * count
    assert [path.name for path in home.parent.iterdir()] == ["ana"]
    assert home.stat().st_mode & 0o777 == (0o755 if moved else 0o700)
    assert (home / "link").is_symlink()
    if moved:
        assert (home / "mine").read_text() in {str(number) for number in range(count)}
        assert all((tmp_path / f"old{number}" / "mine").read_text() == str(number) for number in range(count))


def test_what_is_there_is_left_alone(tmp_path: Path, skeleton: Path) -> None:
    home = tmp_path / "ana"
    home.mkdir()
    (home / "mine").write_text("mine")
    homes.make_home(str(home), "", ME, 0o700)
    assert [path.name for path in home.iterdir()] == ["mine"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ana", "skel"]


def test_a_file_in_its_place_is_an_error_and_nothing_is_left(tmp_path: Path, skeleton: Path) -> None:
    (tmp_path / "ana").write_text("")
    with pytest.raises(UsersError, match=r"home .*/ana can't be made: Not a directory"):
        homes.make_home(str(tmp_path / "ana"), "", ME, 0o700)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ana", "skel"]


def test_root_works_only_where_nobody_else_can_lay_a_link(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    for mode, safe in ((0o755, True), (0o1777, True), (0o777, False), (0o1770, True), (0o757, False)):
        folder.chmod(mode)
        assert homes.is_roots(folder / "deep" / "not there yet") is safe, oct(mode)
    (tmp_path / "link").symlink_to(folder)
    assert not homes.is_roots(tmp_path / "link")
    folder.chmod(0o755)
    assert homes.is_roots(tmp_path / "link" / "deep")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_in_a_folder_that_is_not_roots_the_user_makes_it(tmp_path: Path, skeleton: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if str(folder) not in ("/", "/tmp"):
            folder.chmod(0o755)
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, 2002, 2002)
    with pytest.raises(UsersError, match=r"neither by root nor by uid 2001: .*must be root's"):
        homes.make_home(str(theirs / "ana"), "", (2001, 2001), 0o700)
    assert list(theirs.iterdir()) == []
    theirs.chmod(0o777)
    homes.make_home(str(theirs / "ana"), "", (2001, 2001), 0o700)
    assert {path.stat().st_uid for path in (theirs / "ana", theirs / "ana" / "deep" / "file1")} == {2001}


@pytest.mark.parametrize("moved", [False, True])
def test_nobody_gets_into_a_home_before_it_is_in_its_place(
    tmp_path: Path, skeleton: Path, monkeypatch: pytest.MonkeyPatch, moved: bool
) -> None:
    old = tmp_path / "old"
    if moved:
        old.mkdir(mode=0o777)
    seen = []
    real = homes._copy

    def copy(source: str, target: str) -> None:
        real(source, target)
        outer = Path(target).parent.stat()
        seen.append((outer.st_uid, outer.st_mode & 0o777))

    monkeypatch.setattr(homes, "_copy", copy)
    homes.make_home(str(tmp_path / "ana"), str(old) if moved else "", ME, 0o700)
    assert seen == [(os.getuid(), 0o700)]


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_where_root_is_nobody_the_user_makes_it(
    tmp_path: Path, skeleton: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if str(folder) not in ("/", "/tmp"):
            folder.chmod(0o755)
    real = homes._make

    def squashed(*arguments: object) -> None:
        if os.getuid() == 0:
            raise PermissionError(1, "Operation not permitted", "x")
        real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(homes, "_make", squashed)
    homes.make_home(str(tmp_path / "shared" / "ana"), "", (2001, 2001), 0o700)
    assert (tmp_path / "shared" / "ana").stat().st_uid == 2001
    (tmp_path / "shared").chmod(0o755)
    with pytest.raises(UsersError, match=r"neither by root nor by uid 2001: .*no_root_squash, or chmod 1777"):
        homes.make_home(str(tmp_path / "shared" / "ben"), "", (2001, 2001), 0o700)


def test_the_users_file_is_replaced_under_the_systems_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts, lock = tmp_path / "passwd", tmp_path / "lock"
    accounts.write_text(PASSWD)
    accounts.chmod(0o644)
    homes.set_home("ana", "/fsx/ana", str(accounts), str(lock))
    assert accounts.read_text() == PASSWD.replace("Ana:/home/ana", "Ana:/fsx/ana")
    assert accounts.stat().st_mode & 0o777 == 0o644
    monkeypatch.setattr(homes, "_LOCK_SECONDS", 0.2)
    child = os.fork()
    if child == 0:
        with lock.open("wb") as stream:
            fcntl.lockf(stream, fcntl.LOCK_EX)
            (tmp_path / "held").touch()
            while not (tmp_path / "end").exists():
                pass
        os._exit(0)
    while not (tmp_path / "held").exists():
        pass
    with pytest.raises(UsersError, match="is locked by another program for 0 s: find it by fuser"):
        homes.set_home("ana", "/x", str(accounts), str(lock))
    (tmp_path / "end").touch()
    os.waitpid(child, 0)
    assert "/x:/bin/sh" in accounts.read_text()  # the second line of that name, as before
    assert "Ana:/fsx/ana" in accounts.read_text()


def test_the_systems_files_are_read() -> None:
    assert system.accounts_in(PASSWD) == {
        "root": Account(0, 0, "/root", "/bin/bash", "root"),
        "ana": Account(2001, 2001, "/home/ana", "/bin/sh", "Ana"),
    }
    groups = system.groups_in("adm:x:4:syslog,ana\nbroken\nana:x:2001:\n")
    assert {name: (group.gid, sorted(group.members)) for name, group in groups.items()} == {
        "adm": (4, ["ana", "syslog"]),
        "ana": (2001, []),
    }


def test_a_damaged_record_is_none(tmp_path: Path) -> None:
    for text in ("", "[1]", "{}", '{"users": 1, "groups": []}'):
        (tmp_path / "record").write_text(text)
        assert system.read_record(str(tmp_path / "record")) == (frozenset(), frozenset())
