# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules run in this process: same code, same requests, without the seconds that a playbook takes to start."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import botocore.loaders
import botocore.session
from ansible.module_utils.testing import patch_module_args

PACKAGE = "ansible_collections.podforge.hyperpod.plugins.modules"
# Service models are read once, not once a session.
LOADER = botocore.loaders.create_loader()


def run_in_process(name: str, options: dict[str, Any], secrets: Sequence[str] = ()) -> dict[str, Any]:
    """The result of a module, failed or not; ``secrets`` must not be in what it prints."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    output = io.StringIO()
    with (
        patch.dict(os.environ, {**kept, "AWS_EC2_METADATA_DISABLED": "true"}, clear=True),
        patch.object(botocore.session, "create_loader", lambda *_paths: LOADER),
        patch_module_args(options),
        contextlib.redirect_stdout(output),
        contextlib.suppress(SystemExit),
    ):
        importlib.import_module(f"{PACKAGE}.{name}").main()
    result: dict[str, Any] = json.loads(output.getvalue().strip().splitlines()[-1])
    for secret in secrets:
        assert secret not in output.getvalue()
    return result
