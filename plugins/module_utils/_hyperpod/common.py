# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors, retries and clients of the HyperPod modules."""

from __future__ import annotations

import functools
import inspect
import random
import re
import time
from typing import TYPE_CHECKING
from typing import Any
from typing import NoReturn
from typing import TypeVar
from typing import cast

try:
    import botocore
    import botocore.config
    import botocore.exceptions
    import botocore.session
except ImportError:
    pass  # AnsibleAWSModule says so

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError

from .explain import explain
from .naming import snake

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping

    from .explain import Explanation

T = TypeVar("T")
_RAISE = object()

# Attempts per request, by the SDK: throttles, 5xx and dropped connections, with jittered backoff, and a client that is
# throttled asks more slowly from then on. Single pages of a listing are repeated, not the whole listing.
REQUEST_ATTEMPTS = 8
# Rounds of such attempts, and the longest pause in seconds before the second, which doubles from there on.
_ROUNDS = 4
_FIRST_PAUSE = 2.0
_JITTER = random.SystemRandom()
THROTTLES = ("ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestThrottledException")

# SageMaker says the first, CloudWatch Logs the second, then Directory Service and Elastic Load Balancing.
_MISSING_CODES = frozenset(
    {
        "ResourceNotFound",
        "ResourceNotFoundException",
        "DirectoryDoesNotExistException",
        "EntityDoesNotExistException",
        "ListenerNotFound",
        "LoadBalancerNotFound",
        "TargetGroupNotFound",
    }
)
_CREDENTIAL_CODES = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
# The service lists all values of an enum; of instance types there are hundreds.
_LONG_LIST = re.compile(r"(?<=enum value set: )\[(?:[^,\]]+,){15,}[^,\]]+\]")
# By these the service judges what a request asks for; all other refusals are about who asks, and when.
_EXPLAINED_CODES = frozenset({"ResourceLimitExceeded", "ValidationException"})
# S3 answers HEAD without a text, and with the status as code.
_HEAD_ACTIONS = {"HeadBucket": "s3:ListBucket", "HeadObject": "s3:GetObject"}
_CREDENTIALS_HINT = (
    "give access_key and secret_key, or profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE,"
    " where the task runs"
)


class HyperPodError(AnsibleAWSError):  # type: ignore[misc]  # amazon.aws has no types
    """Something a module fails with: ``message`` is what was tried, ``exception`` what botocore said, if it did.

    ``advice`` is what leads to the fix, where the one who raises it knows better than ``hint`` does.
    """

    advice = ""

    def __init__(self, message: str, exception: Exception | None = None, **kwargs: Any) -> None:
        super().__init__(message=message, exception=exception, **kwargs)

    @property
    def code(self) -> str:
        """Error code of the service; empty when it wasn't the service."""
        response = getattr(self.exception, "response", None) or {}
        return str(response.get("Error", {}).get("Code", ""))

    @property
    def status(self) -> int:
        """HTTP status of the answer; 0 when there was none."""
        response = getattr(self.exception, "response", None) or {}
        return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))

    @property
    def passing(self) -> bool:
        """The service, or the way to it, was disturbed: the same call may work in a moment."""
        if isinstance(self.exception, (botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError)):
            return True
        # 501: there is no such operation, nor will there be in a moment
        broken = self.status >= 500 and self.status != 501
        return broken or self.code in THROTTLES or self.code.startswith(("Throttl", "RequestLimit"))


def worth_another_round(error: Exception) -> bool:
    """The SDK has given up on a call that may work in a moment. Where nobody listens at all, it won't."""
    exceptions = botocore.exceptions
    nobody = (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError, exceptions.ProxyConnectionError)
    if isinstance(error, nobody):
        return False
    return HyperPodError("", error).passing


def retrying(func: T) -> T:
    """Repeat a call that is throttled, refused with a 5xx or cut off, for longer than the SDK does, with jitter."""
    call = cast("Callable[..., Any]", func)

    @functools.wraps(call)
    def repeated(*args: Any, **kwargs: Any) -> Any:
        for number in range(1, _ROUNDS):
            try:
                return call(*args, **kwargs)
            except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
                if not worth_another_round(error):
                    raise
                time.sleep(_JITTER.uniform(0.0, _FIRST_PAUSE * 2**number))
        return call(*args, **kwargs)

    return cast("T", repeated)


