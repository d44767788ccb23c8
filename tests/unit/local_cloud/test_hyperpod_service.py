# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service with a provider whose instances have agents, in this process: threads, files and all."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING
from typing import Any

import boto3
import pytest
from hyperpod_world import CONTEXT
from hyperpod_world import group
from hyperpod_world import groups
from moto import mock_aws

from local_cloud.errors import ServiceError
from local_cloud.faults import Faults
from local_cloud.hyperpod.service import HyperPodService
from local_cloud.providers.base import LaunchError
from local_cloud.providers.base import NodeSpec
from local_cloud.quotas import Quotas

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Iterator
    from pathlib import Path

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


class Machines:
    """A provider that notes what it is asked for; the test speaks for the agents."""

    name = "machines"
    simulated = False

    def __init__(self) -> None:
        self.specs: dict[str, NodeSpec] = {}
        self.calls: list[tuple[str, str]] = []
        self.refuse: list[Exception] = []

    def launch(self, spec: NodeSpec) -> None:
        self.calls.append(("launch", spec.instance_id))
        if self.refuse:
            raise self.refuse.pop()
        self.specs[spec.instance_id] = spec

    def reboot(self, spec: NodeSpec) -> None:
        self.calls.append(("reboot", spec.instance_id))

    def terminate(self, spec: NodeSpec) -> None:
        self.calls.append(("terminate", spec.instance_id))
        self.specs.pop(spec.instance_id, None)

    def running(self) -> set[str]:
        return set(self.specs)

    def close(self, purge: bool) -> None:
        self.specs.clear()


