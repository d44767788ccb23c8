# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One operator for all tests of the playbooks; they share the cloud."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from operator_harness import NAME
from operator_harness import Operator

from tests.support.ports import free_port


@pytest.fixture(name="operator", scope="session")
def _operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    operator = Operator(tmp_path_factory.mktemp(NAME), free_port())
    operator.prepare()
    started = operator.cloud("up", "--port", str(operator.port), "--provider", "records", "--speed", "600")
    assert "is up" in started, started
    try:
        yield operator
    finally:
        operator.close()
