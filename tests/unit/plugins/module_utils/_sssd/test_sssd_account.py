# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which account a secret is of."""

from __future__ import annotations

import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.secrets import bind_dn_in

DN = "CN=ReadOnly2,OU=Users,OU=CORP,DC=corp,DC=example,DC=com"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f'{{"bind_dn": "{DN}", "password": "p"}}', DN),
        ('{"password": "p"}', None),
        ('{"bind_dn": " ", "password": "p"}', None),
        ('{"bind_dn": 7, "password": "p"}', None),
        ("a password", None),
        ('["bind_dn"]', None),
        ("", None),
    ],
)
def test_the_secret_may_say_it(text, found):
    assert bind_dn_in(text) == found
