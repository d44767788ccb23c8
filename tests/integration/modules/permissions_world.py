# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there must be so that each IAM action of each plugin is asked for, and a user whose rights change."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from in_process import run_module
from modules_harness import REGION
from modules_harness import ROOT
from modules_harness import ROOT_KEYS
from modules_harness import Ansible
from modules_harness import Cloud
from modules_harness import Keys
from modules_harness import eventually
from preflight_world import World as Account

from tools import permissions

LEGACY = {"version": "1.0.0", "workload_manager": "slurm", "controller_group": "controller", "worker_groups": []}
FLOWING = "permissions"
# Virtual seconds per second, for what takes the service hours.
HASTE = 30000
OLD, NEW = "1.1.0", "1.2.0"


class World:
    """Clusters in service, failed, in Continuous mode and in the legacy form; staged bundles; a user."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud = cloud
        self.ansible = Ansible(cloud, folder)
        self.keys = cloud.user("limited", permissions.policy(["hyperpod_nodes"]))
        self.numbers = itertools.count()
        self.sliced = False
        self.account = Account(cloud)
        cloud.client("eks").create_cluster(
            name="preflight",
            version="1.33",
            roleArn=self.account.place["role"],
            resourcesVpcConfig={"subnetIds": [self.account.place["subnet"]]},
            accessConfig={"authenticationMode": "API"},
        )
        cloud.client("eks").create_addon(clusterName="preflight", addonName="vpc-cni")
        self._clusters()
        self._flowing()
        self._log()
        staged = self.module("hyperpod_lifecycle", self.staging("old"), ROOT_KEYS)
        assert staged["changed"], staged

    def _clusters(self) -> None:
        legacy = self.ansible.group("controller", 1, life_cycle_config=self.ansible.lifecycle("legacy"))
        del legacy["slurm_config"]
        bucket, body = self.cloud.place["bucket"], json.dumps(LEGACY).encode()
        s3 = self.cloud.client("s3")
        s3.put_object(Bucket=bucket, Key="legacy/on_create.sh", Body=b"#!/bin/sh\n")
        s3.put_object(Bucket=bucket, Key="legacy/provisioning_parameters.json", Body=body)
        old = {**self.ansible.wish("legacy"), "instance_groups": [legacy]}
        del old["orchestrator"]
        for wish in (self.ansible.wish("there", tags={"a": "1"}), old):
            made = self.module("hyperpod_cluster", wish, ROOT_KEYS)
            assert made.get("changed"), made
        self.cloud.fault("node_launch_failure", percent=100)
        broken = self.module("hyperpod_cluster", self.ansible.wish("broken"), ROOT_KEYS)
        assert broken["cluster"]["cluster_status"] == "Failed", broken
        self.cloud.admin("DELETE", "faults")

    def _flowing(self) -> None:
        """A cluster in Continuous mode, of which the service keeps events; one group has accelerators."""
        self.cloud.admin("PUT", "quotas", {"ml.g5.xlarge for cluster usage": 10})
        groups = [
            self.ansible.group("controller", 1, "Controller", image_release_version=OLD),
            self.ansible.group("workers", 1, image_release_version=OLD),
            self.ansible.group("gpus", 1, instance_type="ml.g5.xlarge", image_release_version=OLD),
        ]
        made = self.module("hyperpod_cluster", self.continuous(FLOWING, instance_groups=groups), ROOT_KEYS)
        assert made.get("changed"), made

    def calm(self) -> None:
        """Wait, not long, until the service is not at work on the cluster in Continuous mode."""
        self.cloud.set_speed(HASTE)
        self.cloud.at_rest(FLOWING)
        ask = self.cloud.client("sagemaker").list_cluster_operations

        def over() -> bool | None:
            checks = ask(ClusterName=FLOWING, Type="DeepHealthCheck")["ClusterOperationSummaries"]
            return all(check["Status"] != "InProgress" for check in checks) or None

        eventually(over)

    def node(self, group: str) -> dict[str, Any]:
        """Summary of the node in a group of the cluster in Continuous mode."""
        listed = self.cloud.client("sagemaker").list_cluster_nodes(ClusterName=FLOWING, IncludeNodeLogicalIds=True)
        return next(dict(node) for node in listed["ClusterNodeSummaries"] if node["InstanceGroupName"] == group)

    def _log(self) -> None:
        """A lifecycle log for the failed cluster."""
        logs = self.cloud.client("logs")
        arn = self.cloud.client("sagemaker").describe_cluster(ClusterName="broken")["ClusterArn"]
        group = f"/aws/sagemaker/Clusters/broken/{arn.rsplit('/', 1)[1]}"
        if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
            logs.create_log_group(logGroupName=group)
        logs.create_log_stream(logGroupName=group, logStreamName="LifecycleConfig/workers/i-0123456789abcdef0")

    def continuous(self, name: str, **more: Any) -> dict[str, Any]:
        """Options of a cluster in Continuous mode."""
        options = self.ansible.wish(name, node_provisioning_mode="Continuous", **more)
        del options["orchestrator"]
        return options

    def module(self, name: str, options: dict[str, Any], keys: Keys | None = None) -> dict[str, Any]:
        """Run a module as the limited user, or with other keys; in slices, each with a line to show, if it is to be."""
        if not self.sliced:
            return run_module(self.cloud, name, options, keys or self.keys)
        seen: dict[str, Any] = {"token": {}}
        while "token" in seen:
            result = run_module(self.cloud, name, {**options, "_resume": seen["token"]}, keys or self.keys)
            seen = result.get("_progress", {})
        return result

    @contextlib.contextmanager
    def with_progress(self) -> Iterator[None]:
        """Have modules show their progress, as their action plugin does."""
        self.sliced = True
        try:
            yield
        finally:
            self.sliced = False

    def staging(self, name: str, **more: Any) -> dict[str, Any]:
        """Options of hyperpod_lifecycle; the content is new each time."""
        return {
            "cluster_name": name,
            "bucket": self.cloud.place["bucket"],
            "node_pythons": ["3.11"],
            "collection_paths": {"podforge.hyperpod": str(ROOT)},
            "node_vars": {"number": next(self.numbers)},
            **more,
        }

    def inventory(self) -> dict[str, Any]:
        """What ansible-inventory says, in the form of a module's result."""
        source = self.ansible.folder / "nodes.hyperpod.yml"
        source.write_text(json.dumps({"plugin": "podforge.hyperpod.hyperpod_nodes", "region": REGION}))
        done = subprocess.run(
            [str(Path(sys.executable).parent / "ansible-inventory"), "-i", str(source), "--list"],
            cwd=ROOT,
            env={**self.ansible.environment(self.keys), "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true"},
            capture_output=True,
            text=True,
            check=False,
        )
        return {"failed": done.returncode != 0, "msg": " ".join(done.stderr.split())}
