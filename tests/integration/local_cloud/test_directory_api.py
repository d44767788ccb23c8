# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories, their endpoints and certificates over HTTP: states without machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from front_harness import FrontCloud

from tests.support.aws_directory import DOMAIN
from tests.support.aws_directory import LDAPS_NAME
from tests.support.aws_directory import PASSWORD
from tests.support.aws_directory import DirectoryUser
from tests.support.aws_directory import Network
from tests.support.aws_directory import until


@pytest.fixture(scope="module")
def cloud() -> Iterator[FrontCloud]:
    made = FrontCloud("directory")
    try:
        made.up("--speed", "2000")
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def user(cloud: FrontCloud) -> DirectoryUser:
    return DirectoryUser(cloud.client)


@pytest.fixture(scope="module")
def network(user: DirectoryUser) -> Network:
    return user.network("10.30")


@pytest.fixture(scope="module")
def directory(user: DirectoryUser, network: Network) -> str:
    made = user.create_directory(network, Tags=[{"Key": "team", "Value": "a"}])
    user.wait_for_stage(made, "Active")
    return made


def refused(call: Any, **parameters: Any) -> tuple[str, str]:
    """Code and message of the error that a call must end in."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def fault(cloud: FrontCloud, **members: Any) -> None:
    status, answer = cloud.admin("PUT", "faults", members)
    assert status == 200, answer


def test_a_directory_goes_through_its_stages_and_tells_its_parts_when_they_are_there(
    cloud: FrontCloud, user: DirectoryUser
) -> None:
    there = user.network("10.31")
    cloud.admin("PUT", "speed", {"speed": 1})
    made = user.create_directory(there, ShortName="STAGES")
    first = user.directory(made)
    assert (first["Stage"], first["DnsIpAddrs"], first["DesiredNumberOfDomainControllers"]) == ("Requested", [], 2)
    cloud.admin("PUT", "speed", {"speed": 2000})
    assert user.wait_for_stage(made, "Active")[-1] == "Active"
    last = user.directory(made)
    assert (last["Name"], last["ShortName"], last["Edition"]) == (DOMAIN, "STAGES", "Standard")
    assert [address.rpartition(".")[0] for address in last["DnsIpAddrs"]] == ["10.31.4", "10.31.5"]
    group = user.client("ec2").describe_security_groups(GroupIds=[last["VpcSettings"]["SecurityGroupId"]])
    assert group["SecurityGroups"][0]["GroupName"] == f"{made}_controllers"
    controllers = user.client("ds").describe_domain_controllers(DirectoryId=made)["DomainControllers"]
    assert [each["DnsIpAddr"] for each in controllers] == last["DnsIpAddrs"]
    assert {each["Status"] for each in controllers} == {"Active"}

    cloud.admin("PUT", "speed", {"speed": 1})
    user.client("ds").delete_directory(DirectoryId=made)
    assert user.directory(made)["Stage"] == "Deleting"
    assert refused(user.client("ds").delete_directory, DirectoryId=made)[0] == "ClientException"
    cloud.admin("PUT", "speed", {"speed": 2000})
    until("it is gone", lambda: made not in str(user.client("ds").describe_directories()["DirectoryDescriptions"]))
    assert refused(user.client("ds").describe_directories, DirectoryIds=[made])[0] == "EntityDoesNotExistException"
    assert refused(user.client("ec2").describe_security_groups, GroupIds=[group["SecurityGroups"][0]["GroupId"]])


REFUSED = [
    ({"Password": "short"}, "ValidationException", "password"),
    ({"Password": "The-Admin-1"}, "InvalidParameterException", "admin"),
    ({"Name": "nodots"}, "ValidationException", "name"),
    ({"Edition": "Huge"}, "ValidationException", "edition"),
    ({"ShortName": "SIXTEENLETTERSXX"}, "InvalidParameterException", "15"),
    ({}, "ClientException", "already exists"),
    ({"Name": "other.example.com"}, "ClientException", "short name CORP already exists"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[2])
def test_a_directory_that_cannot_be_is_refused(
    user: DirectoryUser, network: Network, directory: str, case: tuple[dict[str, Any], str, str]
) -> None:
    changes, code, words = case
    assert user.directory(directory)["Stage"] == "Active"
    with pytest.raises(ClientError) as caught:
        user.create_directory(network, **changes)
    error = caught.value.response["Error"]
    assert error["Code"] == code
    assert words in error["Message"]
    assert PASSWORD not in error["Message"]
    assert str(changes.get("Password", "\0")) not in error["Message"]


def test_two_zones_are_needed(user: DirectoryUser, network: Network) -> None:
    one = Network(network.vpc, [network.subnets[0]] * 2)
    with pytest.raises(ClientError, match="subnet"):
        user.create_directory(one, Name="zones.example.com", ShortName="ZONES")


def test_conditional_forwarders(user: DirectoryUser, directory: str) -> None:
    ds = user.client("ds")
    forwarder = {"DirectoryId": directory, "RemoteDomainName": "other.example.org"}
    ds.create_conditional_forwarder(**forwarder, DnsIpAddrs=["10.0.0.7"])
    again = refused(ds.create_conditional_forwarder, **forwarder, DnsIpAddrs=["10.0.0.7"])
    assert again[0] == "EntityAlreadyExistsException"
    ds.update_conditional_forwarder(**forwarder, DnsIpAddrs=["10.0.0.8", "10.0.0.9"])
    told = ds.describe_conditional_forwarders(DirectoryId=directory)["ConditionalForwarders"]
    assert told == [
        {
            "RemoteDomainName": "other.example.org",
            "DnsIpAddrs": ["10.0.0.8", "10.0.0.9"],
            "ReplicationScope": "Domain",
        }
    ]
    ds.delete_conditional_forwarder(**forwarder)
    assert refused(ds.delete_conditional_forwarder, **forwarder)[0] == "EntityDoesNotExistException"


def test_client_side_ldaps_wants_a_certificate(user: DirectoryUser, directory: str) -> None:
    ds = user.client("ds")
    ldaps = {"DirectoryId": directory, "Type": "Client"}
    assert refused(ds.enable_ldaps, **ldaps)[0] == "NoAvailableCertificateException"
    assert refused(ds.disable_ldaps, **ldaps)[0] == "InvalidLDAPSStatusException"
    bad = refused(ds.register_certificate, DirectoryId=directory, CertificateData="nothing")
    assert bad[0] == "InvalidCertificateException"
    made = ds.register_certificate(DirectoryId=directory, CertificateData=user.authority.pem)["CertificateId"]
    ds.enable_ldaps(**ldaps)
    assert [each["LDAPSStatus"] for each in ds.describe_ldaps_settings(**ldaps)["LDAPSSettingsInfo"]] == ["Enabled"]
    assert (
        refused(ds.deregister_certificate, DirectoryId=directory, CertificateId=made)[0] == "CertificateInUseException"
    )
    ds.disable_ldaps(**ldaps)
    assert [each["LDAPSStatus"] for each in ds.describe_ldaps_settings(**ldaps)["LDAPSSettingsInfo"]] == ["Disabled"]
    ds.deregister_certificate(DirectoryId=directory, CertificateId=made)
    assert ds.list_certificates(DirectoryId=directory)["CertificatesInfo"] == []


def test_tags_limits_and_passwords(user: DirectoryUser, directory: str) -> None:
    ds = user.client("ds")
    assert ds.list_tags_for_resource(ResourceId=directory)["Tags"] == [{"Key": "team", "Value": "a"}]
    limits = ds.get_directory_limits()["DirectoryLimits"]
    assert limits["CloudOnlyMicrosoftADCurrentCount"] >= 1
    ds.reset_user_password(DirectoryId=directory, UserName="Admin", NewPassword="Other-Days-43")
    nobody = refused(ds.reset_user_password, DirectoryId=directory, UserName="nobody", NewPassword="Other-Days-43")
    assert nobody[0] == "UserDoesNotExistException"
    unknown = refused(ds.reset_user_password, DirectoryId="d-0123456789", UserName="Admin", NewPassword="Other-Days-43")
    assert unknown[0] == "EntityDoesNotExistException"


def test_an_injected_failure_is_told_with_its_reason(cloud: FrontCloud, user: DirectoryUser) -> None:
    there = user.network("10.32")
    fault(cloud, kind="directory_failure", count=1, resource="failing.example.com")
    made = user.create_directory(there, Name="failing.example.com", ShortName="FAILING")
    user.wait_for_stage(made, "Failed")
    assert "injected" in user.directory(made)["StageReason"]
    unusable = refused(
        user.client("ds").reset_user_password, DirectoryId=made, UserName="Admin", NewPassword="x-Yz-12345"
    )
    assert unusable[0] == "DirectoryUnavailableException"
    again = user.create_directory(there, Name="failing.example.com", ShortName="FAILING")
    user.wait_for_stage(again, "Active")


def test_an_endpoint_its_health_and_its_end(
    cloud: FrontCloud, user: DirectoryUser, network: Network, directory: str
) -> None:
    elb = user.client("elbv2")
    addresses = user.directory(directory)["DnsIpAddrs"]
    cloud.admin("PUT", "speed", {"speed": 1})
    endpoint = user.create_endpoint(network, addresses)
    assert ":loadbalancer/net/ldaps/" in endpoint.arn
    assert endpoint.zone_id == "Z18D5FSROUN65G"
    assert user.balancer_state(endpoint) == "provisioning"
    assert set(user.health(endpoint).values()) == {"initial"}
    cloud.admin("PUT", "speed", {"speed": 2000})
    until("it is active", lambda: user.balancer_state(endpoint) == "active")
    assert len(user.addresses_of(endpoint)) == 2
    assert user.health(endpoint) == dict.fromkeys(addresses, "healthy")
    fault(cloud, kind="target_unhealthy", resource=addresses[0])
    assert user.health(endpoint) == {addresses[0]: "unhealthy", addresses[1]: "healthy"}
    cloud.admin("DELETE", "faults")
    assert f"load balancer: ldaps  active  {' '.join(user.addresses_of(endpoint))}  636" in cloud.run("status").stdout

    same = elb.create_load_balancer(Name="ldaps", Subnets=network.subnets, Scheme="internal", Type="network")
    assert same["LoadBalancers"][0]["LoadBalancerArn"] == endpoint.arn
    other = refused(elb.create_load_balancer, Name="ldaps", Subnets=network.subnets[:1], Type="network")
    assert other[0] == "DuplicateLoadBalancerName"
    forward = [{"Type": "forward", "TargetGroupArn": endpoint.group}]
    listener = {"LoadBalancerArn": endpoint.arn, "DefaultActions": forward}
    assert refused(elb.create_listener, **listener, Protocol="TCP", Port=636)[0] == "DuplicateListener"
    assert refused(elb.create_listener, **listener, Protocol="TLS", Port=637)[0] == "ValidationError"
    plain = elb.create_listener(**listener, Protocol="TCP", Port=389)["Listeners"][0]
    assert "SslPolicy" not in plain
    elb.delete_listener(ListenerArn=plain["ListenerArn"])

    shown = [{"CertificateArn": user.import_certificate(LDAPS_NAME)}]
    changed = elb.modify_listener(ListenerArn=endpoint.listener, Certificates=shown)["Listeners"][0]
    assert changed["Certificates"] == shown
    bogus = refused(elb.modify_listener, ListenerArn=endpoint.listener, SslPolicy="None-Such")
    assert bogus[0] == "SSLPolicyNotFound"
    assert refused(elb.delete_target_group, TargetGroupArn=endpoint.group)[0] == "ResourceInUse"
    elb.delete_load_balancer(LoadBalancerArn=endpoint.arn)
    assert user.addresses_of(endpoint) == []
    assert elb.describe_target_groups(TargetGroupArns=[endpoint.group])["TargetGroups"][0]["LoadBalancerArns"] == []
    assert set(user.health(endpoint).values()) == {"unused"}
    elb.delete_target_group(TargetGroupArn=endpoint.group)


def test_certificates_fit_their_keys_and_keep_their_chain(user: DirectoryUser) -> None:
    acm = user.client("acm")
    arn = user.import_certificate(LDAPS_NAME, Tags=[{"Key": "a", "Value": "b"}])
    told = acm.get_certificate(CertificateArn=arn)
    assert told["CertificateChain"].strip() == user.authority.pem.strip()
    one, two = user.authority.issue("one.example.com"), user.authority.issue("two.example.com")
    wrong = refused(acm.import_certificate, Certificate=one.certificate.encode(), PrivateKey=two.key.encode())
    assert wrong == ("ValidationException", "The private key does not match the certificate.")
    assert user.import_certificate("new.example.com", CertificateArn=arn) == arn
    assert acm.list_tags_for_certificate(CertificateArn=arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    assert acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainName"] == "new.example.com"


def test_directories_survive_a_kill_and_go_on(cloud: FrontCloud, user: DirectoryUser, directory: str) -> None:
    there = user.network("10.33")
    certificate = user.import_certificate(LDAPS_NAME)
    cloud.admin("PUT", "speed", {"speed": 1})
    made = user.create_directory(there, ShortName="KILLED")
    cloud.kill()
    cloud.up("--speed", "2000")
    assert user.directory(directory)["Stage"] == "Active"
    user.wait_for_stage(made, "Active")
    acm = user.client("acm")
    cloud.kill()
    cloud.up("--speed", "2000")
    assert acm.get_certificate(CertificateArn=certificate)["CertificateChain"].strip() == user.authority.pem.strip()
    assert cloud.admin("GET", "status")[1]["not_saved"] == {}
    told = cloud.run("status").stdout
    assert f"directory: {DOMAIN}  Active  {directory}" in told


def test_a_zone_with_a_vpc_is_private(user: DirectoryUser, network: Network) -> None:
    route53 = user.client("route53")
    vpc = {"VPCRegion": "us-west-2", "VPCId": network.vpc}
    made = route53.create_hosted_zone(Name="private.example.com", CallerReference="one", VPC=vpc)
    assert made["HostedZone"]["Config"]["PrivateZone"]
    again = refused(route53.create_hosted_zone, Name="x.example.com", CallerReference="one", VPC=vpc)
    assert again[0] == ("HostedZoneAlreadyExists")


def test_a_fault_that_makes_no_sense_is_refused(cloud: FrontCloud) -> None:
    for members, words in (
        ({"kind": "endpoint_down", "count": 1}, "until it is cleared"),
        ({"kind": "directory_slow"}, "seconds"),
        ({"kind": "directory_failure"}, "percent, count and rate"),
        ({"kind": "throttle", "count": 1, "resource": "x"}, "resource"),
        ({"kind": "certificate_swapped", "certificate": "none"}, "PEM"),
    ):
        status, answer = cloud.admin("PUT", "faults", members)
        assert (status, words in answer["message"]) == (400, True), answer
    swapped = DirectoryUser(cloud.client).authority.issue("elsewhere.example.org")
    status, answer = cloud.admin("PUT", "faults", {"kind": "certificate_swapped", "certificate": swapped.bundle})
    assert status == 200
    assert "PRIVATE KEY" not in str(answer)
    cloud.admin("DELETE", "faults")
