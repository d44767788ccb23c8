# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Providers of instances: ``podman`` (a systemd container each) and ``records`` (nothing but a record each)."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING
from typing import cast

if TYPE_CHECKING:
    from local_cloud.providers.base import Provider
    from local_cloud.providers.base import ProviderSettings

PROVIDERS = {"podman": "PodmanProvider", "records": "RecordsProvider"}


def open_provider(name: str, settings: ProviderSettings) -> Provider:
    """The provider called ``name``. Raises ValueError for a name that is not one of PROVIDERS."""
    if name not in PROVIDERS:
        raise ValueError(f"unknown provider {name!r}: use one of {', '.join(sorted(PROVIDERS))}")
    module = importlib.import_module(f"local_cloud.providers.{name}")
    return cast("Provider", getattr(module, PROVIDERS[name])(settings))
