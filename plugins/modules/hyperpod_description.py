#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: hyperpod_description
short_description: Read and check the description of a SageMaker HyperPod cluster
version_added: 0.1.0
description:
  - Reads the description of a Slurm cluster in the form of this collection, or as the pair of files that the AWS
    documentation publishes (C(cluster-config.json), also known as C(create_cluster.json), and
    C(provisioning_parameters.json)), unchanged.
  - Checks it without any call to AWS, by the installed botocore's model of CreateCluster and by the documented rules
    between fields, and reports every finding at once with file, line, key, and fix.
  - Returns one dictionary for both forms, see docs/description.md of this collection.
extends_documentation_fragment:
  - podforge.hyperpod._attributes
  - podforge.hyperpod._attributes.info_module
options:
  description:
    description:
      - The description in the form of this collection.
      - Exactly one of O(description), O(description_file) and O(cluster_config_file) describes the cluster.
    type: raw
  description_is_default:
    description: O(description) counts only if neither O(description_file) nor O(cluster_config_file) is given.
    type: bool
    default: false
  description_file:
    description: YAML or JSON file with the same content.
    type: path
  cluster_config_file:
    description:
      - File with the request of CreateCluster, as C(aws sagemaker create-cluster --cli-input-json) takes it.
      - It is YAML if its name ends in C(.yaml) or C(.yml).
      - Comments (C(// ...)) are let through.
    type: path
  provisioning_parameters_file:
    description: File with the legacy Slurm configuration that belongs to O(cluster_config_file).
    type: path
  variable:
    description: Name of the variable that holds O(description), for findings.
    type: str
    default: hyperpod_description
  search_paths:
    description: Folders with C(group_vars) and C(host_vars) in which the file that sets O(variable) is looked for.
    type: list
    elements: path
    default: []
  relative_to:
    description:
      - Folder that relative names in O(description_file), O(cluster_config_file), and O(provisioning_parameters_file)
        start from, and that files are named from in findings; left out, the folder in which the module runs.
      - Modules run in the folder of the playbook; V({{ '.' | realpath }}) is where C(ansible-playbook) was started.
    type: path
  region:
    description: Region; wins over the description.
    type: raw
  network:
    description: Network to make or to use; wins over the description.
    type: raw
  execution_role:
    description: "Role of the nodes, V({name: ...}) to make it or V({arn: ...}) to use it; wins over the description."
    type: raw
  make_execution_role:
    description:
      - A role that the published files give by ARN is made in your own account by the name in that ARN.
      - For files whose ARN belongs to somebody else, such as V(arn:aws:iam::111122223333:role/iam-role-for-cluster).
    type: bool
    default: false
  lifecycle_bucket:
    description: "Bucket for the lifecycle files, V({name: ...}); wins over the description."
    type: raw
  lifecycle_managed:
    description: The nodes run the lifecycle bundle of this collection; otherwise what the description says.
    type: bool
    default: true
  directory:
    description: Directory that users come from, to make or to use; wins over the description.
    type: raw
  kubernetes:
    description: Kubernetes beside Slurm, V(true) or a mapping; wins over the description.
    type: raw
  node_vars:
    description: Variables for the roles on the nodes; wins over the description.
    type: raw
  tags:
    description: Tags of the cluster, besides those of the description.
    type: raw
requirements:
  - botocore
  - PyYAML
author: podforge contributors (@podforge)
seealso:
  - module: podforge.hyperpod.hyperpod_preflight
"""

EXAMPLES = r"""
- name: Read the published pair
  podforge.hyperpod.hyperpod_description:
    cluster_config_file: cluster-config.json
    provisioning_parameters_file: provisioning_parameters.json
    execution_role:
      name: HyperPodExecutionRole
  register: described

- name: Read our own form
  podforge.hyperpod.hyperpod_description:
    description:
      cluster_name: demo
      network: {vpc_cidr: 10.198.0.0/16, availability_zones: [us-west-2a]}
      instance_groups:
        - instance_group_name: controller-machine
          instance_type: ml.c5.xlarge
          instance_count: 1
          slurm_config: {node_type: Controller}
        - instance_group_name: worker-group-1
          instance_type: ml.c5.xlarge
          instance_count: 2
          slurm_config: {node_type: Compute, partition_names: [p1]}
"""

RETURN = r"""
description:
  description: The description in its normal form.
  returned: success
  type: dict
  contains:
    form:
      description: V(description) or V(published).
      type: str
    sources:
      description: Files or variables that were read.
      type: list
      elements: str
    cluster_name:
      description: Name of the cluster.
      type: str
    region:
      description: Region, if anything names one.
      type: str
    cluster:
      description: Options of M(podforge.hyperpod.hyperpod_cluster) as far as they are known before anything is made.
      type: dict
    network:
      description: Network to make (with subnets and their blocks), to use, or none, by RV(ignore:mode).
      type: dict
    execution_role:
      description: Role to make or to use.
      type: dict
    lifecycle:
      description: Bucket of the lifecycle files, and whether this collection provides them.
      type: dict
    directory:
      description: Directory to make (with names, secrets, and objects) or to use, by RV(ignore:mode); null for none.
      type: dict
    provisioning_parameters:
      description: The legacy Slurm configuration, as it was read.
      type: dict
    node_vars:
      description: Variables for the roles on the nodes.
      type: dict
    node_types:
      description: V(controller), V(login), or V(compute) by instance group.
      type: dict
    partitions:
      description: Instance groups by Slurm partition.
      type: dict
    nodes:
      description: How many nodes of which type the description asks for.
      type: dict
findings:
  description: All findings; each with level, check, where, what, value, why, and fix.
  returned: always
  type: list
  elements: dict
"""

import traceback

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.basic import missing_required_lib

try:
    import botocore.session

    BOTOCORE_ERROR = None
except ImportError:
    BOTOCORE_ERROR = traceback.format_exc()

from ..module_utils._description.describe import describe
from ..module_utils._description.documents import HAS_YAML
from ..module_utils._description.model import create_cluster_shape
from ..module_utils._description.reading import Overrides
from ..module_utils._findings import FAILURE
from ..module_utils._findings import report
from ..module_utils._preflight.connection import known_regions

OVERRIDES = (
    "region",
    "network",
    "execution_role",
    "make_execution_role",
    "lifecycle_bucket",
    "lifecycle_managed",
    "directory",
    "kubernetes",
    "node_vars",
    "tags",
)


def main() -> None:
    """Entry point of the module."""
    module = AnsibleModule(
        argument_spec={
            "description": {"type": "raw"},
            "description_is_default": {"type": "bool", "default": False},
            "description_file": {"type": "path"},
            "cluster_config_file": {"type": "path"},
            "provisioning_parameters_file": {"type": "path"},
            "variable": {"type": "str", "default": "hyperpod_description"},
            "search_paths": {"type": "list", "elements": "path", "default": []},
            "relative_to": {"type": "path"},
            "region": {"type": "raw"},
            "network": {"type": "raw"},
            "execution_role": {"type": "raw"},
            "make_execution_role": {"type": "bool", "default": False},
            "lifecycle_bucket": {"type": "raw"},
            "lifecycle_managed": {"type": "bool", "default": True},
            "directory": {"type": "raw"},
            "kubernetes": {"type": "raw"},
            "node_vars": {"type": "raw"},
            "tags": {"type": "raw"},
        },
        supports_check_mode=True,
    )
    if BOTOCORE_ERROR:
        module.fail_json(msg=missing_required_lib("botocore"), exception=BOTOCORE_ERROR)
    if not HAS_YAML:
        module.fail_json(msg=missing_required_lib("PyYAML"))
    overrides = Overrides(**{key: module.params[key] for key in OVERRIDES})
    session = botocore.session.get_session()
    shape, regions = create_cluster_shape(session), known_regions(session)
    description, findings = describe(module.params, overrides, shape, regions)
    if findings:
        number = "One problem" if len(findings) == 1 else f"{len(findings)} problems"
        title = f"{number} in the description of the cluster; nothing was changed:"
        module.fail_json(
            msg=report(title, findings, levels=(FAILURE,)), findings=[finding.as_dict() for finding in findings]
        )
    module.exit_json(changed=False, description=description, findings=[])


if __name__ == "__main__":
    main()
