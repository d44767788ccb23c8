# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the HyperPod service needs of moto beyond reading its backends: credentials, callers, changes that are saved."""

from __future__ import annotations

import re
import threading
from datetime import datetime
from datetime import timedelta
from datetime import timezone
from typing import TYPE_CHECKING
from typing import Any

from moto.core import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from local_cloud.moto_store import MotoStore

# Role sessions of instances last six hours and are renewed an hour before they end
# (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html).
SESSION_SECONDS = 6 * 3600
RENEW_BEFORE = timedelta(hours=1)
# moto takes only such keys for keys; all others belong to its default account.
_ACCESS_KEY = re.compile(r"[A-Z0-9]{20}")


def account_of(access_key_id: str) -> str:
    """The account that an access key belongs to, as moto sees it; its default account for an unknown one.

    Unlike moto's own function this one makes no backends (6 partitions of each account, 24 MB of policies in each).
    """
    if _ACCESS_KEY.fullmatch(access_key_id):
        for account_id, account in list(iam_backends.items()):
            for backend in list(account.values()):
                if access_key_id in backend.access_keys:
                    return str(account_id)
    return str(DEFAULT_ACCOUNT_ID)


def principal_of(account_id: str, region: str, access_key_id: str) -> str:
    """ARN of the user or assumed role that an access key belongs to, as GetCallerIdentity tells it."""
    backend = sts_backends[account_id][get_partition(region)]
    return str(backend.get_caller_identity(access_key_id, region)[1])


class MotoAccess:
    """Changes to moto's backends from inside, saved like those of requests."""

    def __init__(self, store: MotoStore) -> None:
        """``store`` saves what is changed."""
        self._store = store
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, str], Any] = {}

    def changes(self, service: str) -> AbstractContextManager[None]:
        """``with access.changes("ec2"): ...`` around a change of moto's backends of that service."""
        return self._store.changes(service)

    def role_credentials(self, account_id: str, region: str, role_arn: str, session_name: str) -> dict[str, str]:
        """Credentials of a session of a role, as an instance's metadata service hands them out.

        The same session is answered until an hour before its end; it survives a restart.

        Args:
            account_id: 12 digits; the account of the node.
            region: region of the node; tells the partition.
            role_arn: the role. As with EC2, it need not exist any more.
            session_name: name of the session; instances use their id.

        Returns:
            AccessKeyId, SecretAccessKey, Token, Expiration (ISO 8601, UTC).
        """
        partition = get_partition(region)
        with self._lock:
            role = self._sessions.get((role_arn, session_name))
            keys = iam_backends[account_id][partition].access_keys
            if role is None or not _fresh(role) or role.access_key_id not in keys:
                sessions = sts_backends[account_id][partition].assumed_roles
                alike = [r for r in sessions if (r.role_arn, r.session_name) == (role_arn, session_name) and _fresh(r)]
                role = alike[-1] if alike else self._assume(account_id, partition, region, role_arn, session_name)
                self._sessions[role_arn, session_name] = role
        return {
            "AccessKeyId": role.access_key_id,
            "SecretAccessKey": role.secret_access_key,
            "Token": role.session_token,
            "Expiration": role.expiration.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def _assume(self, account_id: str, partition: str, region: str, role_arn: str, session_name: str) -> Any:
        with self._store.changes("sts"):
            backend = sts_backends[account_id][partition]
            self._forget_ended(account_id, partition)
            return backend.assume_role(
                region_name=region,
                role_session_name=session_name,
                role_arn=role_arn,
                policy=None,
                duration=SESSION_SECONDS,
                external_id=None,
            )

    @staticmethod
    def _forget_ended(account_id: str, partition: str) -> None:
        """moto keeps sessions forever; with one per node and five hours that adds up."""
        backend = sts_backends[account_id][partition]
        ended = [role for role in backend.assumed_roles if _left(role) < timedelta(0)]
        for role in ended:
            backend.assumed_roles.remove(role)
            iam_backends[account_id][partition].access_keys.pop(role.access_key_id, None)


def _left(role: Any) -> timedelta:
    # moto keeps naive datetimes in UTC.
    end: datetime = role.expiration.replace(tzinfo=timezone.utc)
    return end - datetime.now(tz=timezone.utc)


def _fresh(role: Any) -> bool:
    return _left(role) > RENEW_BEFORE
