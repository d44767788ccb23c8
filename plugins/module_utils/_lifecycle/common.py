# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all parts of the lifecycle package share. Private to this collection."""

from __future__ import annotations

import typing as t

JsonDict = dict[str, t.Any]

OWN_COLLECTION = "podforge.hyperpod"
ENTRY_SCRIPT = "on_create.sh"
BUNDLE = "bundle.tar"
MANIFEST = "manifest.json"
PROVISIONING_PARAMETERS = "provisioning_parameters.json"


class LifecycleError(Exception):
    """The bundle cannot be built or staged; the text names the thing and the fix."""
