# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that moto answers: saved before the answer goes out, and never an HTML page."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING
from typing import Any

import moto
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.exceptions import HTTPException
from werkzeug.test import run_wsgi_app

from local_cloud import mends
from local_cloud.calls import operation_name
from local_cloud.errors import ServiceError
from local_cloud.moto_access import account_of
from local_cloud.wire import Answer

if TYPE_CHECKING:
    from local_cloud.calls import Call
    from local_cloud.moto_store import MotoStore

log = logging.getLogger(__name__)
# Headers that the server sets itself.
_HOP = frozenset({"content-length", "connection", "transfer-encoding", "date", "server"})


class MotoApp:
    """moto's own dispatcher, in this process."""

    def __init__(self, store: MotoStore) -> None:
        """``store`` keeps what requests change."""
        mends.apply()
        self._store = store
        self._app = DomainDispatcherApplication(_create_app)

    def handle(self, call: Call, environ: dict[str, Any]) -> Answer:
        """Let moto answer.

        Raises:
            ServiceError: moto lacks the operation (501, which SDKs don't repeat), or broke over it (500).
        """
        if "X-Amz-Credential=" in environ.get("QUERY_STRING", ""):
            # Of presigned requests moto doesn't see the key, and takes them for its default account's.
            environ.setdefault("HTTP_X_MOTO_ACCOUNT_ID", account_of(call.access_key_id))
        if not call.mutating:
            return self._run(call, environ)
        # A slow sender must not keep others waiting: the whole body is here before anything is locked.
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        if call.service == "s3" and call.operation.startswith("PUT ") and _is_form(environ):
            # "curl --data-binary" says so of anything; moto would take the object apart.
            environ["CONTENT_TYPE"] = "binary/octet-stream"
        with self._store.changes(call.service, call.operation):
            return self._run(call, environ)

    def control(self, environ: dict[str, Any]) -> Answer:
        """moto's own paths (/moto-api/...), which may change any backend."""
        try:
            answer = self._collect(environ)
        except Exception:
            log.exception("moto failed at %s", environ.get("PATH_INFO"))
            return Answer(500, b"{}", {"Content-Type": "application/json"})
        if _is_page(answer):
            return Answer(answer.status, b"{}", {"Content-Type": "application/json"})
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD", "OPTIONS"):
            self._store.save_all()
        return answer

    def _run(self, call: Call, environ: dict[str, Any]) -> Answer:
        # moto changes its environment while it works; the name is wanted as it came.
        before = dict(environ)
        try:
            answer = self._collect(environ)
        except NotImplementedError:
            raise _not_implemented(call, before) from None
        except HTTPException as error:
            raise ServiceError("BadRequest", error.description or error.name, error.code or 400) from None
        except Exception as error:
            log.exception("moto failed at %s:%s", call.service, call.operation)
            message = f"moto {moto.__version__} failed ({type(error).__name__}); see the log of local_cloud."
            raise ServiceError("InternalFailure", message, 500) from None
        if _is_page(answer) or _is_nothing(call, answer):
            if answer.status in (404, 405):
                raise _not_implemented(call, before)
            raise ServiceError("InternalFailure", f"moto answered HTTP {answer.status}.", answer.status)
        return answer

    def _collect(self, environ: dict[str, Any]) -> Answer:
        chunks, status, headers = run_wsgi_app(self._app, environ, buffered=True)
        kept = {name: value for name, value in headers.items() if name.lower() not in _HOP}
        if environ["REQUEST_METHOD"] == "HEAD" and "content-length" in headers:
            kept["Content-Length"] = headers["content-length"]
        return Answer(int(status.split(" ", 1)[0]), b"".join(chunks), kept)


def _create_app(service: Any) -> Any:
    if service is None:
        raise NotImplementedError("a service that moto doesn't have")
    return create_backend_app(service)


def _is_form(environ: dict[str, Any]) -> bool:
    return str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded")


def _is_page(answer: Answer) -> bool:
    """An error page of Flask. An HTML document in S3 is an answer like any other."""
    kind = next((value for name, value in answer.headers.items() if name.lower() == "content-type"), "")
    return (
        answer.status >= 400
        and kind.startswith("text/html")
        and answer.body.lstrip()[:5].lower() in (b"<!doc", b"<html")
    )


def _is_nothing(call: Call, answer: Answer) -> bool:
    """How moto says that a path of a REST service leads nowhere. S3 answers so to HEAD."""
    return answer.status == 404 and not answer.body and call.service != "s3"


def _not_implemented(call: Call, environ: dict[str, Any]) -> ServiceError:
    name = operation_name(call, environ)
    return ServiceError(
        "NotImplemented",
        f"{name} of {call.service} is not implemented by local_cloud (nor by moto {moto.__version__}).",
        501,
    )
