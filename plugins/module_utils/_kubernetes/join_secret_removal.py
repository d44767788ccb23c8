# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the end of the secret that workers join with, which is no part of what masters run."""

from __future__ import annotations

import typing as t

from .join_secret import JoinSecretError
from .join_secret import explain
from .join_secret import read


def remove(client: t.Any, name: str, recovery_days: int, *, check_mode: bool = False) -> bool:
    """Schedule its deletion, at once with 0 days; whether there was one.

    :raises JoinSecretError: Secrets Manager refuses.
    """
    try:
        value, deleted = read(client, name)
        if value is None or deleted:
            return False
        if not check_mode:
            how = {"RecoveryWindowInDays": recovery_days} if recovery_days else {"ForceDeleteWithoutRecovery": True}
            client.delete_secret(SecretId=name, **how)
    except Exception as error:
        raise JoinSecretError(explain(name, error)) from error
    return True
