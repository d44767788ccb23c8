# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of a list, with opaque tokens. Pure.

A token holds the sort key of the last item sent and a digest of the request: items that come or go between two pages
make no other item appear twice or get lost, and a token is good for its own request only.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING
from typing import Any
from typing import TypeVar

from local_cloud.hyperpod.messages import invalid

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable
    from collections.abc import Mapping

T = TypeVar("T")
PAGE = 100
_PAGING = ("NextToken", "MaxResults")


def paginate(
    operation: str,
    params: Mapping[str, Any],
    items: Iterable[T],
    key: Callable[[T], tuple[Any, str]],
    *,
    descending: bool = False,
    page: int = PAGE,
) -> tuple[list[T], str | None]:
    """(items of one page, NextToken or None). ``key``: (sort value, unique id) of an item, JSON types.

    Raises ServiceError for a token that is broken or belongs to another request.
    """
    limit = params.get("MaxResults", page)
    request = _digest(operation, params)
    ordered = sorted(items, key=key, reverse=descending)
    token = params.get("NextToken")
    if token:
        last = _decode(token, request)
        ordered = [i for i in ordered if (key(i) < last if descending else key(i) > last)]
    chosen = ordered[:limit]
    if len(ordered) <= limit:
        return chosen, None
    return chosen, _encode(key(chosen[-1]), request)


def _digest(operation: str, params: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in params.items() if name not in _PAGING}
    text = operation + json.dumps(rest, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _encode(last: tuple[Any, str], request: str) -> str:
    body = json.dumps([request, *last]).encode()
    check = hashlib.sha256(body).digest()[:6]
    return base64.urlsafe_b64encode(check + body).decode()


def _decode(token: str, request: str) -> tuple[Any, str]:
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
        body = raw[6:]
        if hashlib.sha256(body).digest()[:6] != raw[:6]:
            raise ValueError
        owner, value, identifier = json.loads(body)
    except (ValueError, TypeError):
        raise invalid("Invalid NextToken.") from None
    if owner != request:
        raise invalid("Invalid NextToken: it belongs to a request with other parameters.")
    return value, str(identifier)
