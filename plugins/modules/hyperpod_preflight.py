#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hyperpod_preflight
short_description: Check everything about a SageMaker HyperPod cluster that can be known before it is made
version_added: 0.1.0
description:
  - Checks the description of a cluster, and all that it is to stand on. These are the account, subnets, security
    groups, instance types in their Availability Zones, quotas, training plans, role and permissions, bucket, lifecycle
    files, FSx file systems and the way to them, secrets, certificates, the EKS cluster, and the pod network.
  - Reports all findings at once, as failures, warnings, and passes; fails if there is a failure. Changes nothing.
  - Run it before anything is made, and again when the ids of what was made are known.
  - What could not be checked is a warning that says why, never a pass.
extends_documentation_fragment:
  - podforge.hyperpod._attributes
  - podforge.hyperpod._attributes.info_module
  - podforge.hyperpod._attributes.actiongroup_hyperpod
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
options:
  description:
    description: The description that M(podforge.hyperpod.hyperpod_description) returns.
    type: dict
    required: true
  subnet_ids:
    description: Subnets of the cluster, once they are known.
    type: list
    elements: str
  security_group_ids:
    description: Security groups of the cluster, once they are known.
    type: list
    elements: str
  execution_role_arn:
    description: Role of the nodes, once it is known.
    type: str
  source_s3_uri:
    description: Place of the lifecycle files, once they are staged.
    type: str
  entry:
    description: Entry script below O(source_s3_uri).
    type: str
    default: on_create.sh
  secrets:
    description: Names or ARNs of secrets that nodes read, such as the password that they bind to a directory with.
    type: list
    elements: str
    default: []
  certificates:
    description: Certificates of LDAPS endpoints.
    type: list
    elements: dict
    default: []
    suboptions:
      arn:
        description: ARN of the certificate in ACM.
        type: str
        required: true
      name:
        description: Host name or C(ldaps://) URI that clients connect to; the certificate must be for it.
        type: str
  pod_cidr:
    description: Network of pods, for a Kubernetes of your own on the nodes; a /24 for each node.
    type: str
  service_cidr:
    description: Network of services of that Kubernetes, which O(pod_cidr) must not overlap.
    type: str
    default: 10.96.0.0/12
  scope:
    description:
      - V(all) checks everything.
      - V(access) only finds out whether AWS can be reached, and what exists of role and bucket.
    type: str
    choices: [all, access]
    default: all
  ignore:
    description: Names of checks (C(check) in RV(preflight.findings)) whose failures count as warnings.
    type: list
    elements: str
    default: []
notes:
  - "Required IAM actions: sagemaker:DescribeCluster, ec2:DescribeAvailabilityZones, ec2:DescribeSubnets,
    ec2:DescribeRouteTables, ec2:DescribeSecurityGroups, ec2:DescribeInstanceTypes, ec2:DescribeInstanceTypeOfferings,
    ec2:DescribeNetworkInterfaces, ec2:DescribeVpcs, fsx:DescribeFileSystems, iam:GetRole,
    iam:ListAttachedRolePolicies, iam:ListRolePolicies, iam:SimulatePrincipalPolicy, s3:ListBucket,
    s3:GetBucketTagging, s3:GetBucketPublicAccessBlock, s3:GetBucketPolicyStatus, s3:GetObject,
    secretsmanager:DescribeSecret, acm:DescribeCertificate, servicequotas:ListServiceQuotas,
    sagemaker:DescribeTrainingPlan, eks:DescribeCluster, eks:ListAddons, eks:DescribeAddon."
  - Only what the description has is asked about; C(fsx:DescribeFileSystems), for example, takes a file system.
author: podforge contributors (@podforge)
seealso:
  - module: podforge.hyperpod.hyperpod_description
"""

EXAMPLES = r"""
- name: Check what can be known now
  podforge.hyperpod.hyperpod_preflight:
    description: "{{ described.description }}"
    region: us-west-2

- name: Check the network that was made, too
  podforge.hyperpod.hyperpod_preflight:
    description: "{{ described.description }}"
    region: us-west-2
    subnet_ids: [subnet-0123456789abcdef0]
    security_group_ids: [sg-0123456789abcdef0]
    ignore: [subnet_addresses]

- name: Check the directory's secret and certificate, too
  podforge.hyperpod.hyperpod_preflight:
    description: "{{ described.description }}"
    region: us-west-2
    secrets: [hyperpod/directory-bind]
    certificates:
      - arn: arn:aws:acm:us-west-2:123456789012:certificate/12345678-1234-1234-1234-123456789012
        name: ldaps://ldap.example.com
"""

RETURN = r"""
preflight:
  description: The report.
  returned: always
  type: dict
  contains:
    passed:
      description: There is no failure.
      type: bool
    summary:
      description: The numbers of failures, warnings, and passes, as a sentence.
      type: str
    failures:
      description: Number of failures.
      type: int
    warnings:
      description: Number of warnings.
      type: int
    passes:
      description: Number of passes.
      type: int
    findings:
      description: All findings; each with level, check, where, what, value, why, and fix.
      type: list
      elements: dict
existing:
  description: What of the role and the bucket that are to be made is there already.
  returned: always
  type: dict
  contains:
    execution_role:
      description: ARN, the cluster that it was made for by this collection if it was, and whether SageMaker may use it.
      type: dict
      sample: {arn: "arn:aws:iam::123456789012:role/demo-node", made_for: demo, trusted: true}
    bucket:
      description: Name, and the cluster that it was made for by this collection if it was.
      type: dict
      sample: {name: sagemaker-demo, made_for: null}
caller:
  description: Who the credentials belong to, where, and the bucket's name with account and region filled in.
  returned: when AWS answers
  type: dict
  sample:
    account_id: "123456789012"
    arn: arn:aws:iam::123456789012:user/me
    bucket: sagemaker-demo-123456789012
    partition: aws
    region: us-west-2
"""

import functools
from typing import Any

try:
    import botocore.config
    import botocore.session
except ImportError:
    pass  # AnsibleAWSModule reports it

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from ..module_utils._description.model import create_cluster_shape
from ..module_utils._description.model import instance_types
from ..module_utils._findings import FAILURE
from ..module_utils._findings import PASS
from ..module_utils._findings import WARNING
from ..module_utils._findings import count
from ..module_utils._findings import report
from ..module_utils._findings import soften
from ..module_utils._hyperpod.common import REQUEST_ATTEMPTS
from ..module_utils._hyperpod.naming import counted
from ..module_utils._preflight.connection import known_regions
from ..module_utils._preflight.runner import run
from ..module_utils._preflight.survey import Survey

GIVEN = (
    "description",
    "subnet_ids",
    "security_group_ids",
    "execution_role_arn",
    "source_s3_uri",
    "entry",
    "secrets",
    "certificates",
    "pod_cidr",
    "service_cidr",
)


def main() -> None:
    """Entry point of the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "description": {"type": "dict", "required": True},
            "subnet_ids": {"type": "list", "elements": "str"},
            "security_group_ids": {"type": "list", "elements": "str"},
            "execution_role_arn": {"type": "str"},
            "source_s3_uri": {"type": "str"},
            "entry": {"type": "str", "default": "on_create.sh"},
            "secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
            "certificates": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {"arn": {"type": "str", "required": True}, "name": {"type": "str"}},
            },
            "pod_cidr": {"type": "str"},
            "service_cidr": {"type": "str", "default": "10.96.0.0/12"},
            "scope": {"type": "str", "choices": ["all", "access"], "default": "all"},
            "ignore": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    session = botocore.session.get_session()

    @functools.cache
    def client(service: str, attempts: int = REQUEST_ATTEMPTS) -> Any:
        config = botocore.config.Config(retries={"mode": "adaptive", "total_max_attempts": attempts})
        return module.client(service, config=config)

    survey = Survey(
        **{key: module.params[key] for key in GIVEN},
        region=module.region,
        endpoint_url=module.params.get("endpoint_url"),
        client=client,
        known_regions=known_regions(session),
        instance_types=instance_types(create_cluster_shape(session)),
    )
    found = run(survey, access_only=module.params["scope"] == "access")
    findings = soften(found, module.params["ignore"])
    numbers = [count(findings, level) for level in (FAILURE, WARNING, PASS)]
    nouns = (("failure", "failures"), ("warning", "warnings"), ("pass", "passes"))
    summary = ", ".join(counted(number, *noun) for number, noun in zip(numbers, nouns, strict=True))
    result = {
        "preflight": {
            "passed": not numbers[0],
            "summary": summary,
            "failures": numbers[0],
            "warnings": numbers[1],
            "passes": numbers[2],
            "findings": [finding.as_dict() for finding in findings],
        },
        "existing": survey.existing,
    }
    if survey.caller:
        result["caller"] = {**survey.caller, "region": module.region, "bucket": survey.bucket}
    if numbers[0]:
        module.fail_json(msg=report(f"The cluster can't be made like this ({summary}):", findings), **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
