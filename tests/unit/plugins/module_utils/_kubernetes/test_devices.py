# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nodes offer beside what they should, and what an NCCL test has shown."""

from __future__ import annotations

import botocore.session
import pytest
from ansible_collections.podforge.hyperpod.plugins.filter.kubernetes_devices import kubernetes_devices
from ansible_collections.podforge.hyperpod.plugins.filter.nccl_verdict import nccl_verdict
from ansible_collections.podforge.hyperpod.plugins.module_utils._description.model import create_cluster_shape
from ansible_collections.podforge.hyperpod.plugins.module_utils._description.model import instance_types
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes import devices
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.devices import EFA
from ansible_collections.podforge.hyperpod.plugins.module_utils._kubernetes.devices import GPU


def node(name, kind, **allocatable):
    given = {{"gpu": GPU, "efa": EFA}[key]: str(value) for key, value in allocatable.items()}
    return {"metadata": {"name": name, "labels": {devices.TYPE_LABEL: kind}}, "status": {"allocatable": given}}


def test_types_are_those_of_the_service():
    theirs = set(instance_types(create_cluster_shape(botocore.session.get_session())))
    assert {f"ml.{kind}" for kind in devices.HARDWARE} <= theirs


def test_what_is_too_little_is_told():
    nodes = [
        node("a", "p5.48xlarge", gpu=8, efa=32),
        node("b", "p5.48xlarge", gpu=7, efa=32),
        node("c", "g5.xlarge", gpu=1),
        node("d", "p4d.24xlarge"),
        node("e", "c5.xlarge"),
        {"metadata": {"name": "new"}},
    ]
    found = kubernetes_devices(nodes, [GPU, EFA])
    assert found["problems"] == [
        f"b (p5.48xlarge) offers 7 of 8 {GPU}",
        f"d (p4d.24xlarge) offers 0 of 8 {GPU}",
        f"d (p4d.24xlarge) offers 0 of 4 {EFA}",
    ]
    assert len(found["offers"]) == 7
    assert kubernetes_devices(nodes, [])["problems"] == []


def test_ones_own_numbers_win():
    own = {"ml.p6e-gb200.36xlarge": {"gpu": 4, "efa": 17}, "p5.48xlarge": {"efa": 31}}
    found = kubernetes_devices(
        [node("a", "p6e-gb200.36xlarge", gpu=3), node("b", "p5.48xlarge", gpu=8, efa=31)], [GPU, EFA], own
    )
    assert found["problems"] == [
        f"a (p6e-gb200.36xlarge) offers 3 of 4 {GPU}",
        f"a (p6e-gb200.36xlarge) offers 0 of 17 {EFA}",
    ]


def test_plugins_keep_to_types_that_have_it():
    types = kubernetes_devices([], [GPU, EFA], {"x1.large": {"gpu": 1}})["types"]
    assert "p5.48xlarge" in types[GPU]
    assert "trn1.32xlarge" not in types[GPU]
    assert "trn1.32xlarge" in types[EFA]
    assert "g5.xlarge" not in types[EFA]
    assert "x1.large" in types[GPU]
    assert "x1.large" not in types[EFA]


GOOD = """\
[1,0]<stdout>:host:1:1 [0] NCCL INFO NET/OFI Selected Provider is efa (found 32 nics)
# Out of bounds values : 0 OK
# Avg bus bandwidth    : 283.4
"""


def test_a_test_that_is_good():
    found = nccl_verdict(GOOD, 200)
    assert found == {"passed": True, "bus_bandwidth": 283.4, "provider": "efa", "problems": []}


@pytest.mark.parametrize(
    ("log", "least", "words"),
    [
        (GOOD, 300, "bus bandwidth is 283.4 GB/s on average, and 300 is wanted"),
        (GOOD.replace("0 OK", "3 FAILED"), 0, "3 results were wrong"),
        (GOOD.replace("NET/OFI Selected Provider is efa", "NET/Socket : Using [0]eth0"), 0, "network was tcp, not EFA"),
        (GOOD.replace("NET/OFI Selected Provider is efa", "nothing"), 0, "network was unknown, not EFA"),
        ("", 0, "it has not come to its end"),
        ("x: Test NCCL failure common.cu:1 'unhandled system error'\n", 0, "Test NCCL failure"),
    ],
)
def test_a_test_that_is_not(log, least, words):
    found = nccl_verdict(log, least)
    assert not found["passed"]
    assert words in "; ".join(found["problems"])


def test_without_efa_tcp_is_good_enough():
    assert nccl_verdict(GOOD.replace("NET/OFI Selected Provider is efa", "NET/Socket : Using"), efa=False)["passed"]
