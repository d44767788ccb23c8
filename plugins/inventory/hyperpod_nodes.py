# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: hyperpod_nodes
short_description: Nodes of SageMaker HyperPod clusters as inventory
version_added: 0.1.0
description:
  - Lists the nodes of HyperPod clusters with ListClusters and ListClusterNodes, without a call per node.
  - DescribeCluster is called once for each cluster, for the Slurm roles of its instance groups; for a cluster in the
    legacy Slurm form C(provisioning_parameters.json) is read from the place of its lifecycle files.
  - The configuration file's name ends in C(hyperpod.yml) or C(hyperpod.yaml).
  - Groups are C(hyperpod), C(hyperpod_cluster_<name>), C(hyperpod_instance_group_<name>),
    C(hyperpod_type_<instance type>), C(hyperpod_status_<status>), and C(hyperpod_role_<role>) with controller, login,
    or compute; characters that a group name can't have become underscores.
  - Host variables are C(hyperpod_cluster_name), C(hyperpod_cluster_arn), C(hyperpod_cluster_id),
    C(hyperpod_cluster_status), C(hyperpod_region), C(hyperpod_instance_group), C(hyperpod_instance_id),
    C(hyperpod_instance_type), C(hyperpod_node_logical_id), C(hyperpod_status), C(hyperpod_status_message),
    C(hyperpod_private_dns_hostname), C(hyperpod_hostname), C(hyperpod_ip_address), C(hyperpod_launch_time),
    C(hyperpod_last_software_update_time), C(hyperpod_image_release_version), C(hyperpod_image_version_status),
    C(hyperpod_role), C(hyperpod_partitions), and C(hyperpod_ssm_target); those that the service doesn't tell are not
    set.
  - An API that can't be reached and missing credentials give an empty inventory and one warning, so that the playbook
    that makes the cluster can run with the same inventory. A region without clusters gives an empty inventory; a
    warning names those of O(clusters) that are not there.
  - A file below C(group_vars) or C(host_vars) beside the configuration file that is not valid YAML is named with line
    and column, for ansible-core tells neither.
notes:
  - "Required IAM actions: sagemaker:ListClusters, sagemaker:DescribeCluster, sagemaker:ListClusterNodes, s3:GetObject."
  - C(s3:GetObject) is needed for clusters in the legacy Slurm form only.
author: podforge contributors (@podforge)
extends_documentation_fragment:
  - inventory_cache
  - constructed
  - amazon.aws.boto3
  - amazon.aws.common.plugins
  - amazon.aws.region.plugins
  - amazon.aws.assume_role.plugins
