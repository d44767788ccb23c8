# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory and its endpoint made by an AWS SDK are real ones: LDAPS answers, names resolve, faults are felt."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ldap3
import pytest
from ad_service import PASSWORD as SOME
from ad_service import ServiceUsers
from ldap3.core.exceptions import LDAPException

from tests.support.aws_directory import DOMAIN
from tests.support.aws_directory import LDAPS_NAME
from tests.support.aws_directory import PASSWORD
from tests.support.aws_directory import REGION
from tests.support.aws_directory import DirectoryUser
from tests.support.aws_directory import Endpoint
from tests.support.aws_directory import Network
from tests.support.aws_directory import until
from tests.support.cloud import Cloud

BASE = "DC=corp,DC=example,DC=com"
USERS = f"OU=Users,OU=CORP,{BASE}"
ADMIN = f"CN=Admin,{USERS}"


@dataclass
class Service:
    """The directory, the endpoint, and what a client needs to use it."""

    user: DirectoryUser
    directory_id: str
    addresses: list[str]
    endpoint: Endpoint
    address: str
    ca_file: Path

    def connect(self, password: str = PASSWORD, name: str = LDAPS_NAME) -> ldap3.Connection:
        """A connection of Admin; the certificate has to be for the name."""
        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(self.ca_file), valid_names=[name], sni=name)
        server = ldap3.Server(self.address, port=636, use_ssl=True, tls=tls, connect_timeout=5, get_info=ldap3.NONE)
        return ldap3.Connection(server, ADMIN, password, auto_bind=True, receive_timeout=20)

    def refusal(self) -> str:
        """Why nobody can connect; empty when one can."""
        try:
            self.connect().unbind()
        except (LDAPException, OSError) as error:
            return str(error)
        return ""


@pytest.fixture(scope="module")
def service(user: DirectoryUser, network: Network, tmp_path_factory: pytest.TempPathFactory) -> Service:
    directory_id = user.create_directory(network)
    stages = user.wait_for_stage(directory_id, "Active", 300)
    assert stages[0] in ("Requested", "Creating")
    assert "Creating" in stages
    addresses = user.directory(directory_id)["DnsIpAddrs"]
    endpoint = user.create_endpoint(network, addresses)
    until("it is active", lambda: user.balancer_state(endpoint) == "active", 120)
    until("its targets are healthy", lambda: set(user.health(endpoint).values()) == {"healthy"}, 60)
    ca_file = tmp_path_factory.mktemp("service") / "ca.pem"
    ca_file.write_text(user.authority.pem)
    return Service(user, directory_id, addresses, endpoint, user.addresses_of(endpoint)[0], ca_file)


@pytest.fixture
def faults(cloud: Cloud) -> Iterator[Cloud]:
    yield cloud
    cloud.cli("fault clear")


def test_admin_works_in_the_own_unit_over_ldaps_and_nowhere_else(service: Service) -> None:
    connection = service.connect()
    person = {"sAMAccountName": "alice", "altSecurityIdentities": "ssh-ed25519 AAAA alice"}
    assert connection.add(f"CN=alice,{USERS}", "user", person), connection.result
    assert not connection.add(f"CN=alice2,CN=Users,{BASE}", "user", {"sAMAccountName": "alice2"})
    assert connection.result["description"] == "insufficientAccessRights"
    assert connection.search(BASE, "(sAMAccountName=alice)", attributes=["altSecurityIdentities"])
    assert connection.entries[0].altSecurityIdentities == "ssh-ed25519 AAAA alice"
    connection.search(BASE, f"(&(objectClass=group)(member={ADMIN}))")
    assert not connection.entries, "Admin is in no group, least of all Domain Admins"
    # the controller sees a plain connection, as behind any balancer that ends TLS
    change = {"unicodePwd": [(ldap3.MODIFY_REPLACE, ['"Sunny-Days-77"'.encode("utf-16-le")])]}
    assert not connection.modify(f"CN=alice,{USERS}", change)
    assert connection.result["description"] == "unwillingToPerform"


