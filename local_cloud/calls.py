# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an HTTP request is in terms of AWS: service, operation, protocol, and who signed it where."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import unquote

import botocore.session

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
_SIGV4 = re.compile(
    r"AWS4-(?:HMAC-SHA256|ECDSA-P256-SHA256) +Credential="
    r"(?P<key>[^/,]+)/(?P<date>[^/,]*)/(?P<region>[^/,]*)/(?P<service>[^/,]+)"
)
_SCOPE = re.compile(r"(?P<key>[^/]+)/(?P<date>[^/]*)/(?P<region>[^/]*)/(?P<service>[^/]+)")
_SIGV2 = re.compile(r"AWS (?P<key>[^:]+):")
_READING = re.compile(
    r"(Describe|List|Get|Head|BatchGet|BatchDescribe|Search|Lookup|Filter|Query|Scan|Select|Simulate|Preview|Validate"
    r"|Check|Estimate|Decode|Verify|View)(?![a-z])"
)
REST_XML = frozenset({"s3", "route53", "cloudfront", "s3-control"})
# Signing names of services whose protocol is REST and whose model has another name.
_MODEL_NAMES = {"elasticfilesystem": "efs", "aps": "amp", "tagging": "resourcegroupstaggingapi", "es": "opensearch"}


@dataclass(frozen=True)
class Call:
    """One request to an AWS API.

    Attributes:
        service: signing name (``sagemaker``, ``s3``, ...); ``s3`` for what carries no signature and no operation.
        operation: name of the operation; for REST protocols the method and the path.
        protocol: ``json``, ``query``, ``ec2``, ``rest-json``, ``rest-xml`` or ``cbor``.
        region: from the credential scope; empty when there is none.
        access_key_id: empty when the request isn't signed.
        signed: whether there is a signature of a known form. Its value is not verified.
        malformed: there is an Authorization header, of no known form.
        mutating: whether the operation may change something.
    """

    service: str
    operation: str
    protocol: str
    region: str
    access_key_id: str
    signed: bool
    malformed: bool
    mutating: bool


def form_body(environ: dict[str, Any]) -> dict[str, list[str]]:
    """The fields of a form (query protocol); ``wsgi.input`` can be read again afterwards."""
    if not environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        return {}
    body = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(body)
    # The length is known now, also of a chunked request.
    environ["CONTENT_LENGTH"] = str(len(body))
    return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)


def identify(environ: dict[str, Any]) -> Call:
    """Look at a WSGI environment; reads the body of query protocol requests only."""
    method = environ["REQUEST_METHOD"]
    path = environ.get("PATH_INFO", "/")
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    scope = _SIGV4.match(authorization)
    if scope is None and "X-Amz-Credential" in query:
        scope = _SCOPE.match(unquote(query["X-Amz-Credential"][0]))
    old = _SIGV2.match(authorization)
    key = scope["key"] if scope else old["key"] if old else query.get("AWSAccessKeyId", [""])[0]
    service = scope["service"].lower() if scope else ""
    service = "s3" if service == "s3express" else service

    target = environ.get("HTTP_X_AMZ_TARGET", "")
    form = {} if target or service in REST_XML else {**query, **form_body(environ)}
    if target:
        operation, protocol = target.rsplit(".", 1)[-1], "json"
        service = service or target.split(".", 1)[0].lower()
    elif environ.get("HTTP_SMITHY_PROTOCOL", "").startswith("rpc-v2"):
        operation, protocol = path.rstrip("/").rsplit("/", 1)[-1], "cbor"
    elif "Action" in form:
        operation = form["Action"][0]
        protocol = "ec2" if service == "ec2" else "query"
    else:
        operation = f"{method} {path}"
        service = service or "s3"
        protocol = "rest-xml" if service in REST_XML else "rest-json"
    rest = " " in operation
    mutating = method not in ("GET", "HEAD", "OPTIONS") if rest else _READING.match(operation) is None
    return Call(
        service=service,
        operation=operation,
        protocol=protocol,
        region=scope["region"] if scope else "",
        access_key_id=key,
        signed=bool(key),
        malformed=bool(authorization) and not key,
        mutating=mutating,
    )


def operation_name(call: Call, environ: dict[str, Any]) -> str:
    """The operation's name for REST calls too, when the service's model knows the path; else the call's own."""
    if " " not in call.operation:
        return call.operation
    from moto.core.routing import get_service_router  # noqa: PLC0415 # slow to import, rarely needed
    from moto.moto_server.werkzeug_app import BackendRequest  # noqa: PLC0415

    try:
        router = get_service_router(_MODEL_NAMES.get(call.service, call.service))
        return str(router.match(BackendRequest(dict(environ)))[0].name)
    except Exception:  # werkzeug's NotFound, an unknown model: the path says enough
        return call.operation


@lru_cache(maxsize=1)
def known_regions() -> frozenset[str]:
    """All regions of all partitions that botocore knows."""
    session = botocore.session.get_session()
    return frozenset(
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition)
    )
