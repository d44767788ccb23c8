# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the tests of descriptions ask: all that describe() takes besides the description itself."""

from __future__ import annotations

import botocore.session
import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._description.describe import describe
from ansible_collections.podforge.hyperpod.plugins.module_utils._description.model import create_cluster_shape
from ansible_collections.podforge.hyperpod.plugins.module_utils._description.reading import Overrides


@pytest.fixture(scope="session", name="run")
def _run():
    """run(overrides=None, **params) -> (description, findings)."""
    shape = create_cluster_shape(botocore.session.get_session())

    def run(overrides=None, **params):
        options = {"variable": "hyperpod_description", **params}
        return describe(options, Overrides(**(overrides or {})), shape, ["us-west-2", "eu-west-1"])

    return run
