# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``hyperpod_cluster`` does: read, plan, apply, wait, read."""

from __future__ import annotations

from typing import TYPE_CHECKING
from typing import Any

from .._waiting.loop import Slice
from .._waiting.loop import WaitFailed
from . import api
from . import model_check
from .common import HyperPodError
from .common import botocore_version
from .plan import plan
from .reporting import ClusterReport
from .schema import CLUSTER_FIELDS
from .states import Current
from .states import Desired
from .transformations import cluster_result
from .transformations import to_request
from .transformations import wanted_options
from .update import about_instances
from .waiters import DELETED
from .waiters import SETTLED
from .waiters import deletion_worth_retrying
from .waiting import ClusterWaiter

if TYPE_CHECKING:
    from .compare import Difference
    from .states import Plan

# Somebody else may make and delete the same cluster at the same time; after that many surprises it is their game.
_MAX_SURPRISES = 5
# Seconds before the next look after one.
_SURPRISE_PAUSE = 2.0
_MAX_DELETIONS = 5
# Refused while the service is at work on the cluster.
_WHEN_SETTLED = frozenset({"DeleteCluster", "UpdateCluster"})


class ClusterRun(ClusterReport[ClusterWaiter]):
    """One run of ``hyperpod_cluster``."""

    def __init__(self, module: Any, desired: Desired) -> None:
        """Prepare, see Run."""
        super().__init__(module, desired.name, ClusterWaiter)
        self.desired = desired


def desired_of(params: dict[str, Any]) -> Desired:
    """The wish in a module's parameters."""
    tags = params["tags"]
    return Desired(
        name=params["name"],
        state=params["state"],
        options=wanted_options(CLUSTER_FIELDS, params) if params["state"] == "present" else {},
        tags=None if tags is None else {str(key): str(value) for key, value in tags.items()},
        purge_tags=params["purge_tags"],
        purge_instance_groups=params["purge_instance_groups"],
        allow_scale_down=params["allow_scale_down"],
        recreate_failed=params["recreate_failed"],
    )


def run(module: Any) -> dict[str, Any]:
    """Do what the parameters ask for; returns the module's result.

    Raises:
        HyperPodError: with everything that the module is to fail with.
    """
    task = ClusterRun(module, desired_of(module.params))
    check_request(module, task.client, task.desired)
    try:
        return _travel(task)
    except Slice as part:
        return task.part(part)
    except WaitFailed as error:
        raise _failed(task, error) from error


def check_request(module: Any, client: Any, desired: Desired) -> None:
    """Refuse what the service would refuse by its model, all findings at once.

    Raises:
        HyperPodError: there are findings.
    """
    try:
        request = {"ClusterName": desired.name, **to_request(CLUSTER_FIELDS, desired.options)}
    except ValueError as error:
        raise HyperPodError(
            f"auto_patch_config.patch_schedule.next_patch_date is not a time in ISO 8601: {error}"
        ) from error
    shape = client.meta.service_model.operation_model("CreateCluster").input_shape
    _refuse_unless_sound(shape, request, desired.name)
    for name, alike in model_check.unknown_instance_types(shape, request).items():
        like = f" (did you mean {' or '.join(alike)}?)" if alike else ""
        module.warn(
            f"botocore {botocore_version()} does not know instance type {name}{like}: the service will refuse it,"
            " unless it is newer than that"
        )


def _refuse_unless_sound(shape: Any, request: dict[str, Any], name: str) -> None:
    found = model_check.problems(shape, request, botocore_version())
    if found:
        raise HyperPodError(f"Cluster {name} can't be described like this: {'; '.join(found)}")


def _travel(task: ClusterRun) -> dict[str, Any]:
    """From where the journey stands to its end."""
    journey = task.journey
    surprises = 0
    while surprises < _MAX_SURPRISES:
        if not journey.is_waiting():
            current = _read(task)
            planned = _plan(task, current)
            if task.module.check_mode:
                return _predicted(task, planned)
            if not _apply(task, planned):
                surprises += 1
                task.waiter.sleep(_SURPRISE_PAUSE)
                continue
            if not journey.is_waiting() or not task.module.params["wait"]:
                return _result(task, _read(task) if planned.calls else current)
        if _arrive(task):
            current = _read(task)
            if _came_out(task, current):
                return _result(task, current)
            surprises += 1
    raise HyperPodError(f"Cluster {task.name} is changed by somebody else again and again: run one task at a time")


def _arrive(task: ClusterRun) -> bool:
    """Wait for the goal. False: there is more to plan."""
    journey = task.journey
    try:
        task.waiter.wait(journey)
    except WaitFailed as error:
        if journey.goal != DELETED or not deletion_worth_retrying(error.message) or journey.deletions >= _MAX_DELETIONS:
            raise
        journey.again = True
    again = journey.again
    journey.rolled_back = "RollingBack" in journey.seen
    journey.set_out(None, False)
    return not again


def _came_out(task: ClusterRun, current: Current | None) -> bool:
    """The cluster is what is wanted. False: what was joined has come to something else, plan again.

    Raises:
        HyperPodError: the service has taken this task's change back.
    """
    if task.desired.state == "absent" or current is None:
        return True
    left = plan(current, task.desired).differences
    if not left:
        return True
    if not task.journey.applied:
        return False
    described = dict(current.described)
    listed = "; ".join(map(str, left))
    message = described.get("FailureMessage")
    if message or task.journey.rolled_back or about_instances(left):
        said = message or "the service gives no reason"
        text = f"The update of cluster {task.name} was rolled back: {said.rstrip('.')}. Not as wanted: {listed}"
        raise task.explained(text, said, described, **_seen(described, _listed(left)))
    task.module.warn(f"The service has taken the change of cluster {task.name}, and tells otherwise: {listed}")
    return True


