# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Homes, made once although all nodes begin together, and moved while their users are logged in. Private."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path

from .._as_user import as_user
from .._replace_file import replace_file
from .system import with_home
from .wanted import UsersError

SKELETON = "/etc/skel"
_LOCK_SECONDS = 30.0


def make_home(home: str, old: str, owner: tuple[int, int], mode: int) -> None:
    """A home that is whole from the moment on in which it is there; that another node was faster is no error.

    Args:
        home: its path. Folders above it are made.
        old: where its content comes from, which stays there; without one it is that of new users.
        owner: ids of user and group.
        mode: permission bits.

    Raises:
        UsersError: it can't be made, with the reason.
    """
    parent = Path(home).parent
    source = old if old and Path(old).is_dir() else SKELETON
    try:
        if not is_roots(parent):
            raise PermissionError
        parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        _make(parent, home, source, owner, mode)
    except PermissionError:
        # root is nobody here (root_squash), or others could lead root elsewhere by a link
        try:
            as_user(*owner, lambda: _make(parent, home, source, owner, mode))
        except OSError as error:
            raise UsersError(
                f"home {home} can't be made, neither by root nor by uid {owner[0]}: {error.strerror}. Where root is "
                f"squashed, export the file system with no_root_squash, or chmod 1777 {parent}. Elsewhere this folder "
                "and those above it must be root's, and others may write there with the sticky bit only (755 or 1777)"
            ) from error
    except OSError as error:
        raise UsersError(f"home {home} can't be made: {error.strerror or error}") from error


def is_roots(folder: Path) -> bool:
    """Whether nobody but root can exchange a part of this path, as far as it is there: then root can work in it."""
    for path in (*reversed(folder.parents), folder):
        try:
            info = path.lstat()
        except FileNotFoundError:
            return True
        if info.st_uid not in (0, os.geteuid()):
            return False
        if stat.S_ISLNK(info.st_mode):
            # what is below belongs to where it leads, and is looked at there
            real = folder.resolve()
            return real != folder and is_roots(real)
        others = info.st_mode & 0o002 or (info.st_mode & 0o020 and info.st_gid != 0)
        if others and not info.st_mode & stat.S_ISVTX:
            return False
    return True


def set_home(name: str, home: str, accounts: str = "/etc/passwd", lock: str = "/etc/.pwd.lock") -> None:
    """Another home for the logins to come.

    usermod(8) refuses that while the user has a process, be it the session of who runs this.

    Raises:
        UsersError: others have the users' files locked, for long.
    """
    # the lock of lckpwdf(3), which useradd, passwd, vipw and systemd take
    with os.fdopen(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600), "wb") as stream:
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() >= deadline:
                    raise UsersError(
                        f"{accounts} is locked by another program for {_LOCK_SECONDS:.0f} s: find it by fuser {lock}"
                    ) from error
                time.sleep(0.1)
        info = Path(accounts).stat()
        try:
            new = with_home(Path(accounts).read_text(encoding="utf-8"), name, home)
        except UnicodeDecodeError as error:
            raise UsersError(f"{accounts} has bytes that are no UTF-8: mend it by vipw") from error
        replace_file(accounts, new, mode=stat.S_IMODE(info.st_mode), owner=(info.st_uid, info.st_gid), mark=None)


def _make(parent: Path, home: str, source: str, owner: tuple[int, int], mode: int) -> None:
    # nobody else gets into it, and it stays the maker's: what is in there can't be exchanged for a link
    temporary = tempfile.mkdtemp(dir=parent, prefix=".podforge-home-")
    new = Path(temporary, "home")
    try:
        new.mkdir(mode=0o700)
        _copy(source, str(new))
        if source == SKELETON:
            _give(str(new), owner)
            os.chown(new, *owner)
        # what others may write sshd takes no keys from
        new.chmod(mode if source == SKELETON else stat.S_IMODE(Path(source).stat().st_mode) & 0o755)
        new.rename(home)
    except OSError as error:
        # rename(2) replaces an empty folder and nothing else: another node was faster
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) or not Path(home).is_dir():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _copy(source: str, target: str) -> None:
    """All of a folder, with owners, times and links as they are, and nothing that is mounted in it."""
    if not Path(source).is_dir():
        return
    done = subprocess.run(
        ["cp", "-a", "--one-file-system", "--no-target-directory", "--", source, target],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        denied = said and all("denied" in line or "not permitted" in line for line in said)
        raise OSError(errno.EACCES if denied else errno.EIO, "; ".join(said[:3]) or "cp failed")


def _give(folder: str, owner: tuple[int, int]) -> None:
    for top, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(top, name), *owner, follow_symlinks=False)
