# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ad_user does: read, plan, apply."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING
from typing import Any

from ansible_collections.podforge.hyperpod.plugins.module_utils._hyperpod.common import region_problem

from .checks import encodable
from .connection import reach_of
from .directory import DESCRIPTOR
from .directory import Directory
from .errors import DirectoryError
from .errors import Refused
from .lookup import USERS_CONTAINER
from .lookup import accounts
from .lookup import container_of
from .names import domain_of
from .objects import Each
from .objects import result_of
from .passwords import LEAST
from .passwords import MOST
from .passwords import Passwords
from .states import ServicePassword
from .users import wanted_users
from .users_plan import ATTRIBUTES
from .users_plan import locks_out
from .users_plan import plan_user

if TYPE_CHECKING:
    from collections.abc import Callable

    from ansible_collections.amazon.aws.plugins.module_utils.exceptions import AnsibleAWSError

    from .states import Entry
    from .states import Plan
    from .users import User


# API_ResetUserPassword
_DIRECTORY_ID = re.compile(r"d-[0-9a-f]{10}\Z")
# ERROR_PASSWORD_RESTRICTION at the beginning of a text: also said when an account without a password is to be enabled
_NO_PASSWORD = re.compile(r"\A0000052D:", re.IGNORECASE)
# A password reaches the other domain controllers within seconds in a site, at most a minute
_LOOKS = 30
_PAUSE = 2.0


def after_service(change: Callable[[], None], sleep: Callable[[float], None]) -> None:
    """Make a change after AWS Directory Service has set the password, maybe on another domain controller than ours.

    Raises:
        Refused: the password isn't there after a minute, or something else is wrong.
    """
    for look in range(1, _LOOKS + 1):
        try:
            change()
        except Refused as error:
            if look == _LOOKS or not _NO_PASSWORD.match(error.said):
                raise
            sleep(_PAUSE)
        else:
            return


def run_users(module: Any, conceal: Callable[[str], None], words: Callable[[AnsibleAWSError], str]) -> dict[str, Any]:
    """The result of ad_user.

    Args:
        module: an AnsibleAWSModule.
        conceal: told of each password that is generated or read, so that no output has it.
        words: how exceptions of AWS are told.

    Raises:
        DirectoryError: nothing was done; says why.
    """
    encodable(module.params)
    length = module.params["password_length"]
    if not LEAST <= length <= MOST:
        raise DirectoryError(f"password_length: {length} is not between {LEAST} and {MOST}")
    _check_aws(module)
    directory = Directory(reach_of(module.params), module.params["base_dn"])
    try:
        return _UsersTask(module, directory, conceal, words).run()
    finally:
        directory.close()


def _check_aws(module: Any) -> None:
    """Refuse what AWS would refuse for each of the users."""
    params = module.params
    named = [params["password_secret"], *(user["password_secret"] for user in params["users"])]
    kept = any(named) and any(user["generate_password"] for user in params["users"])
    if params["directory_id"] and not _DIRECTORY_ID.match(params["directory_id"]):
        raise DirectoryError(f"directory_id: '{params['directory_id']}' is none", "write it as in d-0123456789")
    if kept or params["directory_id"]:
        problem = region_problem(module.region)
        if problem:
            raise DirectoryError(problem, "password_secret and directory_id need one")


class _UsersTask:
    def __init__(
        self,
        module: Any,
        directory: Directory,
        conceal: Callable[[str], None],
        words: Callable[[AnsibleAWSError], str],
    ) -> None:
        self._module = module
        self._directory = directory
        self._words = words
        self._service = module.params["directory_id"]
        self._wanted = wanted_users(module.params, directory.domain)
        self._passwords = Passwords(module, domain_of(directory.domain), conceal)
        secured = any(user.read_only is not None for user in self._wanted)
        self._attributes = [*ATTRIBUTES, DESCRIPTOR] if secured else list(ATTRIBUTES)
        self._current: dict[str, Entry] = {}
        self._container = ""

    def run(self) -> dict[str, Any]:
        """Read all users at once, then do what is to be done with each."""
        self._current = accounts(self._directory, [user.name for user in self._wanted], self._attributes)
        if any(user.present and user.path is None and user.name.lower() not in self._current for user in self._wanted):
            self._container = container_of(self._directory, USERS_CONTAINER)
        each: Each[User] = Each(self._directory, lambda user: user.name, self._one, self._words)
        outcomes = each.run(self._wanted)
        result = result_of("users", outcomes, diff=self._module._diff)
        for told in result["users"]:
            if told["name"] in self._passwords.arns:
                told["secret_arn"] = self._passwords.arns[told["name"]]
        return {**result, "asked": dict(self._directory.asked)}

    def _one(self, user: User, again: bool) -> Plan:
        current = self._read(user) if again else self._current.get(user.name.lower())
        plan = self._plan(current, user)
        if not self._module.check_mode and plan.steps:
            self._apply(plan, user, known=current is not None)
            if plan.again:
                # the password was set a moment ago
                rest = self._plan(self._read(user), replace(user, always=False))
                if rest.steps:
                    self._apply(rest, user, known=True)
        return plan

    def _plan(self, current: Entry | None, user: User) -> Plan:
        return plan_user(
            current,
            user,
            container=self._container,
            base=self._directory.domain,
            by_service=bool(self._service),
            own=self._directory.own_sids if locks_out(current, user) else frozenset(),
        )

    def _read(self, user: User) -> Entry | None:
        return accounts(self._directory, [user.name], self._attributes).get(user.name.lower())

    def _apply(self, plan: Plan, user: User, *, known: bool) -> None:
        sets = any(isinstance(step, ServicePassword) or getattr(step, "password", False) for step in plan.steps)
        password: str | None = None
        finish: Callable[[], None] | None = None
        if sets and known:
            password, finish = self._passwords.for_known(user)
        elif sets:
            password = self._passwords.for_new(user)
        served = False
        for step in plan.steps:
            if isinstance(step, ServicePassword):
                self._passwords.set_by_service(self._service, step.name, password or "")
                served = True
            elif served:
                after_service(partial(self._directory.apply, step), time.sleep)
            else:
                self._directory.apply(step, password)
        if finish is not None:
            finish()
