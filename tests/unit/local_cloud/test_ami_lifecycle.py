# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which errors of the download end a node's life, and which pass."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError
from botocore.exceptions import EndpointConnectionError
from botocore.exceptions import NoCredentialsError
from botocore.exceptions import ReadTimeoutError

from local_cloud.ami.agents.lifecycle import is_passing


def answer(code: str, status: int) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item] # what matters
        "GetObject",
    )


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (EndpointConnectionError(endpoint_url="u"), True),
        (ReadTimeoutError(endpoint_url="u"), True),
        (answer("SlowDown", 503), True),
        (answer("InternalError", 500), True),
        (answer("ThrottlingException", 400), True),
        (answer("TooManyRequests", 429), True),
        (answer("AccessDenied", 403), False),
        (answer("NoSuchBucket", 404), False),
        (NoCredentialsError(), False),
    ],
)
def test_what_passes_is_waited_for(error: Exception, passing: bool) -> None:
    assert is_passing(error) is passing
