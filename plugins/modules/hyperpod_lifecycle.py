#!/usr/bin/python
# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: hyperpod_lifecycle
version_added: 0.1.0
short_description: Build and stage the lifecycle files of an Amazon SageMaker HyperPod cluster
description:
  - Builds a bundle of this collection, the collections that its roles need on nodes, Python wheels, and the nodes'
    variables. Nodes need no package index and no network but S3 to configure themselves.
  - Stages it in S3 under a prefix that is named by its content. The same inputs make the same bundle, which is uploaded
    once. The entry script comes last and every object is verified, so no node ever finds half of a bundle.
  - What is already complete is not uploaded again. What a killed run left behind is completed.
  - Removes bundles of the same cluster that are old and that the cluster does not refer to, unless the service is at
    work on the cluster just then.
author:
  - podforge contributors (@podforge)
requirements:
  - pip, where the task runs, to download wheels for the nodes
options:
  cluster_name:
    description: Name of the cluster, part of the prefix.
    type: str
    required: true
    aliases: [name]
  bucket:
    description:
      - Bucket of the region, which exists. Its name has to begin with C(sagemaker-) when the nodes' role relies on the
        managed policy C(AmazonSageMakerClusterInstanceRolePolicy).
    type: str
    required: true
  prefix:
    description: The bundle is staged to C(s3://<bucket>/<prefix>/<cluster name>/<content id>).
    type: str
    default: podforge
  state:
    description:
      - V(present) - the bundle is staged.
      - V(absent) - no bundle of the cluster is left. Old versions in a bucket with versioning stay.
    type: str
    choices: [present, absent]
    default: present
  node_vars:
    description:
      - Variables for the roles on the nodes. They go before the roles' own defaults and variables.
      - They lie in S3 and on the nodes in the clear. Values that look like secrets are refused; keep those in Secrets
        Manager and give ARNs.
    type: dict
    default: {}
  provisioning_parameters:
    description:
      - Content of C(provisioning_parameters.json), for clusters that say in this legacy way what their groups are for.
      - Leave it out for clusters with C(slurm_config), where the service refuses it.
    type: dict
  node_pythons:
    description: Versions of Python that nodes may have, of those that this collection has locks for.
    type: list
    elements: str
    default: ['3.10', '3.11', '3.12']
  architectures:
    description: Machines that nodes may be.
    type: list
    elements: str
    choices: [x86_64, aarch64]
    default: [x86_64]
  collections:
    description: Collections to ship beside this one, as they are installed on the controller.
    type: list
    elements: str
    default: []
  collection_paths:
    description:
      - Folders of the collections by name. Known to Ansible itself, so it need not be given.
    type: dict
  wheels_dir:
    description:
      - Folder with the wheels that the locks name, for controllers without a package index.
    type: path
  cache_dir:
    description:
      - Folder where downloaded wheels are kept.
      - When not set, E(PODFORGE_CACHE) names it, else it is C(podforge-hyperpod) in the user's cache folder.
    type: path
  prune:
    description: Remove old bundles of this cluster.
    type: bool
    default: true
  prune_age:
    description:
      - Days after which a bundle is old. The current one and those that the cluster refers to are never removed.
    type: int
    default: 30
  force:
    description: Remove bundles although the cluster refers to them, with O(state=absent).
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - podforge.hyperpod._attributes
  - podforge.hyperpod._attributes.actiongroup_hyperpod
attributes:
  check_mode:
    support: full
    details: [Wheels are downloaded into the cache, since the content id depends on them.]
  diff_mode:
    support: full
  idempotent:
    support: full
notes:
  - "Required IAM actions: s3:ListBucket, s3:PutObject, s3:GetObject, s3:DeleteObject, sagemaker:DescribeCluster."
  - The last two are needed when there are old bundles, and with O(state=absent).
seealso:
  - module: podforge.hyperpod.hyperpod_cluster
"""

EXAMPLES = r"""
- name: Stage the lifecycle files
  podforge.hyperpod.hyperpod_lifecycle:
    cluster_name: demo
    bucket: sagemaker-podforge-demo-111122223333
    region: us-west-2
    node_vars:
      chrony_servers:
        - address: 169.254.169.123
  register: staged

- name: Show what an instance group needs for its lifecycle configuration
  ansible.builtin.debug:
    msg:
      source_s3_uri: "{{ staged.lifecycle.source_s3_uri }}"
      on_create: "{{ staged.lifecycle.on_create }}"

- name: Stage for a cluster that says in the legacy way what its groups are for
  podforge.hyperpod.hyperpod_lifecycle:
    cluster_name: demo
    bucket: sagemaker-podforge-demo-111122223333
    region: us-west-2
    provisioning_parameters: "{{ lookup('ansible.builtin.file', 'provisioning_parameters.json') | from_json }}"

- name: Remove all bundles of a cluster that is gone
  podforge.hyperpod.hyperpod_lifecycle:
    cluster_name: demo
    bucket: sagemaker-podforge-demo-111122223333
    region: us-west-2
    state: absent
"""

RETURN = r"""
lifecycle:
  description: The staged bundle.
  returned: with O(state=present)
  type: dict
  contains:
    bucket:
      description: Its bucket.
      returned: always
      type: str
      sample: sagemaker-podforge-demo-111122223333
    content_id:
      description: Names the content, 16 hexadecimal digits.
      returned: always
      type: str
      sample: 4f1c2b7a90d3e865
    objects:
      description: The objects with C(name), C(size) in bytes and C(sha256).
      returned: always
      type: list
      elements: dict
    on_create:
      description: Name of the entry script, for C(on_create) or C(on_init_complete).
      returned: always
      type: str
      sample: on_create.sh
    prefix:
      description: Prefix of the objects in the bucket.
      returned: always
      type: str
      sample: podforge/demo/4f1c2b7a90d3e865
    size:
      description: Bytes of all objects.
      returned: always
      type: int
      sample: 30123456
    source_s3_uri:
      description: Where nodes fetch it.
      returned: always
      type: str
      sample: s3://sagemaker-podforge-demo-111122223333/podforge/demo/4f1c2b7a90d3e865
uploaded:
  description: Names of the objects that were uploaded, or would be in check mode.
  returned: with O(state=present)
  type: list
  elements: str
  sample: [bundle.tar, manifest.json, on_create.sh]
removed:
  description: Content ids of the bundles that were removed, or would be in check mode.
  returned: always
  type: list
  elements: str
"""

import typing as t
from pathlib import Path

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import HyperPodError
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import client_config
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import fail
from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import region_problem
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.bundle import Bundle
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.bundle import build_bundle
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.common import OWN_COLLECTION
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.common import JsonDict
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.common import LifecycleError
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.node_vars import refuse_secrets
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.stage import Place
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.stage import describe
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.stage import place_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.stage import prune
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.stage import remove_all
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.stage import stage
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import ARCHITECTURES
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import cache_folder
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import collect_wheels
from ansible_collections.podforge.hyperpod.plugins.module_utils._lifecycle.wheels import lock_for


def build(params: JsonDict) -> Bundle:
    """The bundle of these options."""
    refuse_secrets(params["node_vars"])
    paths = {name: Path(path) for name, path in (params["collection_paths"] or {}).items()}
    for name in [OWN_COLLECTION, *params["collections"]]:
        if name not in paths or not paths[name].is_dir():
            raise LifecycleError(
                f"collection {name} is not at {paths.get(name, 'a known place')} where this task runs: run it on the "
                "controller (delegate_to: localhost)"
            )
    requirements = paths[OWN_COLLECTION] / "requirements"
    wheels_dir = Path(params["wheels_dir"]) if params["wheels_dir"] else None
    cache = cache_folder(params["cache_dir"])
    sets = [
        collect_wheels(lock_for(requirements, python), python, machine, cache, wheels_dir)
        for python in sorted(set(params["node_pythons"]), key=lambda version: [*map(int, version.split("."))])
        for machine in sorted(set(params["architectures"]))
    ]
    return build_bundle(dict(sorted(paths.items())), sets, params["node_vars"], params["provisioning_parameters"])


def present(module: AnsibleAWSModule, place: Place) -> JsonDict:
    """Stage the bundle, prune old ones."""
    bundle = build(module.params)
    s3 = module.client("s3", config=client_config())
    done = stage(s3, place, bundle, module.check_mode)
    removed: list[str] = []
    if module.params["prune"]:
        removed, warning = prune(
            s3,
            lambda: module.client("sagemaker", config=client_config()),
            place,
            bundle.content_id,
            done["listed"],
            days=module.params["prune_age"],
            check=module.check_mode,
        )
        if warning:
            module.warn(warning)
    root = f"{place.root}/"
    before = sorted(item.key for item in done["listed"] if item.key.startswith(root))
    gone = tuple(f"{root}{content_id}/" for content_id in removed)
    after = {key for key in before if not key.startswith(gone)} if gone else set(before)
    after |= {f"{root}{bundle.content_id}/{name}" for name in bundle.objects}
    return {
        "changed": bool(done["uploaded"] or removed),
        "diff": {"before": {"objects": before}, "after": {"objects": sorted(after)}},
        "lifecycle": describe(place, bundle),
        "removed": removed,
        "uploaded": done["uploaded"],
    }


def absent(module: AnsibleAWSModule, place: Place) -> JsonDict:
    """Remove all bundles of the cluster."""
    removed = remove_all(
        module.client("s3", config=client_config()),
        lambda: module.client("sagemaker", config=client_config()),
        place,
        module.params["force"],
        module.check_mode,
    )
    return {
        "changed": bool(removed),
        "diff": {"before": {"content_ids": removed}, "after": {"content_ids": []}},
        "removed": removed,
    }


def main() -> None:
    """Entry point."""
    strings: dict[str, t.Any] = {"type": "list", "elements": "str"}
    module = AnsibleAWSModule(
        argument_spec={
            "cluster_name": {"type": "str", "required": True, "aliases": ["name"]},
            "bucket": {"type": "str", "required": True},
            "prefix": {"type": "str", "default": "podforge"},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "node_vars": {"type": "dict", "default": {}},
            "provisioning_parameters": {"type": "dict"},
            "node_pythons": {**strings, "default": ["3.10", "3.11", "3.12"]},
            "architectures": {**strings, "choices": list(ARCHITECTURES), "default": ["x86_64"]},
            "collections": {**strings, "default": []},
            "collection_paths": {"type": "dict"},
            "wheels_dir": {"type": "path"},
            "cache_dir": {"type": "path"},
            "prune": {"type": "bool", "default": True},
            "prune_age": {"type": "int", "default": 30},
            "force": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    params = module.params
    problem = region_problem(module.region)
    if problem:
        module.fail_json(msg=problem)
    try:
        place = place_of(params["bucket"], params["prefix"], module.region, params["cluster_name"])
        result = (present if params["state"] == "present" else absent)(module, place)
    except LifecycleError as error:
        module.fail_json(msg=str(error))
    except HyperPodError as error:
        fail(module, error)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