def api_call(description: str, missing: Any = _RAISE, *, once: bool = False) -> Callable[[T], T]:
    """Turn botocore's errors into HyperPodError, and repeat what is throttled.

    Args:
        description: what is tried, with ``{arguments}`` of the function by name: "Failed to <description>".
        missing: what to return when the resource isn't there; left out, that is an error too.
        once: never repeat it; for what would make a second thing when only the answer got lost. The client has to have
            been made for that, too (see client_of).
    """

    def decorate(func: T) -> T:
        signature = inspect.signature(cast("Callable[..., Any]", func))
        retried = cast("Callable[..., Any]", func if once else retrying(func))

        @functools.wraps(retried)
        def call(*args: Any, **kwargs: Any) -> Any:
            try:
                return retried(*args, **kwargs)
            except (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError) as error:
                tried = description.format(**signature.bind(*args, **kwargs).arguments)
                failure = HyperPodError(f"Failed to {tried}", error)
                if missing is not _RAISE and failure.code in _MISSING_CODES:
                    return missing
                raise failure from error

        return cast("T", call)

    return decorate


def botocore_version() -> str:
    """Version of the installed botocore."""
    return str(botocore.__version__)


def client_config(attempts: int = REQUEST_ATTEMPTS) -> Any:
    """Retries of the SDK for our clients; the user's aws_config goes before it."""
    return botocore.config.Config(retries={"mode": "adaptive", "total_max_attempts": attempts})


def region_problem(region: str | None) -> str | None:
    """What is wrong with a region's name, as far as can be known here; a region newer than the SDK is no problem."""
    if not region:
        return "No region: set region, or AWS_REGION where the task runs"
    session = botocore.session.get_session()
    try:
        session.get_partition_for_region(region)
    except botocore.exceptions.UnknownRegionError:
        return f"'{region}' is not the name of an AWS region (as in us-west-2): set region, or AWS_REGION, right"
    return None


def client_of(module: Any, service: str, *, once: bool = False) -> Any:
    """A module's client of a service, with our retries; ``once``: with none at all.

    Raises:
        HyperPodError: the region is none.
    """
    problem = region_problem(module.region)
    if problem:
        raise HyperPodError(problem)
    return module.client(service, config=client_config(1 if once else REQUEST_ATTEMPTS))


def at_least(params: Mapping[str, Any], **least: float) -> None:
    """Refuse numbers that are too small.

    Raises:
        HyperPodError: names the first option, its value and the smallest one.
    """
    for option, smallest in least.items():
        if params[option] < smallest:
            raise HyperPodError(f"{option}: {params[option]}, at least {smallest}")


def hint(error: HyperPodError, region: str | None) -> str:
    """What leads to the fix, for what often goes wrong outside of the service; empty where nothing is known."""
    exceptions = botocore.exceptions
    if isinstance(error.exception, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return _CREDENTIALS_HINT
    if isinstance(error.exception, (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError)):
        if region and region not in botocore.session.get_session().get_available_regions("sagemaker"):
            return f"is region {region} right? The installed botocore {botocore.__version__} does not know it"
        return "check that the endpoint is right (endpoint_url, AWS_ENDPOINT_URL), running and reachable from here"
    if error.code in _CREDENTIAL_CODES:
        return f"the credentials are not accepted in {region}: {_CREDENTIALS_HINT}"
    return _denied_hint(error)


def _denied_hint(error: HyperPodError) -> str:
    action = _HEAD_ACTIONS.get(getattr(error.exception, "operation_name", ""))
    if error.code == "403" and action:
        return f"S3 does not say why; most likely {action} is not granted to who runs the task, or it is not theirs"
    if "AccessDenied" in error.code:
        return "grant the action to who runs the task; this module's documentation lists all that it needs"
    return ""


def failure_text(error: HyperPodError, region: str | None) -> str:
    """The whole error as one line."""
    text = error.message if error.exception is None else f"{error.message}: {error.exception}"
    text = _LONG_LIST.sub(lambda match: f"[{match[0].count(',') + 1} values]", text)
    advice = error.advice or hint(error, region) or "; ".join(cause.text() for cause in causes(error))
    return f"{text.rstrip('.')}. {advice[0].upper()}{advice[1:]}." if advice else text


def causes(error: HyperPodError) -> list[Explanation]:
    """Why the service refuses a request, where its words are known. The model's own words need no explanation."""
    said = str(error.exception or "")
    if error.code not in _EXPLAINED_CODES or "failed to satisfy constraint" in said:
        return []
    return explain([said], refused=True)


def fail(module: Any, error: HyperPodError) -> NoReturn:
    """End the module with an error; ``error`` in the result has the service's code and message."""
    result = dict(error.kwargs)
    response = getattr(error.exception, "response", None)
    if response:
        result["error"] = {snake(key): value for key, value in response.get("Error", {}).items()}
        known = [cause.told() for cause in causes(error)]
        if known:
            result["error"]["causes"] = known
    module.fail_json(msg=failure_text(error, module.region), **result)
    raise AssertionError("fail_json returned")
