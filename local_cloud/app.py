# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The WSGI application: who answers a request, and what happens to it before."""

from __future__ import annotations

import io
import json
import logging
import socket
import time
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING
from typing import Any

import botocore
import botocore.session
from moto.utilities.utils import get_partition
from werkzeug.wsgi import get_input_stream

from local_cloud import access_control
from local_cloud import faults as fault_kinds
from local_cloud import quotas as quotas_module
from local_cloud.admin import PREFIX as ADMIN_PREFIX
from local_cloud.calls import Call
from local_cloud.calls import identify
from local_cloud.calls import known_regions
from local_cloud.calls import operation_name
from local_cloud.context import RequestContext
from local_cloud.errors import ServiceError
from local_cloud.hyperpod.service import OPERATIONS
from local_cloud.hyperpod.tagging import is_tagged_here
from local_cloud.moto_access import account_of
from local_cloud.moto_access import principal_of
from local_cloud.validation import parse_request
from local_cloud.wire import Answer
from local_cloud.wire import error_answer
from local_cloud.wire import json_answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterable

    from local_cloud.admin import Admin
    from local_cloud.faults import Faults
    from local_cloud.hyperpod.service import HyperPodService
    from local_cloud.moto_app import MotoApp
    from local_cloud.quotas import Quotas

log = logging.getLogger(__name__)
access_log = logging.getLogger("local_cloud.access")

# Of what is kept in hyperpod/; the tags of all else in SageMaker are moto's.
TAG_OPERATIONS = frozenset({"AddTags", "ListTags", "DeleteTags"})
# What AWS takes without a signature.
_UNSIGNED = frozenset({"AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"})
_UNSIGNED_TARGETS = ("AWSCognitoIdentityService.", "AWSCognitoIdentityProviderService.")
_CHUNK = 1 << 20
_MOTO_PATHS = ("/moto-api", "/latest/meta-data/", "/latest/api/")
# Service or protocol -> code and status; all others are JSON services.
_THROTTLED = {
    "s3": ("SlowDown", 503),
    "ec2": ("RequestLimitExceeded", 503),
    "query": ("Throttling", 400),
    "rest-json": ("ThrottlingException", 429),
    "rest-xml": ("Throttling", 400),
}


class Dropped(Exception):
    """The connection is to be closed without an answer."""


class App:
    """One WSGI application for all of AWS."""

    def __init__(
        self,
        hyperpod: HyperPodService,
        moto: MotoApp,
        admin: Admin,
        faults: Faults,
        quotas: Quotas,
        *,
        enforce_iam: bool = False,
    ) -> None:
        """The parts that answer; ``enforce_iam``: callers' policies are judged."""
        session = botocore.session.get_session()
        self._sagemaker = session.get_service_model("sagemaker")
        self._service_quotas = session.get_service_model("service-quotas")
        self._hyperpod = hyperpod
        self._moto = moto
        self._admin = admin
        self._faults = faults
        self._quotas = quotas
        self._enforce_iam = enforce_iam

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """WSGI."""
        started = time.monotonic()
        request_id = str(uuid.uuid4())
        path = environ.get("PATH_INFO", "/")
        name = path
        # Ends where the request ends, however long the client keeps the connection.
        environ["wsgi.input"] = get_input_stream(environ)
        try:
            if path.startswith(ADMIN_PREFIX):
                answer = self._admin.handle(environ, request_id)
            elif path.startswith(_MOTO_PATHS):
                answer = self._moto.control(environ) if _is_local(environ) else Answer(403, b"{}")
            else:
                call = identify(environ)
                name = f"{call.service}:{call.operation}"
                answer = self._answer(call, environ, request_id)
        except Dropped:
            access_log.info("%s dropped %s", name, request_id)
            _close(environ)
            raise ConnectionAbortedError from None
        level = logging.DEBUG if path.startswith(ADMIN_PREFIX) and answer.status < 400 else logging.INFO
        milliseconds = round(1000 * (time.monotonic() - started))
        access_log.log(level, "%s %s %d ms %s", name, answer.status, milliseconds, request_id)
        # A client that is still sending would miss the answer.
        while environ["wsgi.input"].read(_CHUNK):
            pass
        return _send(answer, environ, start_response)

    def _answer(self, call: Call, environ: dict[str, Any], request_id: str) -> Answer:
        try:
            _check_signature(call, environ)
            dropped_after = self._inject(call, environ)
            if self._enforce_iam:
                access_control.check(call, environ)
            answer = self._route(call, environ, request_id)
        except ServiceError as error:
            return error_answer(call.protocol, call.service, error, request_id)
        except Dropped:
            raise
        except Exception:
            log.exception("%s:%s failed (%s)", call.service, call.operation, request_id)
            failure = ServiceError("InternalFailure", f"local_cloud failed; see its log for {request_id}.", 500)
            return error_answer(call.protocol, call.service, failure, request_id)
        if dropped_after:
            raise Dropped
        return answer

    def _inject(self, call: Call, environ: dict[str, Any]) -> bool:
        """Let injected faults happen; True: the connection is to be dropped when all is done."""
        if not self._faults.any_request_fault:
            return False

        def take(kind: str) -> bool:
            return self._faults.take_request(kind, call.service, operation)

        operation = operation_name(call, environ)
        if take(fault_kinds.DROP):
            raise Dropped
        if take(fault_kinds.THROTTLE):
            throttled = _THROTTLED.get(call.service) or _THROTTLED.get(call.protocol) or ("ThrottlingException", 400)
            raise ServiceError(throttled[0], "Rate exceeded", throttled[1])
        if take(fault_kinds.SERVER_ERROR):
            code = "InternalError" if call.service in ("s3", "ec2") else "InternalFailure"
            raise ServiceError(code, "An injected internal error has occurred.", 500)
        return take(fault_kinds.DROP_AFTER)

    def _route(self, call: Call, environ: dict[str, Any], request_id: str) -> Answer:
        if (call.service, call.operation) == ("iam", access_control.SIMULATE):
            return access_control.simulate(call, environ, request_id)
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if target.startswith("SageMaker."):
            return self._sagemaker_answer(call, environ, request_id)
        if target.startswith("ServiceQuotasV20190624.") and call.operation in quotas_module.OPERATIONS:
            body = _body(environ)
            model = self._service_quotas.operation_model(call.operation)
            params = parse_request(model.input_shape, body)
            if params["ServiceCode"] == quotas_module.SERVICE_CODE:
                result = self._quotas.handle(call.operation, params, _context(call, environ, request_id))
                return json_answer(model.output_shape, result, request_id)
        return self._moto.handle(call, environ)

    def _sagemaker_answer(self, call: Call, environ: dict[str, Any], request_id: str) -> Answer:
        if call.operation not in self._sagemaker.operation_names:
            # An SDK that is newer than the model may well know it.
            message = f"{call.operation} is not known to botocore {botocore.__version__}, whose model is served here."
            raise ServiceError("NotImplemented", message, 501)
        if call.operation not in OPERATIONS:
            return self._moto.handle(call, environ)
        model = self._sagemaker.operation_model(call.operation)
        body = _body(environ)
        params = parse_request(model.input_shape, body)
        if call.operation == "UpdateCluster" and json.loads(body).get("VpcConfig") is not None:
            # Not in the model of this operation, but refused rather than ignored: see hyperpod/rules_change.py.
            params["VpcConfig"] = json.loads(body)["VpcConfig"]
        if call.operation in TAG_OPERATIONS and not is_tagged_here(params["ResourceArn"]):
            return self._moto.handle(call, environ)
        result = self._hyperpod.handle(call.operation, params, _context(call, environ, request_id))
        return json_answer(model.output_shape, result, request_id)