def _listed(found: tuple[Difference, ...]) -> list[dict[str, Any]]:
    return [{"path": item.path, "current": item.current, "desired": item.desired} for item in found]


def _read(task: ClusterRun) -> Current | None:
    described = api.describe_cluster(task.client, task.name)
    if described is None:
        return None
    return Current(described, api.list_tags(task.client, described["ClusterArn"]))


def _plan(task: ClusterRun, current: Current | None) -> Plan:
    """What to do now.

    Raises:
        HyperPodError: nothing may be done.
    """
    planned = plan(current, task.desired)
    if planned.refusal and current and current.status == "Failed":
        described = dict(current.described)
        said = described.get("FailureMessage") or planned.refusal
        raise task.explained(planned.refusal, said, described, **_seen(described, _listed(planned.differences)))
    if planned.refusal:
        raise HyperPodError(planned.refusal, differences=_listed(planned.differences))
    for call in (*planned.calls, *planned.later):
        if call.operation == "UpdateCluster":
            shape = task.client.meta.service_model.operation_model(call.operation).input_shape
            _refuse_unless_sound(shape, call.request, task.name)
    if planned.again and not task.module.params["wait"] and not task.module.check_mode:
        status = current.status if current else ""
        ahead = (
            f"is {status} and can't be updated now" if planned.goal == SETTLED else "must be gone before it can be made"
        )
        raise HyperPodError(f"Cluster {task.name} {ahead}, and wait is false: run with wait: true")
    if planned.differences:
        task.journey.differences = _listed(planned.differences)
    if task.journey.before is None:
        task.journey.before = planned.before
    return planned


def _apply(task: ClusterRun, planned: Plan) -> bool:
    """Make the calls and set the goal. False: things have changed meanwhile, plan again."""
    journey = task.journey
    if planned.calls:
        journey.acted_at = task.waiter.clock()
    for call in planned.calls:
        journey.calls.append(call.told())
        journey.deletions += call.operation == "DeleteCluster"
        try:
            api.OPERATIONS[call.operation](task.client, call.request)
        except HyperPodError as error:
            if call.operation == "CreateCluster" and error.code == "ResourceInUse":
                # Made by an answer that got lost on the way, or by somebody else just now: the next plan tells.
                journey.changed = True
                return False
            late = task.waiter.clock() - journey.started >= task.waiter.timeout
            conflict = call.operation in _WHEN_SETTLED and error.code == "ConflictException"
            if conflict and task.module.params["wait"] and not late:
                journey.calls.pop()
                # It may be this very update whose answer got lost on the way: then the next plan finds nothing to do.
                journey.changed = journey.changed or call.operation == "UpdateCluster"
                journey.set_out(SETTLED, again=True)
                journey.polled_at = task.waiter.clock()
                return True
            raise
        journey.changed = True
        journey.applied = journey.applied or call.operation in ("CreateCluster", "UpdateCluster")
    journey.set_out(planned.goal, planned.again)
    return True


def _predicted(task: ClusterRun, planned: Plan) -> dict[str, Any]:
    """The result of check mode."""
    result = {
        "changed": planned.changed,
        "cluster": planned.after,
        "calls": [call.told() for call in (*planned.calls, *planned.later)],
        "differences": _listed(planned.differences),
    }
    if task.module._diff:
        result["diff"] = {"before": planned.before, "after": planned.after}
    return result


def _result(task: ClusterRun, current: Current | None) -> dict[str, Any]:
    journey = task.journey
    result: dict[str, Any] = {
        **task.told(),
        "cluster": cluster_result(current.described, current.tags) if current else {},
        "differences": journey.differences,
    }
    if task.module._diff:
        after = current.normalised() if current else {}
        # Having waited for what was under way already is no change.
        result["diff"] = {"before": journey.before, "after": after if journey.changed else journey.before}
    if task.waiter.sliced and (journey.shown or journey.calls):
        result["_progress"] = {"lines": task.lines(_last_line(task, current))}
    return result


def _last_line(task: ClusterRun, current: Current | None) -> str:
    if current is None:
        return task.line("deleted")
    try:
        text = task.waiter.state(dict(current.described))
    except HyperPodError:
        # All is done; the line is not worth a failure.
        text = current.status
    return task.line(text)


def _seen(described: dict[str, Any], differences: list[dict[str, Any]]) -> dict[str, Any]:
    """For the result of a failure: the cluster, but for its tags, which were not read again."""
    cluster = cluster_result(described, {})
    del cluster["tags"]
    return {"cluster": cluster, "differences": differences}


def _failed(task: ClusterRun, error: WaitFailed) -> HyperPodError:
    aim = {DELETED: "deleted", SETTLED: "ready for other changes"}.get(task.journey.goal or "", "in service")
    seen = {} if error.described is None else _seen(error.described, task.journey.differences)
    return task.late(f"Cluster {task.name} is not {aim}", error, "run again to go on waiting", **seen)
