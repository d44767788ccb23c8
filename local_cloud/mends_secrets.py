# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets Manager, where moto answers otherwise than AWS: a secret's value is that of the version labeled AWSCURRENT.

API reference of Secrets Manager, GetSecretValue, VersionStage: without it and VersionId, it is the AWSCURRENT version.
"""

from __future__ import annotations

import functools
from typing import Any

from moto.secretsmanager.models import SecretsManagerBackend


def apply() -> None:
    """Mend moto, once."""
    inner = SecretsManagerBackend.update_secret_version_stage

    @functools.wraps(inner)
    def update(
        self: Any, secret_id: str, version_stage: str, remove_from_version_id: str, move_to_version_id: str
    ) -> Any:
        answer = inner(self, secret_id, version_stage, remove_from_version_id, move_to_version_id)
        if version_stage == "AWSCURRENT" and move_to_version_id:
            self.secrets[secret_id].default_version_id = move_to_version_id
        return answer

    SecretsManagerBackend.update_secret_version_stage = update
