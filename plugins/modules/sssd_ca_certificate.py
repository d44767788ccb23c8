#!/usr/bin/python

# Copyright: (c) 2026, podforge contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: sssd_ca_certificate
short_description: Keep the certificate of a directory's authority in a file
version_added: 0.1.0
author:
  - podforge contributors (@podforge)
description:
  - Fetches the certificate on the node, with the node's own role, from a secret, from ACM or from S3, or takes it from
    text or a file, and keeps it where sssd reads it.
  - Only certificates are kept. A private key beside them stays where it is.
options:
  source:
    description:
      - The certificate in PEM form, or where it is. The ARN of a secret in Secrets Manager, the ARN of a certificate in
        ACM (its chain, or itself when it has none), C(s3://<bucket>/<key>), or the absolute path of a file on the node.
    type: str
    required: true
  secret_key:
    description: Key of a secret that is a JSON object. When not set, C(certificate), or the only one.
    type: str
  region:
    description: Region of the S3 bucket; ARNs have their own.
    type: str
  path:
    description: The file. Its folder is made.
    type: path
    required: true
  mark:
    description: A file to make before a change is put in place; whoever restarts sssd takes it away.
    type: path
attributes:
  check_mode:
    description: Predicts the change without making it.
    support: full
  diff_mode:
    description: Shows the certificates before and after.
    support: full
  idempotent:
    description: A second run changes nothing.
    support: full
  platform:
    description: Target operating systems.
    support: full
    platforms: posix
requirements:
  - boto3 on the node, for sources in AWS; the module finds the one of the lifecycle bundle
notes:
  - "The role of the node needs an IAM action, by the source: secretsmanager:GetSecretValue, acm:GetCertificate, or
    s3:GetObject."
  - Throttled requests are repeated with growing pauses, up to twelve times.
seealso:
  - module: podforge.hyperpod.sssd_config
"""

EXAMPLES = r"""
- name: Keep the authority's certificate
  podforge.hyperpod.sssd_ca_certificate:
    source: arn:aws:acm:us-west-2:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef
    path: /etc/ldap/ldaps.crt
  notify: Restart sssd

- name: The same from a bucket
  podforge.hyperpod.sssd_ca_certificate:
    source: s3://sagemaker-demo/ldaps/ca.pem
    path: /etc/ldap/ldaps.crt
"""

RETURN = r"""
path:
  description: The file.
  returned: success
  type: str
  sample: /etc/ldap/ldaps.crt
ends:
  description: When the first of the authorities ends, in UTC; null when the certificate is of no authority.
  returned: success
  type: str
  sample: "2027-11-28T06:50:00Z"
"""

import datetime
import os
import typing as t
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.aws import SourceError
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.aws import need_boto3
from ansible_collections.podforge.hyperpod.plugins.module_utils._os_error import complaint
from ansible_collections.podforge.hyperpod.plugins.module_utils._replace_file import replace_file
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.certificates import ends as end_of
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.certificates import needs_aws
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.certificates import only_certificates
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.certificates import read as read_source
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.common import SssdError

NEAR = datetime.timedelta(days=30)
MODE = 0o644


def judge_end(moment: float | None, now: datetime.datetime, where: str) -> tuple[str | None, str | None]:
    """When it ends, and a warning that this is soon.

    Raises:
        SssdError: it has ended.
    """
    if moment is None:
        return None, None
    end = datetime.datetime.fromtimestamp(moment, datetime.timezone.utc)
    if end <= now:
        raise SssdError(
            f"{where}: The certificate of the authority has ended on {end:%Y-%m-%d}. Fix: put a new one there"
        )
    soon = f"{where}: the certificate of the authority ends in {(end - now).days} days: nobody could log in after that"
    return end.strftime("%Y-%m-%dT%H:%M:%SZ"), soon if end - now < NEAR else None


def read(path: str) -> str | None:
    """The file as it is, None: it is not there."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Read, compare, write; the result for exit_json."""
    source, path = module.params["source"].strip(), module.params["path"]
    where = "source" if "-----BEGIN" in source else source
    if needs_aws(source):
        need_boto3(source)
    text = read_source(source, module.params["secret_key"], module.params["region"])
    pem = only_certificates(text, where)
    end, soon = judge_end(end_of(pem), datetime.datetime.now(datetime.timezone.utc), where)
    if soon:
        module.warn(soon)
    before = read(path)
    changed = before != pem
    if changed and not module.check_mode:
        Path(path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        replace_file(path, pem, mode=MODE, owner=(os.geteuid(), os.getegid()), mark=module.params["mark"])
    diff = {"before": before or "", "after": pem, "before_header": path, "after_header": path}
    return {"changed": changed, "path": path, "ends": end, "diff": diff}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "str", "required": True},
            "secret_key": {"type": "str", "no_log": False},
            "region": {"type": "str"},
            "path": {"type": "path", "required": True},
            "mark": {"type": "path"},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except (SourceError, SssdError) as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg=complaint(error, module.params["path"]))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
