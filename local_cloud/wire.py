# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers as they go over the wire: JSON 1.1 results by the model, and errors in the protocol of the service.

Protocols: https://smithy.io/2.0/aws/protocols/index.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from dataclasses import field
from datetime import datetime
from typing import TYPE_CHECKING
from typing import Any
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from local_cloud.errors import ServiceError

JSON_1_1 = "application/x-amz-json-1.1"


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def render_output(shape: Any, value: Any) -> Any:
    """A result as JSON types: members of the model only, None left out, datetimes as seconds since the epoch.

    Raises:
        KeyError: the result has a member that the model doesn't have.
        TypeError: a value isn't of the model's type.
    """
    kind = shape.type_name
    if kind == "structure":
        unknown = set(value) - set(shape.members)
        if unknown:
            raise KeyError(f"{shape.name} has no member {', '.join(sorted(unknown))}")
        return {
            name: render_output(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if kind == "list":
        return [render_output(shape.member, item) for item in value]
    if kind == "map":
        return {key: render_output(shape.value, item) for key, item in value.items()}
    if kind == "timestamp":
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise TypeError(f"{shape.name} wants an aware datetime, not {value!r}")
        return round(value.timestamp(), 3)
    wanted: dict[str, Any] = {"string": str, "integer": int, "long": int, "boolean": bool}
    if not isinstance(value, wanted.get(kind, object)) or (kind != "boolean" and isinstance(value, bool)):
        raise TypeError(f"{shape.name} wants a {kind}, not {value!r}")
    return value


def json_answer(shape: Any, result: dict[str, Any], request_id: str) -> Answer:
    """The answer to an operation that succeeded; an operation without output has an empty body."""
    body = b"" if shape is None else json.dumps(render_output(shape, result)).encode()
    return Answer(200, body, {"Content-Type": JSON_1_1, "x-amzn-RequestId": request_id})


def error_answer(protocol: str, service: str, error: ServiceError, request_id: str) -> Answer:
    """An error as SDKs of the given protocol read it."""
    headers = {"x-amzn-RequestId": request_id}
    if protocol in ("json", "rest-json"):
        # Modelled errors of SageMaker carry "Message", its common errors "message"; SDKs read either.
        key = "message" if error.code.endswith("Exception") else "Message"
        body = json.dumps({"__type": error.code, key: error.message}).encode()
        headers["Content-Type"] = JSON_1_1 if protocol == "json" else "application/json"
        headers["x-amzn-ErrorType"] = error.code
        return Answer(error.status, body, headers)
    if protocol == "cbor":
        headers["Content-Type"] = "application/cbor"
        headers["smithy-protocol"] = "rpc-v2-cbor"
        return Answer(error.status, _cbor({"__type": error.code, "message": error.message}), headers)
    inner = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    if protocol == "ec2":
        text = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    elif service == "s3":
        headers["x-amz-request-id"] = request_id
        text = f"<Error>{inner}<RequestId>{request_id}</RequestId></Error>"
    else:
        side = "Receiver" if error.status >= 500 else "Sender"
        inner = f"<Error><Type>{side}</Type>{inner}</Error>"
        text = f"<ErrorResponse>{inner}<RequestId>{request_id}</RequestId></ErrorResponse>"
    headers["Content-Type"] = "text/xml"
    return Answer(error.status, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode(), headers)


def _cbor(texts: dict[str, str]) -> bytes:
    """A map of text strings (RFC 8949, major types 5 and 3)."""

    def head(major: int, size: int) -> bytes:
        if size < 24:
            return bytes([major << 5 | size])
        if size < 256:
            return bytes([major << 5 | 24, size])
        return bytes([major << 5 | 25]) + size.to_bytes(2, "big")

    parts = [head(5, len(texts))]
    for pair in texts.items():
        for text in pair:
            raw = text.encode()[:65535]
            parts += [head(3, len(raw)), raw]
    return b"".join(parts)