class NoStore:
    """moto's backends live in this process only: nothing to save."""

    def changes(self, service: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def role_credentials(self, account_id: str, region: str, role_arn: str, session_name: str) -> dict[str, str]:
        return {"AccessKeyId": "A", "SecretAccessKey": "S", "Token": "T", "Expiration": "2030-01-01T00:00:00Z"}


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        boto3.client("iam", region_name="us-west-2").create_role(
            RoleName="node", AssumeRolePolicyDocument=json.dumps(TRUST)
        )
        s3 = boto3.client("s3", region_name="us-west-2")
        s3.create_bucket(Bucket="sagemaker-b", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        s3.put_object(Bucket="sagemaker-b", Key="src/on_create.sh", Body=b"")
        yield


@pytest.fixture
def machines() -> Machines:
    return Machines()


@pytest.fixture
def opened(tmp_path: Path, machines: Machines) -> Iterator[Callable[[], HyperPodService]]:
    """Opens the service on the same folder; called again it is a restart."""
    services: list[HyperPodService] = []

    def make() -> HyperPodService:
        if services:
            services.pop().close()
        services.append(
            HyperPodService(
                tmp_path / "hyperpod", "test", machines, faults=Faults(), access=NoStore(), quotas=Quotas(), speed=600
            )
        )
        return services[-1]

    yield make
    for service in services:
        service.close()


def until(read: Callable[[], Any], timeout: float = 10) -> Any:
    end = time.monotonic() + timeout
    while not (value := read()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return value


def describe(service: HyperPodService) -> dict[str, Any]:
    return service.handle("DescribeCluster", {"ClusterName": "demo"}, CONTEXT)


def create(service: HyperPodService, specs: list[dict[str, Any]]) -> None:
    service.handle("CreateCluster", {"ClusterName": "demo", "InstanceGroups": specs}, CONTEXT)


def tell(service: HyperPodService, spec: NodeSpec, kind: str, **more: Any) -> None:
    service.agent_event(spec.instance_id, spec.agent_token, {"type": kind, **more})


def test_from_creation_to_deletion(opened: Callable[[], HyperPodService], machines: Machines) -> None:
    service = opened()
    create(service, groups(2))
    until(lambda: len(machines.specs) == 4)
    assert machines.calls[0][1] == next(s.instance_id for s in machines.specs.values() if s.instance_group == "ctl")
    for spec in list(machines.specs.values()):
        tell(service, spec, "Booted")
        document = service.agent_document(spec.instance_id, spec.agent_token)
        assert document["lifecycle"] == {
            "source_s3_uri": "s3://sagemaker-b/src",
            "on_create": "on_create.sh",
            "on_init_complete": None,
            "attempt": 1,
            "wanted": True,
        }
        assert describe(service)["ClusterStatus"] == "Creating"
        tell(service, spec, "LifecycleSucceeded", attempt=1)
    assert describe(service)["ClusterStatus"] == "InService"
    service.handle("DeleteCluster", {"ClusterName": "demo"}, CONTEXT)
    until(lambda: not machines.specs)

    def gone() -> bool:
        try:
            describe(service)
        except ServiceError as error:
            return error.code == "ResourceNotFound"
        return False

    until(gone)


def test_a_failing_script_ends_all_and_says_why(opened: Callable[[], HyperPodService], machines: Machines) -> None:
    service = opened()
    create(service, groups(1))
    until(lambda: len(machines.specs) == 3)
    failing = next(s for s in machines.specs.values() if s.instance_group == "work")
    tell(service, failing, "Booted")
    tell(service, failing, "LifecycleStarted", attempt=1)
    tell(service, failing, "LifecycleFailed", attempt=1, exit_code=3, message="boom")
    until(lambda: describe(service)["ClusterStatus"] == "Failed")
    assert not machines.specs
    message = describe(service)["FailureMessage"]
    assert message.startswith(f"Instance {failing.instance_id} failed to provision with the following error:")
    assert f"log stream 'LifecycleConfig/work/{failing.instance_id}'" in message


def test_a_launch_that_fails_leaves_nothing_behind(opened: Callable[[], HyperPodService], machines: Machines) -> None:
    machines.refuse = [LaunchError("no room")]
    service = opened()
    create(service, [group("ctl", 1, "Controller")])
    until(lambda: describe(service)["ClusterStatus"] == "Failed")
    assert "no room" in describe(service)["FailureMessage"]
    assert [call for call, _dummy in machines.calls][:2] == ["launch", "terminate"]


def test_a_half_started_instance_is_ended_before_the_next_try(
    opened: Callable[[], HyperPodService], machines: Machines
) -> None:
    machines.refuse = [LaunchError("no room")]
    service = opened()
    params = {
        "ClusterName": "demo",
        "InstanceGroups": [group("ctl", 1, "Controller")],
        "NodeProvisioningMode": "Continuous",
    }
    service.handle("CreateCluster", params, CONTEXT)
    until(lambda: machines.specs)
    first, second = (i for call, i in machines.calls if call == "launch")
    assert first != second
    assert ("terminate", first) in machines.calls
    assert describe(service)["ClusterStatus"] == "Creating"


def test_an_unexpected_error_of_the_provider_is_tried_again(
    opened: Callable[[], HyperPodService], machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local_cloud.hyperpod.worker.RETRY", 0.05)
    machines.refuse = [OSError("the disk is full")]
    service = opened()
    create(service, [group("ctl", 1, "Controller")])
    until(lambda: machines.specs)
    assert [call for call, _dummy in machines.calls] == ["launch", "launch"]
    assert describe(service)["ClusterStatus"] == "Creating"


def test_a_restart_starts_what_should_run_and_waits_for_its_reports(
    opened: Callable[[], HyperPodService], machines: Machines
) -> None:
    service = opened()
    create(service, groups(1))
    until(lambda: len(machines.specs) == 3)
    specs = dict(machines.specs)
    for spec in specs.values():
        tell(service, spec, "Booted")
    machines.specs.clear()  # the machine was switched off
    service = opened()
    until(lambda: machines.specs == specs)
    assert describe(service)["ClusterStatus"] == "Creating"
    for spec in specs.values():
        tell(service, spec, "Booted")
        tell(service, spec, "LifecycleSucceeded", attempt=1)
    assert describe(service)["ClusterStatus"] == "InService"


def test_a_new_root_volume_has_a_new_token_and_the_old_one_is_void(
    opened: Callable[[], HyperPodService], machines: Machines
) -> None:
    service = opened()
    create(service, [group("ctl", 1, "Controller", ImageReleaseVersion="1.0.0")])
    old = until(lambda: next(iter(machines.specs.values()), None))
    tell(service, old, "Booted")
    tell(service, old, "LifecycleSucceeded")
    service.handle("UpdateClusterSoftware", {"ClusterName": "demo"}, CONTEXT)
    new = until(lambda: next((s for s in machines.specs.values() if s.root_volume == 2), None))
    assert new.instance_id == old.instance_id
    assert new.ip_address == old.ip_address
    with pytest.raises(ServiceError) as caught:
        tell(service, old, "LifecycleSucceeded")
    assert caught.value.status == 403
    tell(service, new, "Booted")
    tell(service, new, "LifecycleFailed", attempt=1)
    assert describe(service)["ClusterStatus"] == "SystemUpdating"
    document = until(
        lambda: (d := service.agent_document(new.instance_id, new.agent_token))["lifecycle"]["wanted"] and d
    )
    assert document["lifecycle"]["attempt"] == 2
    tell(service, new, "LifecycleFailed", attempt=1)  # told twice
    tell(service, new, "LifecycleSucceeded", attempt=2)
    assert describe(service)["ClusterStatus"] == "InService"
    assert describe(service)["InstanceGroups"][0]["SoftwareUpdateStatus"] == "Succeeded"
