# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of a task, one after the other. What fails is told of each; the others are done all the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from typing import Any
from typing import Generic
from typing import TypeVar

from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError

from .errors import ConnectionLost
from .errors import DirectoryError
from .errors import Refused
from .explain import ALREADY_EXISTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping
    from collections.abc import Sequence

    from .directory import Directory
    from .states import Plan

W = TypeVar("W")
_MOST_SHOWN = 20


@dataclass(frozen=True)
class Outcome:
    """What became of one object."""

    name: str
    result: str
    dn: str = ""
    changes: Sequence[str] = ()
    message: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    touched: bool = False
    """Something was changed before it failed."""

    @property
    def changed(self) -> bool:
        """Whether the object was changed, or would be."""
        return self.touched or self.result in ("created", "changed", "removed")

    def told(self) -> dict[str, Any]:
        """The outcome for the module's result."""
        told: dict[str, Any] = {"name": self.name, "result": self.result, "changes": list(self.changes)}
        told.update({key: value for key, value in (("dn", self.dn), ("message", self.message)) if value})
        return told


def outcome_of(name: str, plan: Plan) -> Outcome:
    """What became of an object whose plan was carried out, or would be."""
    return Outcome(name, plan.result, plan.dn, plan.changes, "", plan.before, plan.after)


class Each(Generic[W]):
    """Does something with each object.

    Args:
        directory: connected anew when the connection breaks. The object in work is looked at and done once more then.
        name_of: the name of an object.
        one: reads what there is of an object, decides, and does it unless in check mode. The second argument says that
            it is looked at again.
        words: how exceptions of AWS are told.
    """

    def __init__(
        self,
        directory: Directory,
        name_of: Callable[[W], str],
        one: Callable[[W, bool], Plan],
        words: Callable[[AnsibleAWSError], str] = str,
    ) -> None:
        self._directory = directory
        self._name_of = name_of
        self._one = one
        self._words = words
        self._lost = ""

    def run(self, wanted: Sequence[W]) -> list[Outcome]:
        """Outcomes in the order of the objects."""
        return [self._outcome(item) for item in wanted]

    def _outcome(self, item: W) -> Outcome:
        name = self._name_of(item)
        if self._lost:
            return Outcome(name, "failed", message=self._lost)
        try:
            return outcome_of(name, self._patiently(item))
        except ConnectionLost as error:
            return Outcome(name, "failed", message=str(error))
        except DirectoryError as error:
            return Outcome(name, "failed", message=str(error))
        except AnsibleAWSError as error:
            return Outcome(name, "failed", message=self._words(error))

    def _patiently(self, item: W) -> Plan:
        """Once more when the connection broke, and once more when it turns out that what is to be made is there.

        Then another run has made it since it was looked for, or this one, by the request whose answer was lost.
        Something else of that name is refused again.
        """
        connected_anew = looked_anew = again = False
        while True:
            try:
                return self._one(item, again)
            except ConnectionLost as error:
                if connected_anew:
                    raise
                self._connect_anew(error)
                connected_anew = True
            except Refused as error:
                if looked_anew or error.code != ALREADY_EXISTS:
                    raise
                looked_anew = True
            again = True

    def _connect_anew(self, lost: ConnectionLost) -> None:
        try:
            self._directory.reconnect()
        except DirectoryError as error:
            self._lost = f"Not done: {error}"
            raise DirectoryError(f"{lost.what} Then: {error}") from error


def result_of(kind: str, outcomes: Sequence[Outcome], *, diff: bool) -> dict[str, Any]:
    """The module's result, all but what its own objects have.

    Args:
        kind: what the objects are, in the plural, as in "users".
        outcomes: what became of them.
        diff: with what differs.
    """
    result: dict[str, Any] = {
        "changed": any(outcome.changed for outcome in outcomes),
        kind: [outcome.told() for outcome in outcomes],
    }
    if diff:
        changed = [outcome for outcome in outcomes if outcome.changed]
        result["diff"] = {
            "before": {outcome.name: dict(outcome.before or {}) for outcome in changed},
            "after": {outcome.name: dict(outcome.after or {}) for outcome in changed},
        }
    failed = [outcome for outcome in outcomes if outcome.result == "failed"]
    if failed:
        result["failed"] = True
        result["msg"] = failure_table(kind, failed, len(outcomes))
    return result


def failure_table(kind: str, failed: Sequence[Outcome], count: int) -> str:
    """What failed, as a table under a title; objects with the same reason share a line."""
    reasons: dict[str, list[str]] = {}
    for outcome in failed:
        reasons.setdefault(outcome.message, []).append(outcome.name)
    title = f"{len(failed)} of {count} {kind} failed; the others are as they are to be"
    if len(failed) == count:
        title = f"{failed[0].name} failed" if count == 1 else f"All {count} {kind} failed"
    width = max(len(_names(names)) for names in reasons.values())
    lines = [f"  {_names(names):<{width}}  {reason}" for reason, names in list(reasons.items())[:_MOST_SHOWN]]
    rest = len(reasons) - _MOST_SHOWN
    more = [f"  and {rest} more reasons, see {kind} in the result"] if rest > 0 else []
    if count == 1:
        return f"{title}: {failed[0].message}"
    return "\n".join([title + ":", *lines, *more])


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
