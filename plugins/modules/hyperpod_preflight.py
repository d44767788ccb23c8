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
  - Checks the description of a cluster, and the account, network, role, bucket, lifecycle files, and quotas that it is
    to stand on.
  - Reports all findings at once, as failures, warnings, and passes; fails if there is a failure. Changes nothing.
  - Run it before anything is made, and again when the ids of what was made are known.
  - Needs C(sts:GetCallerIdentity), C(sagemaker:DescribeCluster), C(ec2:DescribeSubnets), C(ec2:DescribeRouteTables),
    C(ec2:DescribeSecurityGroups), C(iam:GetRole), C(iam:ListAttachedRolePolicies), C(iam:ListRolePolicies),
    C(s3:ListBucket), C(s3:GetBucketTagging), C(s3:GetObject), and C(servicequotas:ListServiceQuotas).
  - What may not be read is a warning.
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
from ..module_utils._preflight.connection import known_regions
from ..module_utils._preflight.runner import Preflight


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
            "scope": {"type": "str", "choices": ["all", "access"], "default": "all"},
            "ignore": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    session = botocore.session.get_session()

    def client(service: str, attempts: int = REQUEST_ATTEMPTS) -> Any:
        config = botocore.config.Config(retries={"mode": "standard", "total_max_attempts": attempts})
        return module.client(service, config=config)

    keys = ("description", "subnet_ids", "security_group_ids", "execution_role_arn", "source_s3_uri", "entry")
    preflight = Preflight(
        **{key: module.params[key] for key in keys},
        region=module.region,
        endpoint_url=module.params.get("endpoint_url"),
        client=client,
        known_regions=known_regions(session),
        instance_types=instance_types(create_cluster_shape(session)),
    )
    found = preflight.run(access_only=module.params["scope"] == "access")
    findings = soften(found, module.params["ignore"])
    numbers = [count(findings, level) for level in (FAILURE, WARNING, PASS)]
    summary = "{} failures, {} warnings, {} passes".format(*numbers)
    result = {
        "preflight": {
            "passed": not numbers[0],
            "summary": summary,
            "failures": numbers[0],
            "warnings": numbers[1],
            "passes": numbers[2],
            "findings": [finding.as_dict() for finding in findings],
        },
        "existing": preflight.existing,
    }
    if preflight.caller:
        result["caller"] = {**preflight.caller, "region": module.region, "bucket": preflight.bucket}
    if numbers[0]:
        module.fail_json(msg=report(f"The cluster can't be made like this ({summary}):", findings), **result)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
