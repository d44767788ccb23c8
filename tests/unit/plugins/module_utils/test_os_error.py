# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words for errors of the system: the fix fits the error. Real ones: molecule/node_base has a full disk."""

from __future__ import annotations

import errno
import os
import re

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._os_error import complaint


@pytest.mark.parametrize(
    ("number", "end"),
    [
        (errno.EACCES, r"\. Fix: run as root"),
        (errno.EPERM, r"\. Fix: run as root"),
        (errno.ENOSPC, r"\. / has \d+ MiB free of \d+.*\. Fix: make room there, and run this again"),
        (errno.EROFS, r"\. Fix: see why it was mounted read-only.*"),
        (errno.ENOENT, ""),
        (errno.EIO, ""),
    ],
)
def test_the_fix_fits_the_error(number: int, end: str) -> None:
    words = re.escape(os.strerror(number))
    assert re.fullmatch(
        f"cannot read or change /etc/x: {words}{end}", complaint(OSError(number, os.strerror(number), "/etc/x"))
    )


def test_the_path_is_given_where_the_error_has_none() -> None:
    assert (
        complaint(OSError(errno.EIO, "Input/output error"), "/etc/y")
        == "cannot read or change /etc/y: Input/output error"
    )
    assert complaint(OSError("odd")) == "cannot read or change a file: odd"


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENOTDIR])
def test_what_helps_where_something_is_missing(number: int) -> None:
    assert complaint(OSError(number, "x", "/etc/x"), missing="install it").endswith(": x. Fix: install it")
    assert complaint(OSError(errno.EACCES, "x", "/etc/x"), missing="install it").endswith(". Fix: run as root")