def _is_local(environ: dict[str, Any]) -> bool:
    """No page in a browser: those tell their origin, or come under a name of their own."""
    host = environ.get("HTTP_HOST", "").rsplit(":", 1)[0]
    return "HTTP_ORIGIN" not in environ and host in ("127.0.0.1", "localhost")


def _body(environ: dict[str, Any]) -> bytes:
    """The body, left in place for whoever comes next."""
    body: bytes = environ["wsgi.input"].read()
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))
    return body


def _check_signature(call: Call, environ: dict[str, Any]) -> None:
    """There has to be a signature for a region that exists. The signature itself isn't verified: keys are test keys.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
    """
    suffix = "Exception" if call.protocol in ("json", "rest-json", "cbor") else ""
    if call.malformed or (call.signed and not call.region and call.service != "s3"):
        message = "Authorization header requires 'Credential' parameter."
        raise ServiceError(f"IncompleteSignature{suffix}", message, 400)
    if call.signed:
        if call.region and call.region not in known_regions():
            message = f"Credential should be scoped to a valid region, not '{call.region}'."
            raise ServiceError("InvalidSignatureException" if suffix else "SignatureDoesNotMatch", message, 403)
        return
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    # Without an operation it is S3's; that knows public buckets.
    if call.service != "s3" and call.operation not in _UNSIGNED and not target.startswith(_UNSIGNED_TARGETS):
        message = "Missing Authentication Token" if suffix else "Request is missing Authentication Token"
        raise ServiceError(f"MissingAuthenticationToken{suffix}", message, 403)


def _context(call: Call, environ: dict[str, Any], request_id: str) -> RequestContext:
    account_id = environ.get("HTTP_X_MOTO_ACCOUNT_ID") or account_of(call.access_key_id)
    return RequestContext(
        account_id=account_id,
        region=call.region,
        partition=get_partition(call.region),
        request_id=request_id,
        access_key_id=call.access_key_id,
        principal_arn=principal_of(account_id, call.region, call.access_key_id),
    )


def _send(answer: Answer, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    headers = list(answer.headers.items())
    body = b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.body
    if environ["REQUEST_METHOD"] != "HEAD":
        headers.append(("Content-Length", str(len(body))))
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Unknown"
    start_response(f"{answer.status} {phrase}", headers)
    return [body]


def _close(environ: dict[str, Any]) -> None:
    """End the connection without an answer."""
    connection = environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
