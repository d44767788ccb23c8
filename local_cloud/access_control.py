# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM: whether the caller's policies allow a request, and IAM's own simulator of that.

Policies are those of users, their groups and roles in moto; inline ones and managed ones. Resource-based policies,
permission boundaries and session policies are not judged. A key that belongs to no user and no role session is the
account's root user, who may do everything.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

from local_cloud.calls import form_body
from local_cloud.calls import operation_name
from local_cloud.errors import ServiceError
from local_cloud.iam_policy import ALLOWED
from local_cloud.iam_policy import EXPLICIT_DENY
from local_cloud.iam_policy import decide
from local_cloud.iam_requests import Request
from local_cloud.iam_requests import has_body
from local_cloud.iam_requests import needed
from local_cloud.moto_access import account_of
from local_cloud.wire import Answer

if TYPE_CHECKING:
    from local_cloud.calls import Call

SIMULATE = "SimulatePrincipalPolicy"
# Always allowed (STS API reference, GetCallerIdentity).
_FREE = frozenset({"sts:GetCallerIdentity"})
_SIMULATED = "http://iam.amazonaws.com/doc/2010-05-08/"


@dataclass(frozen=True)
class Principal:
    """Who calls: ``arn`` as GetCallerIdentity tells it, and the policy documents that hold for it."""

    arn: str
    documents: list[dict[str, Any]]


def caller(access_key_id: str, region: str) -> Principal | None:
    """The user or role session that a key belongs to; None: the root user."""
    account, partition = account_of(access_key_id), get_partition(region or "us-east-1")
    backend = iam_backends[account][partition]
    for session in list(sts_backends[account][partition].assumed_roles):
        if session.access_key_id == access_key_id:
            role = next((r for r in list(backend.get_roles()) if r.arn == session.role_arn), None)
            return Principal(session.arn, _documents(role) if role is not None else [])
    for user in list(backend.users.values()):
        if any(key.access_key_id == access_key_id for key in user.access_keys):
            return Principal(user.arn, _of_user(backend, user))
    return None


def source(arn: str, account: str, partition: str) -> Principal:
    """The user, group or role of an ARN of IAM.

    Raises:
        ServiceError: NoSuchEntity.
    """
    backend = iam_backends[account][partition]
    for user in list(backend.users.values()):
        if user.arn == arn:
            return Principal(arn, _of_user(backend, user))
    for owner in [*list(backend.get_roles()), *list(backend.groups.values())]:
        if owner.arn == arn:
            return Principal(arn, _documents(owner))
    raise ServiceError("NoSuchEntity", f"The entity {arn} cannot be found.", 404)


def _of_user(backend: Any, user: Any) -> list[dict[str, Any]]:
    groups = [group for group in list(backend.groups.values()) if user in group.users]
    return [document for owner in (user, *groups) for document in _documents(owner)]


def _documents(owner: Any) -> list[dict[str, Any]]:
    inline = list(owner.policies.values())
    managed = [
        next(version.document for version in policy.versions if version.is_default)
        for policy in list(owner.managed_policies.values())
    ]
    return [json.loads(text) if isinstance(text, str) else text for text in (*inline, *managed)]


def check(call: Call, environ: dict[str, Any]) -> None:
    """Raise the service's error unless the caller may do this; unsigned requests are judged elsewhere."""
    principal = caller(call.access_key_id, call.region) if call.access_key_id else None
    if principal is None:
        return
    account, partition = account_of(call.access_key_id), get_partition(call.region or "us-east-1")
    place = f"arn:{partition}:%s:{call.region}:{account}:"
    context = _context(principal.arn, account, call.region)
    for action, resource in needed(call, _request(call, environ), place):
        if action in _FREE:
            continue
        decision = decide(principal.documents, action, resource or "*", context)
        if decision.result != ALLOWED:
            raise _denied(call, principal.arn, action, resource or "*", explicit=decision.result == EXPLICIT_DENY)


