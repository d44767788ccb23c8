# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The instance metadata service, version 2, by urllib. Private to this collection.

docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
"""

from __future__ import annotations

import urllib.error
import urllib.request

DEFAULT_ENDPOINT = "http://169.254.169.254"
KEYS = {
    "instance_id": "instance-id",
    "instance_type": "instance-type",
    "availability_zone": "placement/availability-zone",
    "availability_zone_id": "placement/availability-zone-id",
    "region": "placement/region",
}
_TIMEOUT = 1.0


def read_imds(endpoint: str) -> dict[str, str]:
    """What the service tells of this instance; empty when nothing answers within a second."""
    # never by a proxy: the service is link-local
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    base = endpoint.rstrip("/") + "/latest"
    if not base.startswith("http://"):
        return {}
    token = _fetch(opener, f"{base}/api/token", "PUT", {"X-aws-ec2-metadata-token-ttl-seconds": "60"})
    if token is None:
        return {}
    found = {}
    for name, path in KEYS.items():
        value = _fetch(opener, f"{base}/meta-data/{path}", "GET", {"X-aws-ec2-metadata-token": token})
        if value:
            found[name] = value
    return found


def _fetch(opener: urllib.request.OpenerDirector, url: str, method: str, headers: dict[str, str]) -> str | None:
    try:
        request = urllib.request.Request(url, method=method, headers=headers)  # noqa: S310 (only http, checked above)
        with opener.open(request, timeout=_TIMEOUT) as answer:
            text: str = answer.read(4096).decode("utf-8", "replace")
            return text.strip()
    except (OSError, ValueError):
        return None
