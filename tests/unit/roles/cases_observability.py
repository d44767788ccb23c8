# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes that observability is rendered for."""

from __future__ import annotations

from typing import Any

from systems import node

URL = "https://aps-workspaces.us-west-2.amazonaws.com/workspaces/ws-1/api/v1/remote_write"
SHA = "0123456789abcdef" * 4


def described(kind: str, vendor: str = "none", **more: Any) -> dict[str, Any]:
    here = {"hostname": "ip-10-1-0-5", "cluster_name": "demo", "region": "us-west-2", "partition": "aws"}
    group = {"instance_group": "group", "instance_type": "ml.p5.48xlarge", "instance_id": "i-1"}
    return {**node(kind), **here, **group, "accelerator": {"vendor": vendor, "count": 8}, **more}


OBSERVABILITY: dict[str, dict[str, Any]] = {
    "metrics-gpu": {"case_node": described("compute", "nvidia"), "observability_remote_write_url": URL},
    "metrics-neuron": {"case_node": described("compute", "neuron"), "observability_remote_write_url": URL},
    "metrics-controller": {
        "case_node": described("controller", partition="aws-cn", region="cn-north-1"),
        "observability_remote_write_url": "http://prometheus.example/api/v1/write?x=$y",
        "observability_sign": False,
        "observability_labels": {"team": 'a "b" $c'},
    },
    "metrics-eks": {
        "case_node": described("compute", "nvidia", orchestrator="EKS", node_type=None),
        "observability_remote_write_url": URL,
        "observability_registry": "mirror.example/metrics",
        "observability_components": {
            "efa-exporter": None,
            "node-exporter": {"url": "https://mirror.example/node_exporter", "sha256": SHA},
        },
    },
    "metrics-none": {"case_node": described("login")},
    "metrics-wrong": {
        "case_node": described("login"),
        "observability_remote_write_url": "https://aps-workspaces.us-west-2.amazonaws.com/workspaces/ws-EXAMPLE/x",
        "observability_components": {"nodes": {}, "node-exporter": {"url": "https://x/y", "sha256": "abc"}},
        "observability_scrape_interval": "soon",
        "observability_labels": {"a-b": "c"},
    },
}
