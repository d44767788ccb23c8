# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Route 53 where moto answers otherwise: a zone that is made with a VPC is private; a caller reference is used once.

Source: Route 53 API reference, CreateHostedZone.
"""

from __future__ import annotations

import functools
from typing import Any

from moto.route53 import responses
from moto.route53.exceptions import Route53ClientError

_PRIVATE = "HostedZoneConfig.PrivateZone"


def apply() -> None:
    """Mend moto's Route 53."""
    inner = responses.Route53.create_hosted_zone

    @functools.wraps(inner)
    def create_hosted_zone(self: Any) -> Any:
        reference = self._get_param("CallerReference")
        if any(zone.caller_reference == reference for zone in self.backend.zones.values()):
            raise Route53ClientError(
                "HostedZoneAlreadyExists",
                f"A hosted zone has been created with the caller reference {reference} already.",
            )
        given = self._get_bool_param
        with_vpc = self._get_param("VPC.VPCId") is not None
        # each request has a response object of its own
        self._get_bool_param = lambda name, *rest: True if name == _PRIVATE and with_vpc else given(name, *rest)
        return inner(self)

    responses.Route53.create_hosted_zone = create_hosted_zone
