# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private: the execution role of the nodes. Pure: answers of IAM in, findings out.

Source: "IAM role for SageMaker HyperPod" (AWS documentation): SageMaker must be trusted to assume it, and it carries
AmazonSageMakerClusterInstanceRolePolicy or permissions that say the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .._findings import failure
from .._findings import passed
from .._findings import warning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._findings import Finding

SERVICE = "sagemaker.amazonaws.com"
# Set on all that the playbooks make, with the name of the cluster it was made for.
OWNER_TAG = "podforge:cluster"
MANAGED_POLICY = "AmazonSageMakerClusterInstanceRolePolicy"
# Services of whose resources the simulator is asked about one that stands for all.
_STAND_INS = ("ec2", "logs")
_SESSIONS = ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")
_INTERFACES = (
    "CreateNetworkInterface",
    "CreateNetworkInterfacePermission",
    "DeleteNetworkInterface",
    "DeleteNetworkInterfacePermission",
    "DescribeDhcpOptions",
    "DescribeNetworkInterfaces",
    "DescribeSecurityGroups",
    "DescribeSubnets",
    "DescribeVpcs",
    "DetachNetworkInterface",
)


def account_of(arn: str) -> str:
    """The account in an IAM ARN (``arn:aws:iam::123456789012:role/x``)."""
    parts = arn.split(":")
    return parts[4] if len(parts) > 5 else ""


def made_for(tags: Sequence[dict[str, str]]) -> str | None:
    """The cluster that a resource was made for by this collection; None if it was not."""
    return next((tag["Value"] for tag in tags if tag["Key"] == OWNER_TAG), None)


def judge_account(arn: str, account_id: str) -> Finding | None:
    """A role can only be used in its own account."""
    if account_of(arn) in ("", account_id):
        return None
    return failure(
        "role_account",
        f"The role belongs to account {account_of(arn)}, and the credentials to {account_id}",
        where=arn,
        fix="give a role of your account, or a name to make one: the variable hyperpod_execution_role",
    )


def judge_missing_role(arn: str) -> Finding:
    """The role isn't there."""
    fix = "correct the ARN, or let the role be made: the variable hyperpod_execution_role with a name"
    return failure("role_exists", "The execution role does not exist", where=arn, fix=fix)


def judge_role(arn: str, document: dict[str, Any], policies: Sequence[str] | None) -> list[Finding]:
    """Trust and permissions of a role.

    Args:
        arn: the role.
        document: its trust policy.
        policies: names of its attached and inline policies; None: they could not be read.
    """
    findings = [
        passed("role_trust", "SageMaker may assume the role", where=arn)
        if trusts(document)
        else failure(
            "role_trust",
            f"The role does not trust {SERVICE}",
            where=arn,
            why="CreateCluster would refuse it",
            fix=f"allow sts:AssumeRole to the service {SERVICE} in its trust policy",
        )
    ]
    if policies is not None and not policies:
        findings.append(
            warning(
                "role_policies",
                "The role has no policy at all",
                where=arn,
                why="Nodes could not read their lifecycle files nor write logs",
                fix=f"attach {MANAGED_POLICY}, or a policy that says the same",
            )
        )
    return findings


def needed_permissions(
    partition: str, region: str, account_id: str, cluster: str, buckets: Sequence[str], *, own_network: bool
) -> list[tuple[str, str]]:
    """Pairs of action and resource that nodes can't do without ("IAM role for SageMaker HyperPod")."""
    logs = f"arn:{partition}:logs:{region}:{account_id}:log-group:/aws/sagemaker/Clusters/{cluster}/id"
    pairs = [
        ("logs:CreateLogGroup", logs),
        ("logs:CreateLogStream", f"{logs}:log-stream:LifecycleConfig/group/i-0"),
        ("logs:PutLogEvents", f"{logs}:log-stream:LifecycleConfig/group/i-0"),
        ("logs:DescribeLogStreams", f"{logs}:log-stream:"),
        ("cloudwatch:PutMetricData", "*"),
    ]
    pairs += [(f"ssmmessages:{action}", "*") for action in _SESSIONS]
    for bucket in buckets:
        name = f"arn:{partition}:s3:::{bucket}"
        pairs += [("s3:ListBucket", name), ("s3:GetObject", f"{name}/lifecycle/on_create.sh")]
    if own_network:
        pairs += [(f"ec2:{action}", "*") for action in _INTERFACES]
        pairs.append(("ec2:CreateTags", f"arn:{partition}:ec2:{region}:{account_id}:network-interface/eni-0"))
    return pairs


def simulation_context(account_id: str) -> dict[str, str]:
    """Values of condition keys that the policies of AWS ask for and the simulator doesn't know by itself."""
    keys = ("aws:PrincipalAccount", "aws:ResourceAccount", "s3:ResourceAccount")
    return {**dict.fromkeys(keys, account_id), "cloudwatch:namespace": "/aws/sagemaker/Clusters"}


def judge_permissions(arn: str, results: Sequence[dict[str, Any]]) -> list[Finding]:
    """What the simulator of IAM says about a role: results of SimulatePrincipalPolicy."""
    denied, unclear = [], []
    for result in results:
        if result["EvalDecision"] == "allowed":
            continue
        resource = result.get("EvalResourceName") or "*"
        action = str(result["EvalActionName"])
        plain = resource == "*" or action.split(":", 1)[0] in _STAND_INS
        text = action if plain else f"{action} on {resource}"
        missing = result.get("MissingContextValues") or []
        if missing and result["EvalDecision"] == "implicitDeny":
            unclear.append(f"{text} (depends on {', '.join(missing)})")
        else:
            denied.append(text)
    findings = []
    if denied:
        what = f"The role does not allow {len(denied)} of {len(results)} actions that nodes need: {', '.join(denied)}"
        why = "Nodes would fail to start, or could not be seen and reached"
        fix = f"attach {MANAGED_POLICY} and what a VPC of your own needs, or a policy that says the same"
        findings.append(failure("role_permissions", what, where=arn, why=why, fix=fix))
    if unclear:
        what = f"Whether the role allows this could not be checked: {'; '.join(unclear)}"
        findings.append(warning("role_permissions", what, where=arn, fix="look at the conditions in its policies"))
    if not findings:
        findings.append(passed("role_permissions", f"The role allows all {len(results)} actions", where=arn))
    return findings


def trusts(document: dict[str, Any]) -> bool:
    """Whether a trust policy lets SageMaker assume the role (IAM JSON policy elements reference: single or list)."""
    return any(
        statement.get("Effect") == "Allow"
        and any(action in ("sts:AssumeRole", "sts:*", "*") for action in _list(statement.get("Action")))
        and SERVICE in _services(statement.get("Principal"))
        for statement in _list(document.get("Statement"))
    )


def _services(principal: Any) -> list[str]:
    return [str(service) for service in _list(principal.get("Service"))] if isinstance(principal, dict) else []


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