def test_both_addresses_of_the_balancer_and_of_the_directory_answer(service: Service) -> None:
    for address in service.user.addresses_of(service.endpoint):
        with socket.create_connection((address, 636), timeout=5):
            pass
    for address in service.addresses:
        with socket.create_connection((address, 389), timeout=5):
            pass


def test_passwords_of_users_are_set_by_the_service(service: Service, cloud: Cloud) -> None:
    """The controller takes none through the balancer. The service enables an account; what was wished stays true."""
    users = ServiceUsers(service, f"http://127.0.0.1:{cloud.port}")
    wanted = [{"name": "paula", "password": SOME}, {"name": "quinn", "password": SOME, "enabled": False}]
    made = users.run(*wanted)
    assert [user["result"] for user in made["users"]] == ["created", "created"], made
    assert users.accepts("paula")
    assert (users.control("paula"), users.control("quinn")) == (0x200, 0x202)
    assert not users.run(*wanted)["changed"]
    changed = users.run(*({**user, "password": f"{SOME}-2"} for user in wanted), update_password="always")
    assert [user["changes"] for user in changed["users"]] == [["password"], ["password"]], changed
    assert users.accepts("paula", f"{SOME}-2")
    assert users.control("quinn") == 0x202


def test_users_without_the_password_that_was_refused_get_another(service: Service, cloud: Cloud) -> None:
    users = ServiceUsers(service, f"http://127.0.0.1:{cloud.port}")
    refused = users.run({"name": "rosa", "password": "Sh0rt!"})
    assert "InvalidPasswordException" in refused["msg"]
    assert users.control("rosa") & 0x2, "it is disabled"
    made = users.run({"name": "rosa", "password": SOME})
    assert made["users"][0]["result"] == "changed", made
    assert users.accepts("rosa")
    assert users.control("rosa") == 0x200
    for options, said in (
        ({"directory_id": "d-1"}, "directory_id: 'd-1' is none"),
        ({"directory_id": "d-00000000ff"}, "EntityDoesNotExistException"),
        ({"region": ""}, "No region"),
    ):
        assert said in users.run({"name": "sven", "password": SOME}, **options)["msg"]


def test_a_password_is_reset_by_the_service(service: Service) -> None:
    ds = service.user.client("ds")
    with pytest.raises(ds.exceptions.InvalidPasswordException, match="too short"):
        ds.reset_user_password(DirectoryId=service.directory_id, UserName="Admin", NewPassword="a")
    with pytest.raises(ds.exceptions.UserDoesNotExistException):
        ds.reset_user_password(DirectoryId=service.directory_id, UserName="nobody", NewPassword="Windy-Days-88")
    ds.reset_user_password(DirectoryId=service.directory_id, UserName="Admin", NewPassword="Windy-Days-88")
    service.connect("Windy-Days-88").unbind()
    ds.reset_user_password(DirectoryId=service.directory_id, UserName="Admin", NewPassword=PASSWORD)
    service.connect().unbind()


