# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts the HyperPod service together with its provider of instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from local_cloud.hyperpod.service import HyperPodService
from local_cloud.providers import open_provider
from local_cloud.providers.base import ProviderSettings

if TYPE_CHECKING:
    from local_cloud.faults import Faults
    from local_cloud.moto_access import MotoAccess
    from local_cloud.paths import CloudPaths
    from local_cloud.providers.base import Provider
    from local_cloud.quotas import Quotas


def provider_of(name: str, port: int, paths: CloudPaths) -> Provider:
    """The provider of instances ``name`` for this instance of local_cloud."""
    return open_provider(
        name, ProviderSettings(cloud=paths.name, state_dir=paths.state, cache_dir=paths.cache, port=port)
    )


def open_service(
    paths: CloudPaths, provider: Provider, *, faults: Faults, access: MotoAccess, quotas: Quotas, speed: float
) -> HyperPodService:
    """The service, with the state it had."""
    return HyperPodService(
        paths.hyperpod_dir, paths.name, provider, faults=faults, access=access, quotas=quotas, speed=speed
    )
