# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decisions about the lifecycle run; nothing here touches the node.

Sources: Amazon SageMaker developer guide, "Customize SageMaker HyperPod clusters using lifecycle scripts";
ClusterLifeCycleConfig in the API reference.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

SOURCE_PATTERN = re.compile(r"^(https|s3)://([^/]+)/?(.*)$")


@dataclass(frozen=True)
class Noted:
    """What the node remembers of its lifecycle run; it outlives a reboot, and ends with the root volume.

    ``status`` is running, succeeded or failed; ``reported`` tells whether the service knows of the end.
    """

    attempt: int
    status: str
    exit_code: int = 0
    message: str = ""
    reported: bool = False

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Noted:
        """The inverse of ``dataclasses.asdict``."""
        return cls(**{key: data[key] for key in ("attempt", "status", "exit_code", "message", "reported")})


@dataclass(frozen=True)
class Plan:
    """What a node does in its life: start the AMI's daemons, run a script, both, or (EKS) neither."""

    ami_init: bool
    script: str | None
    source: str | None


def plan(lifecycle: dict[str, Any], orchestrator: str) -> Plan:
    """OnCreate: nothing is done for you. OnInitComplete or none: the AMI starts Slurm itself first."""
    on_create = lifecycle.get("on_create")
    script = on_create or lifecycle.get("on_init_complete")
    return Plan(
        ami_init=orchestrator == "Slurm" and not on_create,
        script=script,
        source=lifecycle.get("source_s3_uri") if script else None,
    )


def interrupted(noted: Noted | None) -> Noted | None:
    """The note as a new agent process takes it: a run that nobody attends any more has failed."""
    if noted is None or noted.status != "running":
        return noted
    message = "The lifecycle script was interrupted: the instance restarted or the agent ended while it ran."
    return replace(noted, status="failed", exit_code=143, message=message, reported=False)


def wants_run(noted: Noted | None, lifecycle: dict[str, Any]) -> bool:
    """Whether to start a run now."""
    if not lifecycle.get("wanted", False):
        return False
    return noted is None or (noted.status != "running" and int(lifecycle.get("attempt", 1)) > noted.attempt)


def report_of(noted: Noted) -> dict[str, Any] | None:
    """The event to send for a run that has ended, None when there is nothing to say."""
    if noted.reported or noted.status == "running":
        return None
    kind = "LifecycleSucceeded" if noted.status == "succeeded" else "LifecycleFailed"
    return {"type": kind, "attempt": noted.attempt, "exit_code": noted.exit_code, "message": noted.message}


def source_of(uri: str) -> tuple[str, str]:
    """Bucket and prefix (with its closing slash, or empty) of a SourceS3Uri.

    Raises ValueError for what is no S3 location.
    """
    match = SOURCE_PATTERN.match(uri)
    if match is None:
        raise ValueError(f"SourceS3Uri {uri} is not of the form s3://bucket/prefix")
    scheme, host, path = match.groups()
    bucket = host
    if scheme == "https":
        virtual = re.match(r"^(.+?)\.s3[.-]", host)
        if virtual:
            bucket = virtual.group(1)
        else:
            bucket, _slash, path = path.partition("/")
    prefix = path.strip("/")
    return bucket, f"{prefix}/" if prefix else ""


def local_name(key: str, prefix: str) -> str | None:
    """Path of an object below the download folder; None for folder markers and for keys that would leave it."""
    relative = key[len(prefix) :]
    if not relative or relative.endswith("/"):
        return None
    normal = posixpath.normpath(relative)
    return None if normal.startswith(("/", "..")) else normal


# SDKs ask the metadata service once and wait for a second, which a machine that plays many instances can't promise.
IMDS_PATIENCE = {"AWS_METADATA_SERVICE_TIMEOUT": "5", "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "6"}


def environment(path: str, resource_config: str, endpoint_url: str, region: str) -> dict[str, str]:
    """All of a lifecycle script's environment. HOME is not in it, as on the service; credentials come from IMDS."""
    return {
        "PATH": path,
        "LANG": "C.UTF-8",
        "SAGEMAKER_RESOURCE_CONFIG_PATH": resource_config,
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        **IMDS_PATIENCE,
    }
