#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hyperpod_node_facts
version_added: 0.1.0
short_description: Facts of an Amazon SageMaker HyperPod node
description:
  - Runs on the node and reads the files that the service's agent keeps there, the kernel's tables, and, where it
    answers, the instance metadata service.
  - Returns one dict that tells what the node is and who the others are, and which operating system it has. Roles read
    this and nothing else of their surroundings.
  - Knows Slurm clusters with C(SlurmConfig) in the API request, Slurm clusters with C(provisioning_parameters.json)
    (the legacy form), and EKS clusters.
  - The node's type is never guessed. A group that is named in one file and not in the other is an error.
author:
  - podforge contributors (@podforge)
requirements:
  - Python >= 3.9 on the node
options:
  resource_config:
    description:
      - The service's inventory of the cluster.
      - When not set, the environment variable E(SAGEMAKER_RESOURCE_CONFIG_PATH) names it, else it is
        C(/opt/ml/config/resource_config.json).
    type: path
  provisioning_parameters:
    description:
      - Roles of the instance groups in the legacy form. The file may be absent.
    type: path
    default: /opt/ml/config/provisioning_parameters.json
  imds:
    description:
      - Ask the instance metadata service (version 2) for the instance's id, type and availability zone.
      - No answer within a second is not an error.
    type: bool
    default: true
  imds_endpoint:
    description:
      - Where the instance metadata service is.
      - When not set, the environment variable E(AWS_EC2_METADATA_SERVICE_ENDPOINT) names it, else it is
        C(http://169.254.169.254).
    type: str
  scratch_wait:
    description:
      - Seconds to wait for the instance store to be mounted at C(/opt/dlami/nvme), on nodes that have one.
      - Nodes without instance store disks never wait.
      - Where O(scratch_choice) names another disk, that is what is waited for.
    type: int
    default: 120
  scratch_choice:
    description:
      - Where the role C(podforge.hyperpod.node_base) keeps which disk is for scratch data. That disk is taken as long
        as it is mounted, also when a better one has appeared since. The file may be absent.
    type: path
    default: /var/lib/podforge/scratch.json
  proc_path:
    description: Where the kernel's C(proc) is mounted.
    type: path
    default: /proc
  sys_path:
    description: Where the kernel's C(sysfs) is mounted.
    type: path
    default: /sys
  dev_path:
    description: Where device files are.
    type: path
    default: /dev
attributes:
  check_mode:
    description: Can run in check mode and return facts as usual.
    support: full
  diff_mode:
    description: Shows what has changed.
    support: N/A
  facts:
    description: Returns facts.
    support: full
  platform:
    description: Target operating systems.
    support: full
    platforms: posix
seealso:
  - name: Customize HyperPod clusters using lifecycle scripts
    description: The files that a lifecycle script finds on a node.
    link: https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-hyperpod-lifecycle-best-practices-slurm.html
"""

EXAMPLES = r"""
- name: Know the node
  podforge.hyperpod.hyperpod_node_facts:

- name: Say what it is
  ansible.builtin.debug:
    msg: >-
      {{ ansible_facts.hyperpod_node.hostname }} is a {{ ansible_facts.hyperpod_node.node_type }} node of
      {{ ansible_facts.hyperpod_node.cluster_name }}

- name: Read copies of the files elsewhere, without the metadata service
  podforge.hyperpod.hyperpod_node_facts:
    resource_config: /tmp/node/resource_config.json
    provisioning_parameters: /tmp/node/provisioning_parameters.json
    imds: false
"""

RETURN = r"""
ansible_facts:
  description: Facts that are added to the host's.
  returned: success
  type: dict
  contains:
    distribution:
      description:
        - Name of the operating system. This and the following are the facts of the same names that
          M(ansible.builtin.setup) has.
      returned: success
      type: str
      sample: Ubuntu
    distribution_major_version:
      description: First part of its version.
      returned: success
      type: str
      sample: "22"
    distribution_release:
      description: Its code name.
      returned: success
      type: str
      sample: jammy
    distribution_version:
      description: Its version.
      returned: success
      type: str
      sample: "22.04"
    os_family:
      description: Its family, V(Debian) or V(RedHat).
      returned: success
      type: str
      sample: Debian
    hyperpod_node:
      description: What the node is and who the others are.
      returned: success
      type: dict
      contains:
        accelerator:
          description: Devices that are really there, with C(vendor) (V(nvidia), V(neuron) or V(none)) and C(count).
          returned: success
          type: dict
          sample: {"vendor": "nvidia", "count": 8}
        availability_zone:
          description: Availability zone, null when the metadata service did not tell.
          returned: success
          type: str
          sample: us-west-2a
        availability_zone_id:
          description:
            - Id of the availability zone, null when the metadata service did not tell. It means the same zone in all
              accounts.
          returned: success
          type: str
          sample: usw2-az2
        cluster_arn:
          description: ARN of the cluster.
          returned: success
          type: str
          sample: arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdef012345
        cluster_id:
          description: Last element of the cluster's ARN.
          returned: success
          type: str
          sample: abcdef012345
        cluster_name:
          description: Name of the cluster.
          returned: success
          type: str
          sample: demo
        computes:
          description: Compute nodes, with C(hostname), C(ip_address) and C(instance_name).
          returned: success
          type: list
          elements: dict
        container_runtime:
          description: What runs containers (V(enroot), V(docker), V(containerd)), null when none is installed.
          returned: success
          type: str
          sample: enroot
        controllers:
          description:
            - Controllers, with C(hostname), C(ip_address) and C(instance_name), the primary one first. Where no
              file says which one that is, it is the one with the lowest number in its C(instance_name).
          returned: success
          type: list
          elements: dict
          sample: [{"hostname": "ip-10-1-0-5", "ip_address": "10.1.0.5", "instance_name": "controller-machine-1"}]
        filesystems:
          description: FSx file systems that the provisioning parameters name, C(lustre) and C(openzfs).
          returned: success
          type: dict
          sample: {"lustre": {"dns_name": "fs-0123456789abcdef0.fsx.us-west-2.amazonaws.com", "mount_name": "abcdefgh"}}
        groups:
          description:
            - Instance groups by name, with C(instance_type), C(node_type), C(partition_name) and C(instances).
            - C(node_type) is null for groups of which no file tells the role.
          returned: success
          type: dict
        hostname:
          description: Slurm's name of this node, made from its address in the VPC.
          returned: success
          type: str
          sample: ip-10-1-0-5
        instance_group:
          description: Instance group of this node.
          returned: success
          type: str
          sample: controller-machine
        instance_id:
          description: Id of this instance.
          returned: success
          type: str
          sample: i-0123456789abcdef0
        instance_name:
          description: Name of this instance in its group. On EKS clusters the name of the Kubernetes node.
          returned: success
          type: str
          sample: controller-machine-1
        instance_type:
          description: Instance type.
          returned: success
          type: str
          sample: ml.c5.xlarge
        ip_address:
          description: Address of this node in the VPC.
          returned: success
          type: str
          sample: 10.1.0.5
        logins:
          description: Login nodes, with C(hostname), C(ip_address) and C(instance_name).
          returned: success
          type: list
          elements: dict
        multi_head:
          description:
            - What C(slurm_configurations) of the provisioning parameters names for several controllers,
              C(shared_directory), C(database_host) and C(database_secret_id), each where it is named.
          returned: success
          type: dict
          sample: {"shared_directory": "/fsx"}
        node_type:
          description: V(controller), V(login) or V(compute).
          returned: success
          type: str
          sample: controller
        orchestrator:
          description: V(Slurm) or V(Eks).
          returned: success
          type: str
          sample: Slurm
        partition:
          description: AWS partition of the region.
          returned: success
          type: str
          sample: aws
        partition_name:
          description: Slurm partition of this node's group, null where it has none.
          returned: success
          type: str
          sample: dev
        provisioning_form:
          description:
            - Where the roles of the groups come from. V(api) is C(SlurmConfig) of the groups, V(legacy) is
              C(provisioning_parameters.json), V(none) is neither.
          returned: success
          type: str
          sample: legacy
        region:
          description: Region of the cluster.
          returned: success
          type: str
          sample: us-west-2
        scratch_kind:
          description: What RV(ansible_facts.hyperpod_node.scratch_path) is on, V(instance_store), V(ebs) or V(root).
          returned: success
          type: str
          sample: instance_store
        scratch_path:
          description: Folder for scratch data. It may have to be made when it is on the root volume.
          returned: success
          type: str
          sample: /opt/dlami/nvme
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.facts.system.distribution import Distribution
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.documents import JsonDict
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.documents import NodeError
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.documents import load_object
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.documents import load_optional_object
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.documents import read_text
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.facts import Surroundings
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.facts import build_facts
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.hardware import find_accelerator
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.hardware import find_container_runtime
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.imds import DEFAULT_ENDPOINT
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.imds import read_imds
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.network import parse_fib_trie
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.network import parse_if_inet6
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.provisioning import resolve_provisioning
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.resource import parse_resource
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.storage import KEPT
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.storage import has_instance_store
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.storage import parse_kept
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.storage import wait_for_scratch

DEFAULT_RESOURCE_CONFIG = "/opt/ml/config/resource_config.json"
SYSTEM_FACTS = (
    "distribution",
    "distribution_major_version",
    "distribution_release",
    "distribution_version",
    "os_family",
)
# programs of a HyperPod node that root's PATH of a lifecycle script may lack
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def look_around(params: JsonDict) -> Surroundings:
    """Everything that is read from the machine and not from the service's files."""
    proc, sys_path, dev = params["proc_path"], params["sys_path"], params["dev_path"]
    endpoint = params["imds_endpoint"] or os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or DEFAULT_ENDPOINT
    return Surroundings(
        addresses=[
            *parse_fib_trie(read_text(f"{proc}/net/fib_trie")),
            *parse_if_inet6(read_text(f"{proc}/net/if_inet6")),
        ],
        scratch=wait_for_scratch(
            lambda: read_text(f"{proc}/self/mounts"),
            has_instance_store(f"{sys_path}/block"),
            params["scratch_wait"],
            kept=parse_kept(read_text(params["scratch_choice"])),
        ),
        container_runtime=find_container_runtime(SEARCH_PATH),
        accelerator=find_accelerator(dev, f"{sys_path}/bus/pci/devices"),
        imds=read_imds(endpoint) if params["imds"] else {},
    )


def operating_system(module: AnsibleModule) -> dict[str, str]:
    """The facts that ansible.builtin.setup has as well, at a tenth of its cost."""
    facts = Distribution(module=module).get_distribution_facts()
    return {name: str(facts[name]) for name in SYSTEM_FACTS}


def run(module: AnsibleModule) -> None:
    """Read the files, look at the machine, put both together."""
    params = module.params
    resource_path = (
        params["resource_config"] or os.environ.get("SAGEMAKER_RESOURCE_CONFIG_PATH") or DEFAULT_RESOURCE_CONFIG
    )
    parameters_path = params["provisioning_parameters"]
    resource = parse_resource(load_object(resource_path), resource_path)
    provisioning = resolve_provisioning(resource, load_optional_object(parameters_path), parameters_path)
    facts, warnings = build_facts(resource, provisioning, parameters_path, look_around(params))
    for warning in warnings:
        module.warn(warning)
    module.exit_json(changed=False, ansible_facts={"hyperpod_node": facts, **operating_system(module)})


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "resource_config": {"type": "path"},
            "provisioning_parameters": {"type": "path", "default": "/opt/ml/config/provisioning_parameters.json"},
            "imds": {"type": "bool", "default": True},
            "imds_endpoint": {"type": "str"},
            "scratch_wait": {"type": "int", "default": 120},
            "scratch_choice": {"type": "path", "default": KEPT},
            "proc_path": {"type": "path", "default": "/proc"},
            "sys_path": {"type": "path", "default": "/sys"},
            "dev_path": {"type": "path", "default": "/dev"},
        },
        supports_check_mode=True,
    )
    try:
        run(module)
    except NodeError as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
