# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Service Quotas of SageMaker: what Service Quotas lists for HyperPod, which moto doesn't have.

Codes of quotas that are published are the real ones; the others are made from the quota's name, so look quotas up by
name. Values are as generous as the API allows, until a value is set.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import threading
from functools import lru_cache
from typing import TYPE_CHECKING
from typing import Any

import botocore.session

from local_cloud.errors import ServiceError
from local_cloud.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from local_cloud.context import RequestContext

SERVICE_CODE = "sagemaker"
OPERATIONS = frozenset(
    {"ListServiceQuotas", "ListAWSDefaultServiceQuotas", "GetServiceQuota", "GetAWSDefaultServiceQuota"}
)
# Maximum of InstanceCount in the service model.
_INSTANCES = 6758.0
_PAGE = 100
_CODES = {
    "ml.p4d.24xlarge for cluster usage": "L-47E0BC8F",
    "ml.p4de.24xlarge for cluster usage": "L-BEF3120E",
    "ml.p5.48xlarge for cluster usage": "L-8762A75F",
    "ml.p5e.48xlarge for cluster usage": "L-FD431820",
    "ml.p5en.48xlarge for cluster usage": "L-6EF3AE05",
    "ml.p6-b200.48xlarge for cluster usage": "L-44097F05",
    "ml.p6-b300.48xlarge for cluster usage": "L-9883FE68",
    "ml.p6e-gb200.36xlarge for cluster usage": "L-5DB70460",
    "ml.g6e.12xlarge for cluster usage": "L-A15DF696",
    "ml.g6e.48xlarge for cluster usage": "L-177AF1AD",
}
_GENERAL = {
    "Maximum number instances allowed per SageMaker HyperPod cluster": ("L-2CE978FC", _INSTANCES),
    "Total number of instances allowed across SageMaker HyperPod clusters": ("L-3308CCC7", _INSTANCES),
    "Maximum size of EBS volume in GB for a SageMaker HyperPod cluster instance": ("L-E13DF72A", 16384.0),
    "Number of training plans per Region": ("L-867702E6", 25.0),
}


@lru_cache(maxsize=1)
def catalogue() -> dict[str, tuple[str, float]]:
    """Quota name -> (code, default value)."""
    shape: Any = botocore.session.get_session().get_service_model(SERVICE_CODE).shape_for("ClusterInstanceType")
    found = dict(_GENERAL)
    for instance_type in shape.enum:
        name = f"{instance_type} for cluster usage"
        made = f"L-{hashlib.sha256(name.encode()).hexdigest()[:8].upper()}"
        found[name] = (_CODES.get(name, made), _INSTANCES)
    return found


class Quotas:
    """The quotas of one instance; values that were set hold in all accounts and regions and are kept in a file."""

    def __init__(self, path: Path | None = None) -> None:
        """Read the file at ``path`` if it exists."""
        self._path = path
        self._lock = threading.Lock()
        self._set: dict[str, float] = {}
        if path is not None and path.exists():
            self._set = json.loads(path.read_text())

    def value(self, name: str) -> float:
        """The applied value of a quota; KeyError for an unknown name."""
        return self._set.get(name, catalogue()[name][1])

    def put(self, raw: Any) -> None:
        """Set values: quota name or code -> number; None takes the default again.

        Raises:
            ServiceError: ValidationException for an unknown quota, or a value that is no number.
        """
        if not isinstance(raw, dict):
            raise ServiceError("ValidationException", "Quotas are an object of name or code and value.")
        by_code = {code: name for name, (code, _dummy) in catalogue().items()}
        wanted: dict[str, float | None] = {}
        for given, value in raw.items():
            name = by_code.get(given, given)
            if name not in catalogue():
                raise ServiceError("ValidationException", f"Quota '{given}' is not known; take the name or the code.")
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0):
                raise ServiceError("ValidationException", f"Quota '{given}': value {value!r} is no number from 0.")
            wanted[name] = value
        with self._lock:
            for name, value in wanted.items():
                if value is None:
                    self._set.pop(name, None)
                else:
                    self._set[name] = float(value)
            if self._path is not None:
                write_atomically(self._path, json.dumps(self._set).encode())

    def describe(self) -> dict[str, float]:
        """The values that were set."""
        return dict(self._set)

    def handle(self, operation: str, params: dict[str, Any], context: RequestContext) -> dict[str, Any]:
        """Answer one of OPERATIONS for ServiceCode ``sagemaker``."""
        default = "AWSDefault" in operation
        quotas = [self._quota(name, context, default=default) for name in sorted(catalogue())]
        if operation.startswith("Get"):
            found = [quota for quota in quotas if quota["QuotaCode"] == params["QuotaCode"]]
            if not found:
                raise ServiceError("NoSuchResourceException", "The request failed because the quota does not exist.")
            return {"Quota": found[0]}
        if params.get("QuotaCode"):
            quotas = [quota for quota in quotas if quota["QuotaCode"] == params["QuotaCode"]]
        start = _start(params.get("NextToken"), len(quotas))
        end = start + params.get("MaxResults", _PAGE)
        page: dict[str, Any] = {"Quotas": quotas[start:end]}
        if end < len(quotas):
            page["NextToken"] = base64.b64encode(str(end).encode()).decode()
        return page

    def _quota(self, name: str, context: RequestContext, *, default: bool) -> dict[str, Any]:
        code, value = catalogue()[name]
        owner = "" if default else context.account_id
        return {
            "ServiceCode": SERVICE_CODE,
            "ServiceName": "Amazon SageMaker",
            "QuotaArn": f"arn:{context.partition}:servicequotas:{context.region}:{owner}:{SERVICE_CODE}/{code}",
            "QuotaCode": code,
            "QuotaName": name,
            "Value": value if default else self.value(name),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }


def _start(token: str | None, size: int) -> int:
    if token is None:
        return 0
    try:
        start = int(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError):
        start = -1
    if not 0 <= start <= size:
        raise ServiceError("InvalidPaginationTokenException", "Invalid input was provided.")
    return start
