# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts of the service.

Failure texts are those of the Amazon SageMaker Developer Guide ("SageMaker HyperPod cluster management", "cluster
events reference", "Troubleshooting") and of what users quoted from real clusters. Where no text is published, ours says
what the documentation says in prose.
"""

from __future__ import annotations

from local_cloud.errors import ServiceError

CAPACITY = "We currently do not have sufficient capacity for the requested instance type(s). Please try again."
EFA = (
    "EFA health checks did not run successfully. Ensure that your VPC and security groups are properly configured "
    "before attempting to create a new cluster."
)
DEEP_HEALTH = "Deep health checks did not run successfully."
BOOTSTRAP = "Instance bootstrap failed likely because of customer network misconfiguration."
LCS_FAQ = "https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-faq-slurm.html#hyperpod-faqs-q1"
BOTH_FORMS = (
    "Both SLURM config and provisioning_parameters.json are provided. Remove provisioning_parameters.json from the "
    "LifeCycleConfig SourceS3Uri of every instance group, or remove SlurmConfig from InstanceGroups."
)


def lifecycle_failed(log_group: str, group: str, instance_id: str) -> str:
    """InstanceStatus.Message of an instance whose lifecycle script failed."""
    return (
        "Lifecycle scripts did not run successfully. To view lifecycle script logs, "
        f"visit log group '{log_group}' and log stream 'LifecycleConfig/{group}/{instance_id}'. "
        "If you cannot find corresponding lifecycle script logs in CloudWatch, please make sure you follow one of the "
        f"options here: {LCS_FAQ}."
    )


def provision_failed(instance_id: str, reason: str) -> str:
    """FailureMessage of a cluster of which an instance could not be provisioned."""
    return (
        f'Instance {instance_id} failed to provision with the following error: "{reason}" '
        "Note that multiple instances may be impacted."
    )


def agent_key_error(group: str) -> str:
    """What a legacy form does that names a group which the cluster doesn't have."""
    return (
        f"The cluster agent failed to configure Slurm: KeyError: '{group}'. Instance group names in "
        "provisioning_parameters.json must match the instance groups of the cluster."
    )


def invalid(message: str) -> ServiceError:
    """A request that breaks a rule."""
    return ServiceError("ValidationException", message)


def not_found(identifier: str, kind: str = "Cluster") -> ServiceError:
    """No such cluster, or whatever else has a name and an ARN."""
    what = f"ARN {identifier}" if identifier.startswith("arn:") else f"name {identifier}"
    return ServiceError("ResourceNotFound", f"{kind} with {what} not found.")


def in_use(name: str) -> ServiceError:
    """The cluster name is taken."""
    return ServiceError("ResourceInUse", f"Cluster with name {name} already exists. Choose a different name.")


def conflict(name: str, status: str, verb: str) -> ServiceError:
    """The cluster is busy."""
    return ServiceError("ConflictException", f"Cluster {name} cannot be {verb} while it is in {status} status.")


def limit(quota: str, value: int, used: int, delta: int) -> ServiceError:
    """An account quota is exceeded."""
    return ServiceError(
        "ResourceLimitExceeded",
        f"The account-level service limit '{quota}' is {value} Instances, with current utilization of {used} Instances "
        f"and a request delta of {delta} Instances. Please use AWS Service Quotas to request an increase for this "
        "quota. "
        "If AWS Service Quotas is not available, contact AWS support to request an increase for this quota.",
    )