def test_a_node_finds_names_of_private_zones(cloud: Cloud, service: Service, network: Network, node: str) -> None:
    zone = service.user.name_zone(network, service.endpoint)
    route53 = service.user.client("route53")
    service.user.put_record(
        zone, {"Name": f"www.{LDAPS_NAME}", "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": LDAPS_NAME}]}
    )
    service.user.put_record(
        zone, {"Name": f"a.{LDAPS_NAME}", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "10.9.8.7"}]}
    )
    assert route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    addresses = set(service.user.addresses_of(service.endpoint))

    def resolve(name: str) -> set[str]:
        return set(cloud.shell(node, f"getent ahostsv4 {name} | cut -d' ' -f1", check=False).split())

    until("the alias resolves", lambda: resolve(LDAPS_NAME) == addresses, 60)
    assert resolve(f"www.{LDAPS_NAME}") == addresses
    assert resolve(f"a.{LDAPS_NAME}") == {"10.9.8.7"}
    assert resolve(service.endpoint.dns_name) == addresses
    assert resolve(f"none.{LDAPS_NAME}") == set()
    # a rule of Resolver leads to the directory's servers, for all but the zone that is more exact
    resolver = service.user.client("route53resolver")
    targets = [{"Ip": address, "Port": 53} for address in service.addresses]
    rule = resolver.create_resolver_rule(
        CreatorRequestId="directory", RuleType="FORWARD", DomainName=DOMAIN, Name="directory", TargetIps=targets
    )["ResolverRule"]["Id"]
    resolver.associate_resolver_rule(ResolverRuleId=rule, VPCId=network.vpc)
    until("the domain resolves", lambda: resolve(DOMAIN) == set(service.addresses), 60)
    assert resolve(LDAPS_NAME) == addresses
    # the directory's own servers know its own names, and ask the VPC's for all others
    for name, wanted in ((DOMAIN, set(service.addresses)), (service.endpoint.dns_name, addresses)):
        answer = cloud.shell(node, f"host -t A {name} {service.addresses[0]}")
        assert {line.split()[-1] for line in answer.splitlines() if "has address" in line} == wanted
    # the name, the certificate and the way there, from where users are
    cloud.shell(node, f"cat >/tmp/ca.pem <<'EOF'\n{service.user.authority.pem}EOF")
    shown = cloud.shell(
        node, f"openssl s_client -connect {LDAPS_NAME}:636 -verify_hostname {LDAPS_NAME} -CAfile /tmp/ca.pem </dev/null"
    )
    assert "Verify return code: 0 (ok)" in shown


def test_conditional_forwarders_are_asked(service: Service, cloud: Cloud, node: str) -> None:
    ds = service.user.client("ds")
    # the other domain's server is the VPC's resolver: it knows a name that the directory itself does not
    resolver = cloud.shell(node, "sed -n 's/^nameserver //p' /etc/resolv.conf").split()[0]
    forwarder = {"DirectoryId": service.directory_id, "RemoteDomainName": "elb.us-west-2.amazonaws.com"}
    ds.create_conditional_forwarder(**forwarder, DnsIpAddrs=["10.255.255.254"])
    ask = f"host -W 2 -t A {service.endpoint.dns_name} {service.addresses[0]}"
    until("it is asked elsewhere", lambda: "has address" not in cloud.shell(node, ask, check=False), 60)
    ds.update_conditional_forwarder(**forwarder, DnsIpAddrs=[resolver])
    until("it is asked again", lambda: "has address" in cloud.shell(node, ask, check=False), 60)
    ds.delete_conditional_forwarder(**forwarder)


def test_another_certificate_and_a_plain_listener(service: Service) -> None:
    elb = service.user.client("elbv2")
    before = service.connect()
    service.user.import_certificate("renamed.example.com", CertificateArn=service.endpoint.certificate)
    until("the new certificate is shown", lambda: "renamed.example.com" in service.refusal(), 60)
    assert before.search(BASE, "(cn=Admin)"), "a connection that stood was ended"
    service.connect(name="renamed.example.com").unbind()
    service.user.import_certificate(LDAPS_NAME, CertificateArn=service.endpoint.certificate)
    until("the old name is shown again", lambda: not service.refusal(), 60)

    forward = [{"Type": "forward", "TargetGroupArn": service.endpoint.group}]
    listener = elb.create_listener(
        LoadBalancerArn=service.endpoint.arn, Protocol="TCP", Port=389, DefaultActions=forward
    )["Listeners"][0]["ListenerArn"]

    def listens() -> bool:
        with socket.socket() as probe:
            probe.settimeout(2)
            return probe.connect_ex((service.address, 389)) == 0

    until("port 389 answers", listens, 60)
    elb.delete_listener(ListenerArn=listener)
    until("port 389 does not answer any more", lambda: not listens(), 60)
    assert set(service.user.health(service.endpoint).values()) == {"healthy"}


