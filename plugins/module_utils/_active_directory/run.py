# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a module: its result, or an error in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from ansible.module_utils.basic import missing_required_lib

from .connection import LDAP3_MISSING
from .errors import DirectoryError

if TYPE_CHECKING:
    from collections.abc import Callable


def finish(module: Any, work: Callable[[], dict[str, Any]]) -> None:
    """Do the work of a module and end it.

    Args:
        module: an AnsibleModule or AnsibleAWSModule.
        work: gives the result; ``failed`` in it makes the module fail with it.
    """
    if LDAP3_MISSING:
        where = "run the task where it is installed, most often on the controller: delegate_to: localhost"
        module.fail_json(msg=f"{missing_required_lib('ldap3')}. Or {where}", exception=LDAP3_MISSING)
    try:
        result = work()
    except DirectoryError as error:
        module.fail_json(msg=str(error))
        return
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
