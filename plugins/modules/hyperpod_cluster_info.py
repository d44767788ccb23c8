#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hyperpod_cluster_info
version_added: 0.1.0
short_description: Tell about Amazon SageMaker HyperPod clusters
description:
  - Describes the HyperPod clusters of a region, and lists their nodes if asked to.
  - A name that no cluster has is no error; it is missing in the result.
author:
  - podforge contributors (@podforge)
options:
  names:
    description: Names or ARNs of the clusters. All of the region, when neither this nor O(name_contains) is given.
    type: list
    elements: str
    aliases: [name]
  name_contains:
    description: Only clusters whose names contain this. Excludes O(names).
    type: str
  include_nodes:
    description: List the nodes of each cluster as well, one more call for every 100 nodes.
    type: bool
    default: false
  include_export:
    description:
      - Give each cluster in the forms that another deployment can be made of, with every input that the service tells.
    type: bool
    default: false
  detail:
    description:
      - Tell all about each node, as DescribeClusterNode does, e.g. its address, image and storage. Implies
        O(include_nodes). That is one more call for each node, several at a time.
    type: bool
    default: false
  calls_per_second:
    description: How many such calls to begin in a second at most. The service's limit holds for the whole account.
    type: float
    default: 10.0
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - podforge.hyperpod._attributes
  - podforge.hyperpod._attributes.info_module
  - podforge.hyperpod._attributes.actiongroup_hyperpod
notes:
  - "Required IAM actions: C(sagemaker:DescribeCluster), C(sagemaker:ListTags); C(sagemaker:ListClusters) unless
    O(names) is given; C(sagemaker:ListClusterNodes) with O(include_nodes) or O(detail);
    C(sagemaker:DescribeClusterNode) with O(detail)."
seealso:
  - module: podforge.hyperpod.hyperpod_cluster
"""

EXAMPLES = r"""
- name: Look at one cluster and its nodes
  podforge.hyperpod.hyperpod_cluster_info:
    names: [demo]
    region: us-west-2
    include_nodes: true
  register: found

- name: Look at all clusters of a team
  podforge.hyperpod.hyperpod_cluster_info:
    name_contains: research
    region: us-west-2

- name: Take down what a cluster is made of, in the collection's form and in that of AWS's samples
  podforge.hyperpod.hyperpod_cluster_info:
    names: [demo]
    region: us-west-2
    include_export: true
  register: taken

- name: Write the description, for hyperpod_description_file of the playbooks
  ansible.builtin.copy:
    content: "{{ taken.clusters[0].export.description | to_nice_yaml(sort_keys=false) }}"
    dest: demo.yml
    mode: "0644"

- name: Write the request, for aws sagemaker create-cluster --cli-input-json
  ansible.builtin.copy:
    content: "{{ taken.clusters[0].export.cluster_config | to_nice_json }}"
    dest: cluster-config.json
    mode: "0644"

- name: Look at every node closely
  podforge.hyperpod.hyperpod_cluster_info:
    names: [demo]
    region: us-west-2
    detail: true

- name: Show how many nodes run
  ansible.builtin.debug:
    msg: "{{ found.clusters[0].nodes | selectattr('instance_status.status', 'eq', 'Running') | length }} nodes run"
"""

RETURN = r"""
clusters:
  description: The clusters found, by name.
  returned: always
  type: list
  elements: dict
  contains:
    cluster_arn:
      description: ARN of the cluster; it ends in the cluster's id.
      returned: always
      type: str
      sample: arn:aws:sagemaker:us-west-2:111122223333:cluster/abc123def456
    cluster_name:
      description: Name of the cluster.
      returned: always
      type: str
      sample: demo
    cluster_status:
      description: Status as the service names it, C(InService) when all is well.
      returned: always
      type: str
      sample: InService
    creation_time:
      description: When the cluster was made, ISO 8601.
      returned: always
      type: str
      sample: '2026-11-22T18:00:00Z'
    failure_message:
      description: What the service says about the last failure.
      returned: when there was one
      type: str
    instance_groups:
      description: Groups by name, with C(current_count), C(target_count), C(status) and all that was set for them.
      returned: always
      type: list
      elements: dict
    nodes:
      description: Nodes by group and launch time. With O(detail) all that DescribeClusterNode tells.
      returned: with O(include_nodes) or O(detail)
      type: list
      elements: dict
      contains:
        instance_group_name:
          description: Group of the node.
          returned: always
          type: str
        instance_id:
          description: Id of the instance.
          returned: always
          type: str
          sample: i-0123456789abcdef0
        instance_type:
          description: Type of the instance.
          returned: always
          type: str
          sample: ml.p5.48xlarge
        instance_status:
          description: C(status) and, if there is one, C(message).
          returned: always
          type: dict
        private_primary_ip:
          description: Address of the node.
          returned: with O(detail)
          type: str
        current_image_id:
          description: AMI of the node.
          returned: with O(detail)
          type: str
        launch_time:
          description: When the instance was launched, ISO 8601.
          returned: always
          type: str
    tags:
      description: Tags of the cluster.
      returned: always
      type: dict
    export:
      description:
        - The cluster as the input of another one. Counts are those that the groups are to have, and tags of AWS itself
          are left out.
        - An image is named by its id when the group was made with one, and by its release otherwise.
      returned: with O(include_export)
      type: dict
      contains:
        cluster_config:
          description: Request of CreateCluster in the names of the API, the C(cluster-config.json) of AWS's samples.
          returned: always
          type: dict
        description:
          description:
            - Description as M(podforge.hyperpod.hyperpod_description) takes it.
            - Empty for clusters that it has no words for. These are EKS clusters, and those whose Slurm roles are in a
              C(provisioning_parameters.json).
          returned: always
          type: dict
        notes:
          description: What is left to do for whoever uses the description.
          returned: always
          type: list
          elements: str
"""

from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.argspec import cluster_info_spec
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.info import clusters
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.launch import launch


def main() -> None:
    """Entry point."""
    launch(
        cluster_info_spec(),
        lambda module: {"clusters": clusters(module)},
        mutually_exclusive=[["names", "name_contains"]],
    )


if __name__ == "__main__":
    main()
