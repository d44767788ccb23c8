# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``ds_microsoft_ad`` does."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .._hyperpod.common import HyperPodError
from .._hyperpod.common import client_of
from .._waiting.converge import Converge
from .._waiting.loop import Look
from .._waiting.reporting import Reasons
from . import api
from .choose import choose
from .explain import interfaces_told
from .explain import likely
from .explain import shares_told
from .explain import trusts_told
from .explain import used_text
from .password import password_of
from .plan import plan
from .states import Current
from .states import Surroundings
from .states import desired_of
from .waiters import ACTIVE
from .waiters import GOALS
from .waiters import GONE
from .waiters import RUNNING
from .waiters import state_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping

    from .._waiting.loop import Journey
    from .._waiting.plans import Call
    from .._waiting.plans import Outline
    from .states import Desired

# While the service works on the directory, or on what the call is about.
_BUSY_CODES = frozenset({"DirectoryUnavailableException", "EntityAlreadyExistsException"})


class State:
    """What was read: the directory, if there is one, and what a new one depends on."""

    def __init__(self, current: Current | None, around: Surroundings) -> None:
        self.current = current
        self.around = around


class DirectoryRun(Converge[State]):
    """One run of ``ds_microsoft_ad``. The journey's marks hold the id of the directory that is waited for."""

    kind = "directory"
    service = "ds"

    def __init__(self, module: Any) -> None:
        """Prepare, see Converge."""
        self.desired: Desired = desired_of(module.params)
        super().__init__(module, self.desired.called())
        self.password: str | None = None

    def read(self) -> State:
        """See Converge.

        Raises:
            HyperPodError: it can't be told which directory is meant.
        """
        choice = choose(api.list_directories(self.client), self.desired)
        if choice.refusal:
            raise HyperPodError(choice.refusal)
        if choice.directory is None:
            return State(None, self._around() if self.desired.state == "present" else Surroundings())
        self.journey.marks["id"] = choice.directory["DirectoryId"]
        self.journey.marks["security_group"] = choice.directory.get("VpcSettings", {}).get("SecurityGroupId")
        return State(read_whole(self.client, choice.directory), Surroundings())

    def _around(self) -> Surroundings:
        ids = self.desired.subnet_ids
        if not ids or not self.desired.name:
            return Surroundings()
        subnets = api.list_subnets(client_of(self.module, "ec2"), ids)
        return Surroundings(tuple(subnets), api.limits(self.client))

    def plan(self, state: State) -> Outline:
        """See Converge."""
        return plan(state.current, self.desired, state.around)

    def prepare(self, state: State, outline: Outline) -> None:
        """See Converge."""
        if state.current is None and outline.calls:
            self.password = password_of(self.module)

    def apply(self, call: Call) -> None:
        """See Converge."""
        try:
            if call.operation == "CreateMicrosoftAD":
                # A second try, when only the answer got lost, would make a second directory.
                request = {**call.request, "Password": self.password}
                made = api.create_directory(client_of(self.module, "ds", once=True), request)
                self.journey.marks["id"] = made
            else:
                api.OPERATIONS[call.operation](self.client, call.request)
        except HyperPodError as error:
            self._explain(call, error)
            raise

    def passing(self, call: Call, error: HyperPodError) -> bool:
        """See Converge."""
        if error.code in _BUSY_CODES and call.operation != "CreateMicrosoftAD":
            return True
        return error.passing if call.operation == "CreateMicrosoftAD" else error.code == "EntityDoesNotExistException"

    def _explain(self, call: Call, error: HyperPodError) -> None:
        """Add what leads to the fix of a refusal, where something is known."""
        if error.passing or "AccessDenied" in error.code:
            return
        parts = [cause.text() for cause in likely([f"{error.code} {error.exception}"])]
        if call.operation == "DeleteDirectory":
            found, unread = self._users(str(call.request["DirectoryId"]))
            parts = [*used_text(found), *parts]
            error.kwargs["failure"] = {"message": str(error.exception), "used_by": found, "unread": unread}
        error.advice = ". ".join(parts)

    def _users(self, directory: str) -> tuple[list[str], list[str]]:
        """What still uses a directory, as far as services tell, and what could not be read."""
        found: list[str] = []
        unread: list[str] = []
        ec2 = client_of(self.module, "ec2")
        described = self.journey.marks.get("security_group")
        asked: list[Callable[[], list[str]]] = [
            lambda: trusts_told(api.list_trusts(self.client, directory)),
            lambda: shares_told(api.list_shares(self.client, directory)),
            lambda: interfaces_told(api.list_interfaces(ec2, described) if described else [], directory),
        ]
        for ask in asked:
            try:
                found += ask()
            except HyperPodError as error:
                # The failure itself is what counts.
                unread.append(str(error))
        return found, unread

    def look(self, journey: Journey) -> Look:
        """See Converge."""
        described = api.describe_directory(self.client, str(journey.marks["id"]))
        return Look(state_text(described), GOALS[journey.goal or ACTIVE](described, journey.seen), described)

    def status(self, described: dict[str, Any] | None) -> str | None:
        """See Converge."""
        return None if described is None else str(described["Stage"])

    def shown(self, state: State) -> dict[str, Any]:
        """See Converge."""
        return state.current.result() if state.current else {}

    def normalised(self, state: State) -> dict[str, Any]:
        """See Converge."""
        return state.current.options() if state.current else {}

    def aim(self, goal: str) -> str:
        """See Converge."""
        return f"Directory {self.name} is not {'active' if goal == ACTIVE else 'gone'}"

    def reasons(self, said: str, described: Mapping[str, Any]) -> Reasons:
        """See Run."""
        causes = likely([said, str(described.get("StageReason", ""))])
        gone = self.journey.goal == GONE
        found, unread = self._users(str(described["DirectoryId"])) if gone else ([], [])
        report = {
            "message": said,
            "stage": described["Stage"],
            "stage_reason": described.get("StageReason"),
            "used_by": found,
            "causes": [cause.told() for cause in causes],
            "unread": unread,
        }
        text = ". ".join([*used_text(found), *(cause.text() for cause in causes[:1])])
        lines = [f"still used by: {item}" for item in found] + [f"could not be read: {item}" for item in unread]
        return Reasons(text, {"failure": report}, tuple(lines))

    def last(self, result: dict[str, Any]) -> str:
        """See Converge."""
        directory = result["directory"]
        if not directory:
            return "gone"
        return f"{directory['stage']} | DNS {', '.join(directory['dns_ip_addrs']) or 'none yet'}"


def read_whole(client: Any, described: Mapping[str, Any]) -> Current:
    """A directory with all that can be asked for in its stage."""
    directory = str(described["DirectoryId"])
    tags = api.list_tags(client, directory)
    if described["Stage"] not in RUNNING:
        return Current(described, tags)
    forwarders = api.list_forwarders(client, directory)
    return Current(described, tags, tuple(forwarders), api.ldaps_settings(client, directory))
