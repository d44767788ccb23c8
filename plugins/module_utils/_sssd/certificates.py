# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: certificates of authorities, from wherever they are."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

from .._node.aws import certificate_of_acm
from .._node.aws import object_of_s3
from .common import SssdError
from .secrets import secret_value

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_FORMS = "PEM text, the ARN of a secret or of an ACM certificate, s3://<bucket>/<key>, or a file of the node"


def needs_aws(source: str) -> bool:
    """Whether the source is a service of AWS."""
    return source.startswith(("arn:", "s3://"))


def read(source: str, key: str | None, region: str | None) -> str:
    """The text at the source, whatever is in it.

    Raises:
        SssdError: it can't be read, or it is no source.
    """
    if "-----BEGIN" in source:
        return source
    if source.startswith("s3://"):
        return object_of_s3(source, region)
    service = source.split(":")[2] if source.startswith("arn:") and source.count(":") > 4 else ""
    if service == "secretsmanager":
        return secret_value(source, key, region, usual="certificate")
    if service == "acm":
        return certificate_of_acm(source)
    if source.startswith("/"):
        try:
            return Path(source).read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise SssdError(
                f"{source}: The file can't be read: {error.strerror}. Fix: put the certificate there"
            ) from error
    raise SssdError(f"source: {source[:60]!r} is no certificate and no place of one. Fix: give {_FORMS}")


def only_certificates(text: str, where: str) -> str:
    """The certificates in a text, and nothing else of it: a private key beside them stays where it is.

    Raises:
        SssdError: there is none, or one that can't be used.
    """
    blocks = _BLOCK.findall(text.replace("\\n", "\n"))
    if not blocks:
        raise SssdError(
            f"{where}: There is no certificate in it (-----BEGIN CERTIFICATE-----). Fix: store one in PEM form"
        )
    pem = "\n".join(block.replace("\r", "").strip() for block in blocks) + "\n"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError) as error:
        raise SssdError(f"{where}: The certificate is damaged: {error}. Fix: store it again in PEM form") from error
    return pem


def ends(pem: str) -> float | None:
    """When the first of the authorities ends, in seconds of the epoch; None when none of them is an authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=pem)
    times = [
        ssl.cert_time_to_seconds(str(found["notAfter"])) for found in context.get_ca_certs() if "notAfter" in found
    ]
    return min(times) if times else None
