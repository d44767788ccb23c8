# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module from its specification to its exit."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

from .common import HyperPodError
from .common import fail

if TYPE_CHECKING:
    from collections.abc import Callable


def launch(argument_spec: dict[str, Any], run: Callable[[Any], dict[str, Any]], **more: Any) -> None:
    """Run a module; never returns.

    Args:
        argument_spec: of the module.
        run: gives the module's result, in check mode too; what it raises as HyperPodError is the module's failure.
        more: further arguments of AnsibleAWSModule.
    """
    module = AnsibleAWSModule(argument_spec=argument_spec, supports_check_mode=True, **more)
    try:
        result = run(module)
    except HyperPodError as error:
        fail(module, error)
    module.exit_json(**{"changed": False, **result})
