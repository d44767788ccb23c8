# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What moto leaves out of EKS clusters, and HyperPod depends on: access mode, VPC, add-ons.

Source: Amazon EKS API reference, CreateAddon, Addon and AddonHealth. As with all of moto an add-on is there at once;
what runs as a Deployment is DEGRADED until the cluster has nodes. Versions are those of one day.
"""

from __future__ import annotations

import functools
import json
import re
import uuid
from datetime import datetime
from datetime import timezone
from typing import TYPE_CHECKING
from typing import Any

import botocore.session
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.eks import models as eks_models
from moto.eks import responses as eks_responses
from moto.eks import urls as eks_urls
from moto.eks.exceptions import InvalidParameterException
from moto.eks.exceptions import ResourceInUseException
from moto.eks.exceptions import ResourceNotFoundException

from local_cloud import validation
from local_cloud.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

# name -> version that is taken when none is asked for; kube-proxy has that of the cluster.
_VERSIONS = {
    "vpc-cni": "v1.19.2-eksbuild.1",
    "kube-proxy": "v{kubernetes}.0-eksbuild.2",
    "coredns": "v1.11.4-eksbuild.2",
    "eks-pod-identity-agent": "v1.3.4-eksbuild.1",
    "eks-node-monitoring-agent": "v1.0.2-eksbuild.2",
    "metrics-server": "v0.7.2-eksbuild.1",
    "cert-manager": "v1.17.2-eksbuild.1",
    "aws-ebs-csi-driver": "v1.38.1-eksbuild.1",
    "aws-efs-csi-driver": "v2.1.4-eksbuild.1",
    "aws-fsx-csi-driver": "v1.2.0-eksbuild.1",
    "aws-mountpoint-s3-csi-driver": "v1.11.0-eksbuild.1",
    "amazon-cloudwatch-observability": "v3.3.0-eksbuild.1",
    "amazon-sagemaker-hyperpod-inference": "v1.0.0-eksbuild.1",
    "amazon-sagemaker-hyperpod-observability": "v1.0.0-eksbuild.1",
    "amazon-sagemaker-hyperpod-taskgovernance": "v1.0.0-eksbuild.1",
    "amazon-sagemaker-hyperpod-training-operator": "v1.0.0-eksbuild.1",
}
_VERSION = re.compile(r"v\d+\.\d+\.\d+-eksbuild\.\d+")
_SELF_MANAGED = ("vpc-cni", "kube-proxy", "coredns")
# These run on each node there is, none included.
_DAEMON_SETS = ("vpc-cni", "kube-proxy", "eks-pod-identity-agent", "eks-node-monitoring-agent")
_NO_REPLICAS = {
    "code": "InsufficientNumberOfReplicas",
    "message": "The add-on is unhealthy because it doesn't have the desired number of replicas.",
    "resourceIds": [],
}
_CONFLICT = {
    "code": "ConfigurationConflict",
    "message": "Conflicts found when trying to apply. Will not continue due to resolve conflicts mode.",
    "resourceIds": [],
}
_PAGE = 100
_KEPT = ("serviceAccountRoleArn", "configurationValues", "namespaceConfig")


def _no_nodes(_account_id: str, _region: str, _cluster_arn: str) -> int:
    return 0


joined_nodes: Callable[[str, str, str], int] = _no_nodes
"""Nodes that HyperPod has joined to an EKS cluster; the server puts the service's own answer here."""


def apply() -> None:
    """Mend moto's EKS."""
    _mend_clusters()
    _add_addons()


def _mend_clusters() -> None:
    """moto drops ``accessConfig`` and never tells the VPC; HyperPod's checks of an EKS cluster need both."""
    response = eks_responses.EKSResponse
    inner = response.create_cluster

    @functools.wraps(inner)
    def create_cluster(self: Any) -> Any:
        answer = inner(self)
        cluster = self.eks_backend.clusters[self._get_param("name")]
        # https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateAccessConfigRequest.html
        wanted = self._get_param("accessConfig") or {}
        cluster.access_config = {
            "authenticationMode": wanted.get("authenticationMode") or "CONFIG_MAP",
            "bootstrapClusterCreatorAdminPermissions": wanted.get("bootstrapClusterCreatorAdminPermissions", True),
        }
        # https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html: without a word they are installed.
        cluster.self_managed_addons = self._get_param("bootstrapSelfManagedAddons", True)
        network = dict(cluster.resources_vpc_config or {})
        vpc_id = _vpc_of(self.current_account, self.region, network.get("subnetIds") or [])
        if vpc_id:
            network["vpcId"] = vpc_id
        cluster.resources_vpc_config = network
        return answer

    response.create_cluster = create_cluster
    # The serializer asks for accessConfig under this name; clusters of other ways of creation have none.
    eks_models.Cluster.access_config = None


def _vpc_of(account_id: str, region: str, subnet_ids: list[str]) -> str | None:
    for zone in list(ec2_backends[account_id][region].subnets.values()):
        for subnet_id in subnet_ids:
            if subnet_id in zone:
                return str(zone[subnet_id].vpc_id)
    return None


def _add_addons() -> None:
    response: Any = eks_responses.EKSResponse
    for name in ("create_addon", "describe_addon", "list_addons", "delete_addon"):
        setattr(response, name, globals()[f"_{name}"])
    path = "{0}/clusters/(?P<name>[^/]+)/addons"
    eks_urls.url_paths[f"{path}$"] = eks_urls.response.dispatch
    eks_urls.url_paths[f"{path}/(?P<addonName>[^/]+)$"] = eks_urls.response.dispatch


