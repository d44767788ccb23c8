# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is no API of AWS: health and status, faults, speed, and the agents of the nodes.

====== ============================================ ==========================================================
GET    /_local_cloud/health                         is it up (no token)
GET    /_local_cloud/status                         all of the service's clusters and nodes
GET    /_local_cloud/faults                         injected faults
PUT    /_local_cloud/faults                         add or replace a fault, or ``{"seed": n}``
DELETE /_local_cloud/faults[?kind=...]              remove faults
PUT    /_local_cloud/speed                          ``{"speed": x}``
GET    /_local_cloud/quotas                         quotas that were set; PUT sets ``{"name or code": value}``
GET    /_local_cloud/logs?node=...&cluster=...      lines of nodes' logs; ``after`` continues
GET    /_local_cloud/agent/v1/nodes/<id>            document of a node (X-Agent-Token)
POST   /_local_cloud/agent/v1/nodes/<id>/events     event of a node (X-Agent-Token)
====== ============================================ ==========================================================

All but the first and the last two want the header ``X-Admin-Token`` with the token in the state folder's server.json:
nodes reach these paths too, and so does every page in a browser on this machine.
"""

from __future__ import annotations

import hmac
import json
import logging
import math
import re
from typing import TYPE_CHECKING
from typing import Any
from urllib.parse import parse_qs

from local_cloud.errors import ServiceError
from local_cloud.faults import KINDS
from local_cloud.faults import parse_fault
from local_cloud.node_logs import read_node_logs
from local_cloud.wire import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_cloud.directory.keeper import Keeper
    from local_cloud.faults import Faults
    from local_cloud.hyperpod.service import HyperPodService
    from local_cloud.moto_store import MotoStore
    from local_cloud.quotas import Quotas

log = logging.getLogger(__name__)
PREFIX = "/_local_cloud/"
_AGENT = re.compile(r"agent/v1/nodes/(?P<node>[A-Za-z0-9-]+)(?P<events>/events)?")


class Admin:
    """Answers everything below PREFIX."""

    def __init__(
        self,
        service: HyperPodService,
        *,
        faults: Faults,
        quotas: Quotas,
        store: MotoStore,
        keeper: Keeper,
        token: str,
        about: dict[str, Any],
    ) -> None:
        """``about`` is told by health and status: name, provider, port, speed, pid."""
        self._service = service
        self._faults = faults
        self._quotas = quotas
        self._store = store
        self._keeper = keeper
        self._token = token
        self._about = about

    def handle(self, environ: dict[str, Any], request_id: str) -> Answer:
        """Answer with JSON, errors too."""
        try:
            result = self._route(environ)
        except ServiceError as error:
            return _json(error.status, {"error": error.code, "message": error.message})
        except Exception:
            log.exception("%s failed (%s)", environ.get("PATH_INFO"), request_id)
            return _json(500, {"error": "InternalFailure", "message": f"see the log of local_cloud for {request_id}"})
        return _json(200, result)

    def _route(self, environ: dict[str, Any]) -> Any:
        method = environ["REQUEST_METHOD"]
        path = environ["PATH_INFO"][len(PREFIX) :]
        agent = _AGENT.fullmatch(path)
        if agent:
            return self._agent(method, agent, environ)
        if (method, path) == ("GET", "health"):
            return {"status": "ok", **self._about}
        given = environ.get("HTTP_X_ADMIN_TOKEN", "")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            raise ServiceError("AccessDenied", "X-Admin-Token is missing or wrong; it is in server.json.", 403)
        query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        handlers: dict[tuple[str, str], Callable[[], Any]] = {
            ("GET", "status"): self._status,
            ("GET", "faults"): self._faults.describe,
            ("PUT", "faults"): lambda: self._put_fault(_body(environ)),
            ("DELETE", "faults"): lambda: self._clear_faults(query.get("kind")),
            ("PUT", "speed"): lambda: self._set_speed(_body(environ)),
            ("GET", "quotas"): self._quotas.describe,
            ("PUT", "quotas"): lambda: self._put_quotas(_body(environ)),
            ("GET", "logs"): lambda: read_node_logs(query.get("node"), query.get("cluster"), query.get("after")),
        }
        handler = handlers.get((method, path))
        if handler is None:
            raise ServiceError("NotFound", f"There is no {method} {PREFIX}{path}.", 404)
        return handler()

    def _agent(self, method: str, match: re.Match[str], environ: dict[str, Any]) -> Any:
        token = environ.get("HTTP_X_AGENT_TOKEN", "")
        if not match["events"] and method == "GET":
            return self._service.agent_document(match["node"], token)
        if match["events"] and method == "POST":
            event = _body(environ)
            if not isinstance(event, dict):
                raise ServiceError("ValidationException", "An event is a JSON object.")
            self._service.agent_event(match["node"], token, event)
            return {}
        raise ServiceError("MethodNotAllowed", f"{method} is not for this path.", 405)

    def _status(self) -> dict[str, Any]:
        return {
            **self._about,
            "faults": self._faults.describe()["faults"],
            "not_saved": self._store.unsavable,
            **self._keeper.snapshot(),
            **self._service.snapshot(),
        }

    def _put_fault(self, body: Any) -> dict[str, Any]:
        if isinstance(body, dict) and set(body) == {"seed"}:
            if not isinstance(body["seed"], int):
                raise ServiceError("ValidationException", "seed is no whole number.")
            self._faults.set_seed(body["seed"])
        else:
            self._faults.put(parse_fault(body))
        return self._faults.describe()

    def _clear_faults(self, kind: str | None) -> dict[str, Any]:
        if kind is not None and kind not in KINDS:
            raise ServiceError("ValidationException", f"kind '{kind}' is none of {', '.join(KINDS)}.")
        self._faults.clear(kind)
        return self._faults.describe()

    def _set_speed(self, body: Any) -> dict[str, Any]:
        speed = body.get("speed") if isinstance(body, dict) else None
        if isinstance(speed, bool) or not isinstance(speed, (int, float)) or not 0 < speed < math.inf:
            raise ServiceError("ValidationException", "speed has to be a number above 0.")
        self._service.set_speed(float(speed))
        self._about["speed"] = float(speed)
        return {"speed": float(speed)}

    def _put_quotas(self, body: Any) -> dict[str, float]:
        self._quotas.put(body)
        return self._quotas.describe()


def _body(environ: dict[str, Any]) -> Any:
    try:
        return json.loads(environ["wsgi.input"].read() or b"null")
    except ValueError:
        raise ServiceError("ValidationException", "The request body is not valid JSON.") from None


def _json(status: int, value: Any) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})
