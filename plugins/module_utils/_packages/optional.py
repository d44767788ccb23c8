# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One transaction of required and optional packages, of which those that cannot be had keep nothing else away.

Private to this collection.
"""

from __future__ import annotations

import typing as t

from .common import LOCK
from .common import MIRROR
from .common import Manager
from .common import PackageError
from .common import State
from .patience import Patience


def install(
    manager: Manager, patience: Patience, before: State, required: t.Sequence[str], optional: t.Sequence[str]
) -> dict[str, str]:
    """Install all at once; when that fails, the required ones, and then each of the others by itself.

    Optional packages that no repository has are left out of the one transaction.

    :returns: why an optional package is missing, by its name.
    :raises PackageError: a required one can't be installed, or not in time.
    """
    missing: dict[str, str] = {}
    left = list(optional)
    while left:
        try:
            patience.install([*required, *left])
        except PackageError as error:
            unknown = {name: str(error) for name in left if name.split("=")[0] in error.trouble.unknown}
            if not unknown:
                break
            missing.update(unknown)
            left = [name for name in left if name not in unknown]
        else:
            return missing
    if left:
        patience.call(lambda: manager.discard(before))
    if required:
        patience.install(required)
    return {**missing, **_one_by_one(manager, patience, left)}


def _one_by_one(manager: Manager, patience: Patience, names: t.Sequence[str]) -> dict[str, str]:
    missing: dict[str, str] = {}
    for position, name in enumerate(names):
        before = manager.read(())
        try:
            patience.install([name])
        except PackageError as error:
            if error.trouble.kind in (LOCK, MIRROR):
                return {**missing, **dict.fromkeys(names[position:], str(error))}
            missing[name] = str(error)
            patience.call(lambda there=before: manager.discard(there))  # type: ignore[misc]
    return missing