def _create_addon(self: Any) -> ActionResult:
    """CreateAddon."""
    params = _params(self, "CreateAddon")
    cluster, name = _cluster(self, params), params["addonName"]
    if name not in _VERSIONS:
        raise InvalidParameterException(**_about(params), message="Addon specified is not supported")
    version = params.get("addonVersion") or _VERSIONS[name].format(kubernetes=cluster.version)
    if not _VERSION.fullmatch(version):
        raise InvalidParameterException(**_about(params), message="Addon version specified is not supported")
    if name in _addons(cluster):
        raise ResourceInUseException(**_about(params), message="Addon already exists.")
    # API reference, resolveConflicts: with a self-managed version on the cluster and NONE, creation might fail.
    mode = params.get("resolveConflicts", "NONE")
    self_managed = name in _SELF_MANAGED and getattr(cluster, "self_managed_addons", True)
    conflict = bool(self_managed and mode == "NONE" and params.get("configurationValues"))
    place, now = cluster.arn.replace(":cluster/", ":addon/"), datetime.now(timezone.utc)
    addon = {
        "addonName": name,
        "clusterName": cluster.name,
        "addonVersion": version,
        "addonArn": f"{place}/{name}/{uuid.uuid4()}",
        "createdAt": now,
        "modifiedAt": now,
        "tags": params.get("tags", {}),
        "podIdentityAssociations": [
            f"{cluster.arn.replace(':cluster/', ':podidentityassociation/')}/a-{uuid.uuid4().hex[:17]}"
            for _association in params.get("podIdentityAssociations", [])
        ],
        **{key: params[key] for key in _KEPT if key in params},
    }
    _addons(cluster)[name] = {"conflict": conflict, "addon": addon}
    return ActionResult({"addon": {**addon, "status": "CREATING", "health": {"issues": []}}})


def _describe_addon(self: Any) -> ActionResult:
    """DescribeAddon."""
    params = _params(self, "DescribeAddon")
    cluster = _cluster(self, params)
    kept = _addon(cluster, params)
    nodes = len(cluster.nodegroups) or joined_nodes(self.current_account, self.region, cluster.arn)
    status, issues = "ACTIVE", []
    if kept["conflict"]:
        status, issues = "CREATE_FAILED", [_CONFLICT]
    elif not nodes and params["addonName"] not in _DAEMON_SETS:
        status, issues = "DEGRADED", [_NO_REPLICAS]
    return ActionResult({"addon": {**kept["addon"], "status": status, "health": {"issues": issues}}})


def _list_addons(self: Any) -> ActionResult:
    """ListAddons; a token is the first name of the next page, as in all of moto's EKS."""
    params = _params(self, "ListAddons")
    names = sorted(_addons(_cluster(self, params)))
    token = params.get("nextToken") or (names or [""])[0]
    rest = [name for name in names if name >= token]
    size = params.get("maxResults", _PAGE)
    following = {"nextToken": rest[size]} if len(rest) > size else {}
    return ActionResult({"addons": rest[:size], **following})


def _delete_addon(self: Any) -> ActionResult:
    """DeleteAddon."""
    params = _params(self, "DeleteAddon")
    cluster = _cluster(self, params)
    addon = _addon(cluster, params)["addon"]
    del _addons(cluster)[params["addonName"]]
    return ActionResult({"addon": {**addon, "status": "DELETING", "health": {"issues": []}}})


def _params(response: Any, operation: str) -> dict[str, Any]:
    """The parameters of a request, checked by the service model."""
    shape: Any = _model().operation_model(operation).input_shape
    try:
        raw = json.loads(response.body or b"{}")
        if not isinstance(raw, dict):
            raise TypeError
    except (ValueError, TypeError):
        raise InvalidParameterException(message="The request body is not a JSON object.") from None
    for name, member in shape.members.items():
        place, key = member.serialization.get("location"), member.serialization.get("name", name)
        text = response.uri_match.get(key) if place == "uri" else response.querystring.get(key, [None])[0]
        if place:
            raw[name] = _typed(member.type_name, text)
    try:
        params: dict[str, Any] = validation.convert(shape, raw)
        validation.check(shape, params)
    except ServiceError as error:
        raise InvalidParameterException(message=error.message) from None
    return params


@functools.cache
def _model() -> Any:
    return botocore.session.get_session().get_service_model("eks")


def _typed(kind: str, text: str | None) -> Any:
    """A value of a path or query string."""
    if text is not None and kind == "integer" and text.lstrip("-").isdigit():
        return int(text)
    return {"true": True, "false": False}.get(text or "", text) if kind == "boolean" else text


def _about(params: dict[str, Any]) -> dict[str, Any]:
    return {"clusterName": params["clusterName"], "addonName": params["addonName"]}


def _cluster(response: Any, params: dict[str, Any]) -> Any:
    return response.eks_backend.describe_cluster(params["clusterName"])


def _addons(cluster: Any) -> dict[str, dict[str, Any]]:
    """Add-ons by name; clusters that an earlier version saved have none."""
    kept: dict[str, dict[str, Any]] = cluster.__dict__.setdefault("addons", {})
    return kept


def _addon(cluster: Any, params: dict[str, Any]) -> dict[str, Any]:
    name = params["addonName"]
    if name not in _addons(cluster):
        message = f"No addon: {name} found in cluster: {cluster.name}"
        raise ResourceNotFoundException(**_about(params), message=message)
    return _addons(cluster)[name]
