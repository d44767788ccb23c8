# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work on the domain of this controller, told by one JSON object on standard input: no password is ever an argument.

{"do": "provision", "domain": ..., "netbios": ..., "password": ..., "addresses": [...]}
{"do": "samba-tool", "arguments": [...]}
{"do": "set-password", "user": ..., "password": ...}
"""

from __future__ import annotations

import fcntl
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import ldb
from samba import dsdb_dns
from samba.auth import system_session
from samba.credentials import Credentials
from samba.dcerpc import dnsp
from samba.dcerpc import security
from samba.ndr import ndr_unpack
from samba.netcmd.main import cmd_sambatool
from samba.param import LoadParm
from samba.samdb import SamDB

CONFIGURATION = Path("/etc/samba/smb.conf")
STATE = Path("/var/lib/samba")
LOCK = Path("/run/directory.lock")
MARK = STATE / "provisioned"
HOST = "dc1"
# Full control of an object and all below it (MS-DTYP 2.5.1.1, ace-string).
FULL_CONTROL = "(A;CI;RPWPCRCCDCLCLORCWOWDSDDTSW;;;{sid})"
# Default of AWS Managed Microsoft AD: 24 passwords remembered, 42 days and at least 1, 7 characters, complex
# (AWS Directory Service administration guide, "Understanding AWS Managed Microsoft AD password policies").
POLICY = (
    "--history-length=24",
    "--max-pwd-age=42",
    "--min-pwd-age=1",
    "--min-pwd-length=7",
    "--complexity=on",
    "--store-plaintext=off",
    "--account-lockout-threshold=0",
)
SETTINGS = """\
[global]
    # behind a balancer that ends TLS, as with AWS Managed Microsoft AD
    ldap server require strong auth = no
    # security.* needs CAP_SYS_ADMIN (xattr(7))
    acl_xattr:security_acl_name = user.NTACL
    # the machine may lose the last seconds when it loses power, and nothing when a process is killed
    ldb:nosync = true
    dns forwarder = 127.0.0.1:5353
    # neither files nor NetBIOS nor replication
    server services = rpc, ldap, cldap, kdc, dns
    prefork children = 2
    {tls}
"""
TLS_FOLDER = Path("/etc/directory/tls")


def samba_tool(*arguments: str) -> None:
    """Run samba-tool in this process; ends with its status when it fails."""
    status = cmd_sambatool()._run("samba-tool", *arguments)
    if status:
        sys.exit(1)


def open_database() -> Any:
    """The controller's database, as the system."""
    parameters = LoadParm()
    parameters.load(str(CONFIGURATION))
    credentials = Credentials()
    credentials.guess(parameters)
    return SamDB(session_info=system_session(), credentials=credentials, lp=parameters)


def provision(domain: str, netbios: str, password: str, addresses: list[str]) -> None:
    """Make the domain with the layout of AWS Managed Microsoft AD. What a killed attempt left is written over."""
    if MARK.exists():
        return
    for path in (CONFIGURATION, *STATE.glob("private/*"), *STATE.glob("sysvol/*")):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    samba_tool(
        *("domain", "provision", "--quiet", "--server-role=dc", "--use-rfc2307", "--dns-backend=SAMBA_INTERNAL"),
        *(f"--realm={domain}", f"--domain={netbios}", f"--adminpass={password}"),
        *(f"--host-name={HOST}", f"--host-ip={addresses[0]}"),
        *("--option=acl_xattr:security_acl_name = user.NTACL", "--option=ldb:nosync = true"),
    )
    configure()
    samba_tool("domain", "passwordsettings", "set", "--quiet", *POLICY)
    database = open_database()
    lay_out(database, netbios, password)
    for name in (domain, f"{HOST}.{domain}"):
        set_addresses(database, name, addresses)
    MARK.touch()


def configure() -> None:
    """Put our settings into the configuration that the provisioning wrote."""
    lines = [line for line in CONFIGURATION.read_text(encoding="utf-8").split("\n") if "dns forwarder" not in line]
    if (TLS_FOLDER / "key.pem").exists():
        tls = f"tls certfile = {TLS_FOLDER}/certificate.pem\n    tls keyfile = {TLS_FOLDER}/key.pem\n    tls cafile ="
    else:
        tls = "tls enabled = no"
    text = "\n".join(lines).replace("[global]\n", SETTINGS.format(tls=tls), 1)
    CONFIGURATION.write_text(text, encoding="utf-8")


def lay_out(database: Any, netbios: str, password: str) -> None:
    """OU=<NetBIOS> with Users and Computers, and the user Admin, who may do anything there and nothing elsewhere.

    AWS Directory Service administration guide, "What gets created with your AWS Managed Microsoft AD".
    """
    top = f"OU={netbios},{database.domain_dn()}"
    for name in (top, f"OU=Users,{top}", f"OU=Computers,{top}"):
        database.create_ou(name)
    database.newuser("Admin", password, userou=f"OU=Users,OU={netbios}")
    found = database.search(f"CN=Admin,OU=Users,{top}", scope=ldb.SCOPE_BASE, attrs=["objectSid"])
    sid = ndr_unpack(security.dom_sid, found[0]["objectSid"][0])
    samba_tool(
        *("dsacl", "set", "--action=allow", f"--objectdn={top}"),
        f"--sddl={FULL_CONTROL.format(sid=sid)}",
    )


def set_addresses(database: Any, name: str, addresses: list[str]) -> None:
    """Let a name of the domain have these addresses."""
    _dn, records = dsdb_dns.lookup(database, name)
    kept = [record for record in records if record.wType != dnsp.DNS_TYPE_A]
    for address in addresses:
        record = dnsp.DnssrvRpcRecord()
        record.wType = dnsp.DNS_TYPE_A
        record.rank = dnsp.DNS_RANK_ZONE
        record.dwTtlSeconds = 900
        record.data = address
        kept.append(record)
    dsdb_dns.replace(database, name, kept)


def set_password(user: str, password: str) -> None:
    """Give an account another password; it can log in at once."""
    database = open_database()
    found = database.search(
        database.domain_dn(),
        expression=f"(&(objectClass=user)(sAMAccountName={ldb.binary_encode(user)}))",
        attrs=[],
    )
    if not found:
        sys.exit(f"no such user: {user}")
    try:
        database.setpassword(f"(distinguishedName={ldb.binary_encode(str(found[0].dn))})", password, False)
    except ldb.LdbError as error:
        sys.exit(str(error.args[1]))


def main() -> None:
    """Exit status 0, or 1 with the reason on stderr."""
    order = json.load(sys.stdin)
    action = order.pop("do")
    # who asked may have been killed and ask again while this still works
    with LOCK.open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        work(action, order)


def work(action: str, order: dict[str, Any]) -> None:
    """Do what was ordered."""
    if action == "provision":
        provision(**order)
    elif action == "samba-tool":
        samba_tool(*order["arguments"])
    elif action == "set-password":
        set_password(**order)
    else:
        sys.exit(f"unknown: {action}")


if __name__ == "__main__":
    main()