def test_other_subnets_give_the_balancer_other_addresses(service: Service, cloud: Cloud, network: Network) -> None:
    elb, ec2 = service.user.client("elbv2"), service.user.client("ec2")
    prefix = ".".join(cloud.network["vpc_cidr"].split(".")[:2])
    subnet = ec2.create_subnet(VpcId=network.vpc, CidrBlock=f"{prefix}.9.0/24", AvailabilityZone=f"{REGION}c")
    before = service.user.addresses_of(service.endpoint)
    elb.set_subnets(LoadBalancerArn=service.endpoint.arn, Subnets=[network.subnets[0], subnet["Subnet"]["SubnetId"]])
    after = service.user.addresses_of(service.endpoint)
    assert after[0] == before[0] == service.address
    assert after[1].startswith(f"{prefix}.9.")

    def answers(address: str) -> bool:
        with socket.socket() as probe:
            probe.settimeout(2)
            return probe.connect_ex((address, 636)) == 0

    until("the new address answers", lambda: answers(after[1]), 60)
    assert not answers(before[1])
    until("all is as before", lambda: set(service.user.health(service.endpoint).values()) == {"healthy"}, 60)
    elb.set_subnets(LoadBalancerArn=service.endpoint.arn, Subnets=network.subnets)
    until("it is back", lambda: not service.refusal(), 60)


def test_faults_are_felt(service: Service, faults: Cloud, tmp_path: Path) -> None:
    faults.cli("fault set target_unhealthy", "--resource", service.addresses[0])
    health = {service.addresses[0]: "unhealthy", service.addresses[1]: "healthy"}
    until("one target is unhealthy", lambda: service.user.health(service.endpoint) == health, 60)
    assert not service.refusal()
    faults.cli("fault clear")

    faults.cli("fault set certificate_swapped", "--resource", "ldaps")
    until("nobody knows the authority", lambda: "CERTIFICATE_VERIFY_FAILED" in service.refusal(), 60)
    swapped = tmp_path / "swapped.pem"
    swapped.write_text(service.user.authority.issue("elsewhere.example.org").bundle)
    faults.cli("fault set certificate_swapped", "--resource", "ldaps", "--certificate", str(swapped))
    until("the name is wrong", lambda: "elsewhere.example.org" in service.refusal(), 60)
    faults.cli("fault clear")

    faults.cli("fault set endpoint_down")
    until("it is down", lambda: "CERTIFICATE" not in service.refusal() and service.refusal() != "", 60)
    faults.cli("fault clear")
    until("it is up again", lambda: not service.refusal(), 60)
    health = dict.fromkeys(service.addresses, "healthy")
    until("its targets are healthy", lambda: service.user.health(service.endpoint) == health, 60)


def test_killed_controllers_are_recovered_and_a_killed_server_goes_on(service: Service, cloud: Cloud) -> None:
    name = f"podforge-{cloud.name}-{service.directory_id}"
    subprocess.run(["podman", "kill", name], check=True, capture_output=True)
    until("it answers again", lambda: not service.refusal(), 60)
    cloud.kill_api()
    cloud.up()
    assert service.user.directory(service.directory_id)["Stage"] == "Active"
    assert not service.refusal()


def test_no_secret_is_in_a_process_list_or_a_log(service: Service, cloud: Cloud) -> None:
    texts = [
        cloud.cli("logs").stdout,
        subprocess.run(["ps", "axww"], check=True, capture_output=True, text=True).stdout,
    ]
    for name in cloud.containers():
        for command in ("inspect", "logs"):
            done = subprocess.run(["podman", command, name], check=True, capture_output=True, text=True)
            texts.append(done.stdout + done.stderr)
    for text in texts:
        assert PASSWORD not in text
        assert "PRIVATE KEY" not in text


def test_what_is_deleted_is_gone(service: Service, cloud: Cloud) -> None:
    service.user.client("elbv2").delete_load_balancer(LoadBalancerArn=service.endpoint.arn)
    service.user.client("ds").delete_directory(DirectoryId=service.directory_id)
    described = service.user.client("ds").describe_directories
    until("it is gone", lambda: not described()["DirectoryDescriptions"], 60)
    ids = (service.directory_id, service.endpoint.arn.rpartition("/")[2])
    until("the containers are gone", lambda: not [n for n in cloud.containers() if n.endswith(ids)], 60)