def _request(call: Call, environ: dict[str, Any]) -> Request:
    """What is judged of a request; its body is left in place."""
    operation = operation_name(call, environ)
    body = b""
    if has_body(call, operation):
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
    return Request(
        operation=operation,
        # WSGI has bytes as Latin-1 here.
        path=environ.get("PATH_INFO", "/").encode("latin-1").decode("utf-8", "replace"),
        host=environ.get("HTTP_HOST", ""),
        copy_source=unquote(environ.get("HTTP_X_AMZ_COPY_SOURCE", "")),
        body=body,
        form=form_body(environ),
    )


def _context(arn: str, account: str, region: str) -> dict[str, list[str]]:
    """Condition keys that every request has (IAM user guide, "AWS global condition context keys")."""
    context = {
        "aws:principalarn": [arn],
        "aws:principalaccount": [account],
        "aws:resourceaccount": [account],
        "s3:resourceaccount": [account],
        "aws:requestedregion": [region],
        "aws:securetransport": ["false"],
        "iam:passedtoservice": ["sagemaker.amazonaws.com"],
    }
    if ":user/" in arn:
        context["aws:username"] = [arn.rsplit("/", 1)[-1]]
    return context


def _denied(call: Call, arn: str, action: str, resource: str, *, explicit: bool) -> ServiceError:
    """Texts: IAM user guide, "Troubleshoot access denied error messages"; EC2 and S3 have their own codes."""
    because = "with an explicit deny in an identity-based policy"
    if not explicit:
        because = f"because no identity-based policy allows the {action} action"
    where = f'"{resource}"' if call.service == "s3" else resource
    text = f"User: {arn} is not authorized to perform: {action} on resource: {where} {because}"
    if call.service == "ec2":
        return ServiceError("UnauthorizedOperation", f"You are not authorized to perform this operation. {text}", 403)
    if call.protocol in ("json", "rest-json", "cbor"):
        return ServiceError("AccessDeniedException", text, 403 if call.protocol == "rest-json" else 400)
    return ServiceError("AccessDenied", text, 403)


def simulate(call: Call, environ: dict[str, Any], request_id: str) -> Answer:
    """SimulatePrincipalPolicy (IAM API reference): decisions by action and resource, nothing is done.

    Raises:
        ServiceError: the principal isn't there, or no action is named.
    """
    form = form_body(environ)
    account, partition = account_of(call.access_key_id), get_partition(call.region or "us-east-1")
    actions = _members(form, "ActionNames.member.")
    if not actions or not form.get("PolicySourceArn"):
        raise ServiceError("ValidationError", "PolicySourceArn and ActionNames must not be empty.", 400)
    principal = source(form["PolicySourceArn"][0], account, partition)
    context = {
        form[f"ContextEntries.member.{number}.ContextKeyName"][0].lower(): _members(
            form, f"ContextEntries.member.{number}.ContextKeyValues.member."
        )
        for number in range(1, 51)
        if f"ContextEntries.member.{number}.ContextKeyName" in form
    }
    results = ""
    for action in actions:
        for resource in _members(form, "ResourceArns.member.") or ["*"]:
            decision = decide(principal.documents, action, resource, context)
            missing = "".join(f"<member>{escape(key)}</member>" for key in sorted(decision.missing))
            results += (
                f"<member><EvalActionName>{escape(action)}</EvalActionName>"
                f"<EvalResourceName>{escape(resource)}</EvalResourceName>"
                f"<EvalDecision>{decision.result}</EvalDecision><MatchedStatements/>"
                f"<MissingContextValues>{missing}</MissingContextValues></member>"
            )
    text = (
        f'<{SIMULATE}Response xmlns="{_SIMULATED}"><{SIMULATE}Result><IsTruncated>false</IsTruncated>'
        f"<EvaluationResults>{results}</EvaluationResults></{SIMULATE}Result>"
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{SIMULATE}Response>"
    )
    return Answer(200, text.encode(), {"Content-Type": "text/xml", "x-amzn-RequestId": request_id})


def _members(form: dict[str, list[str]], prefix: str) -> list[str]:
    """A list of the query protocol."""
    result: list[str] = []
    while f"{prefix}{len(result) + 1}" in form:
        result.append(form[f"{prefix}{len(result) + 1}"][0])
    return result