options:
  plugin:
    description: Name of this plugin.
    required: true
    choices: [podforge.hyperpod.hyperpod_nodes]
  regions:
    description: Regions to list; left out, O(region).
    type: list
    elements: str
    default: []
  clusters:
    description: Names of clusters; left out, all clusters.
    type: list
    elements: str
    default: []
  statuses:
    description: Node statuses to list, such as V(Running); left out, all.
    type: list
    elements: str
    default: []
  hostnames:
    description:
      - What a node is called in the inventory; the first that it has and that no other node has.
    type: list
    elements: str
    choices: [instance_id, private_dns_hostname, hostname, node_logical_id, ip_address]
    default: [instance_id]
  connection:
    description:
      - How Ansible reaches the nodes.
      - V(local_cloud) connects into the containers of local_cloud, with P(podforge.hyperpod.podman#connection).
      - V(ssm_target) uses P(amazon.aws.aws_ssm#connection), which needs a bucket in C(ansible_aws_ssm_bucket_name).
      - V(none) sets nothing.
    type: str
    choices: [local_cloud, ssm_target, none]
    default: none
  local_cloud_name:
    description: Name of the instance of local_cloud, with O(connection=local_cloud); may be a template.
    type: str
    default: default
  strict_permissions:
    description: Fail where an action is denied; otherwise warn, and leave out what could not be read.
    type: bool
    default: true
"""

EXAMPLES = r"""
# nodes.hyperpod.yml: all nodes of two clusters, by their host names
plugin: podforge.hyperpod.hyperpod_nodes
region: us-west-2
clusters: [training, research]
hostnames: [hostname, instance_id]
keyed_groups:
  - key: hyperpod_partitions
    prefix: partition
compose:
  ansible_user: "'ubuntu'"
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/ansible/hyperpod
"""

import json
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

try:
    import botocore
    import botocore.config
    import botocore.exceptions
except ImportError:
    pass  # AWSInventoryBase reports it

from ansible.errors import AnsibleParserError
from ansible.release import __version__ as ansible_version
from ansible_collections.amazon.aws.plugins.plugin_utils.inventory import AWSInventoryBase

from ..module_utils._description.describe import broken_variable_files
from ..plugin_utils import _nodes

_LOOKUPS_ALWAYS = tuple(int(part) for part in ansible_version.split(".")[:2]) >= (2, 19)
_ATTEMPTS = 8
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_DENIED = ("AccessDenied", "AccessDeniedException")
_FORM = "provisioning_parameters.json"


class _NoAnswer(Exception):
    """There is no way to the API; the text says why, and the fix."""


class InventoryModule(AWSInventoryBase):  # type: ignore[misc]  # amazon.aws has no types
    """The plugin; deciding is in plugin_utils/_nodes.py."""

    class TemplatedOptions(AWSInventoryBase.TemplatedOptions):  # type: ignore[misc]  # amazon.aws has no types
        """Connection options may be templates; amazon.aws templates them in a way that core 2.19 deprecates."""

        def get(self, *args: Any) -> Any:
            """An option, templated where it may be a template."""
            value = self.original_options.get(*args)
            if not value or not self.templar or args[0] not in self.TEMPLATABLE_OPTIONS:
                return value
            return _template(self.templar, value)

    NAME = "podforge.hyperpod.hyperpod_nodes"
    INVENTORY_FILE_SUFFIXES = ("hyperpod.yml", "hyperpod.yaml")

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Fill the inventory from cached or fresh results."""
        super().parse(inventory, loader, path, cache=cache)
        for finding in broken_variable_files(Path(path).parent):
            self.display.error(finding.text(), wrap_text=False)
        cached, clusters = self.get_cached_result(path, cache)
        if not cached:
            try:
                clusters = [cluster for region in self._regions() for cluster in self._clusters(region)]
            except _NoAnswer as error:
                self.warn(f"{path}: no HyperPod nodes. {error}")
                return
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
                raise AnsibleParserError(f"{path}: HyperPod nodes can't be listed: {error}") from error
            self.update_cached_result(path, cache, clusters)
        missing = set(self.get_option("clusters")) - {cluster["summary"]["ClusterName"] for cluster in clusters}
        if missing:
            self.warn(f"{path}: in {', '.join(self._regions())} there is no cluster {', '.join(sorted(missing))}.")
        self._populate(clusters)

    def _regions(self) -> list[str]:
        regions = self.get_option("regions") or [self.region]
        if not regions[0]:
            raise _NoAnswer("No region is given: set region in this file, or AWS_REGION.")
        return [str(region) for region in regions]

    def _client(self, service: str, region: str) -> Any:
        config = botocore.config.Config(retries={"mode": "adaptive", "total_max_attempts": _ATTEMPTS})
        return self.client(service, region=region, config=config)

    def _clusters(self, region: str) -> list[dict[str, Any]]:
        """Raw results of one region."""
        self._probe()
        client = self._client("sagemaker", region)
        wanted = self.get_option("clusters")
        try:
            pages = client.get_paginator("list_clusters").paginate()
            summaries = [summary for page in pages for summary in page["ClusterSummaries"]]
        except (botocore.exceptions.NoCredentialsError, botocore.exceptions.PartialCredentialsError) as error:
            raise _NoAnswer(f"{error}: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.") from error
        except (botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError) as error:
            raise _NoAnswer(f"{error}. Check the network and the region.") from error
        except botocore.exceptions.ClientError as error:
            if _code(error).isdigit():  # a bare HTTP status: no error of the service
                text = f"What answers there does not speak the AWS API (HTTP {_code(error)}): correct endpoint_url."
                raise _NoAnswer(text) from error
            self._denied(error)
            return []
        results = (self._cluster(client, region, s) for s in summaries if not wanted or s["ClusterName"] in wanted)
        return [result for result in results if result is not None]

    def _cluster(self, client: Any, region: str, summary: dict[str, Any]) -> dict[str, Any] | None:
        arn = summary["ClusterArn"]
        try:
            described = client.describe_cluster(ClusterName=arn)
            pages = client.get_paginator("list_cluster_nodes").paginate(ClusterName=arn)
            nodes = [node for page in pages for node in page["ClusterNodeSummaries"]]
        except botocore.exceptions.ClientError as error:
            if _code(error) == "ResourceNotFound":  # deleted meanwhile
                return None
            self._denied(error)
            return None
        return {
            "region": region,
            "summary": _nodes.plain(summary),
            "cluster": _nodes.plain(described),
            "nodes": _nodes.plain(nodes),
            "provisioning_parameters": self._legacy_form(region, described),
        }

    def _legacy_form(self, region: str, described: dict[str, Any]) -> dict[str, Any] | None:
        """The legacy Slurm form, if the cluster has one and it may be read; without it nodes have no role."""
        for uri in _nodes.legacy_sources(described):
            bucket, _slash, prefix = uri.split("://", 1)[-1].partition("/")
            key = f"{prefix.strip('/')}/{_FORM}".lstrip("/")
            try:
                content = self._client("s3", region).get_object(Bucket=bucket, Key=key)["Body"].read()
                form = json.loads(content)
            except botocore.exceptions.ClientError as error:
                if _code(error) in _DENIED:
                    self._denied(error)
                self.debug(f"s3://{bucket}/{key}: {error}")
                continue
            except (botocore.exceptions.BotoCoreError, ValueError) as error:
                self.debug(f"s3://{bucket}/{key}: {error}")
                continue
            if isinstance(form, dict):
                return form
        return None

    def _probe(self) -> None:
        """Say at once that local_cloud isn't running; the SDK would try again and again."""
        url = urlsplit(str(self.get_option("endpoint_url") or ""))
        if url.hostname not in _LOOPBACK:
            return
        try:
            socket.create_connection((url.hostname, url.port or 80), timeout=5).close()
        except OSError as error:
            fix = "make cluster, or python -m local_cloud up"
            raise _NoAnswer(f"The API of local_cloud is not running at {url.geturl()}. Start it: {fix}.") from error

    def _denied(self, error: Any) -> None:
        """An action that is denied is a warning where the user wants that, else an error that names it."""
        if self.get_option("strict_permissions") or _code(error) not in _DENIED:
            raise error
        self.warn(f"Left out what may not be read: {error}")

    def _populate(self, clusters: list[dict[str, Any]]) -> None:
        statuses = self.get_option("statuses")
        found = [
            host for host in _nodes.hosts(clusters) if not statuses or host.variables["hyperpod_status"] in statuses
        ]
        strict = self.get_option("strict")
        cloud = _template(self.templar, self.get_option("local_cloud_name"))
        for host, name in zip(found, _nodes.names(found, self.get_option("hostnames")), strict=True):
            self.inventory.add_host(name)
            reach = _nodes.connection_variables(host, self.get_option("connection"), cloud)
            variables = {**host.variables, **reach}
            for key, value in variables.items():
                self.inventory.set_variable(name, key, value)
            for group in host.groups:
                self.inventory.add_group(group)
                self.inventory.add_child(group, name)
            self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
            self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)


def _template(templar: Any, value: Any) -> Any:
    """A value of the configuration file, which may use lookups; from ansible-core 2.19 on that is always so."""
    if _LOOKUPS_ALWAYS:
        return templar.template(value)
    return templar.template(value, disable_lookups=False)


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
