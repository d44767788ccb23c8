# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging of the agents: the journal, and a file where HyperPod has it."""

from __future__ import annotations

import logging
import logging.handlers

from . import node


def start(name: str) -> None:
    """Log to stderr (the journal) and to /var/log/aws/clusters/<name>."""
    node.AGENT_LOG_DIR.mkdir(parents=True, exist_ok=True)
    to_file = logging.handlers.RotatingFileHandler(node.AGENT_LOG_DIR / name, maxBytes=5_000_000, backupCount=2)
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=[logging.StreamHandler(), to_file])
    logging.getLogger("botocore").setLevel(logging.WARNING)
    logging.getLogger("boto3").setLevel(logging.WARNING)
