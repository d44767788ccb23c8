# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: table
short_description: Text table of a list of mappings
version_added: 0.1.0
description: Makes aligned columns of a list of mappings, with a line of titles, for people to read.
author: podforge contributors (@podforge)
options:
  _input:
    description: Mappings, one per line. Columns that a mapping doesn't have stay empty.
    type: list
    elements: dict
    required: true
  columns:
    description: Keys of the columns in their order, by title.
    type: dict
    required: true
positional: columns
"""

EXAMPLES = r"""
- name: Show nodes
  ansible.builtin.debug:
    msg: "{{ nodes | podforge.hyperpod.table({'NODE': 'hostname', 'STATUS': 'status'}) }}"
  vars:
    nodes:
      - {hostname: ip-10-198-0-11, status: Running}
"""

RETURN = r"""
_value:
  description: The table; lines end without blanks.
  type: str
"""

from typing import TYPE_CHECKING
from typing import Any

from ansible.errors import AnsibleFilterError

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping


def table(rows: Any, columns: Mapping[str, str]) -> str:
    """Aligned columns of ``rows``; ``columns`` gives each title the key of its values."""
    if isinstance(rows, (str, bytes)) or not all(hasattr(row, "get") for row in rows):
        raise AnsibleFilterError("podforge.hyperpod.table wants a list of mappings")
    lines = [list(columns), *([_text(row.get(key)) for key in columns.values()] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(line.rstrip() for line in padded)


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(str(item) for item in value)
    return "" if value is None else str(value)


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Functions by name."""
        return {"table": table}
