# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS Directory Service where moto answers otherwise: stages, domain controllers, forwarders, LDAPS, passwords.

Requests are judged by the service's model first. What happens to a directory afterwards is directory/keeper.py's.
Texts that AWS does not publish are ours. Source: AWS Directory Service API reference.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from datetime import timezone
from typing import TYPE_CHECKING
from typing import Any

import botocore.session
from cryptography import x509
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.core.responses import EmptyResult
from moto.core.utils import camelcase_to_underscores
from moto.core.utils import utcnow
from moto.ds import models
from moto.ds import responses
from moto.ds.exceptions import ClientException
from moto.ds.exceptions import DirectoryLimitExceededException
from moto.ds.exceptions import EntityAlreadyExistsException
from moto.ds.exceptions import EntityDoesNotExistException
from moto.ds.exceptions import InvalidParameterException
from moto.ds.exceptions import UnsupportedOperationException
from moto.ec2.models import ec2_backends

from local_cloud.directory import hooks
from local_cloud.directory import stages
from local_cloud.directory.records import move
from local_cloud.directory.records import note_network
from local_cloud.directory.records import record
from local_cloud.errors import ServiceError
from local_cloud.validation import check

if TYPE_CHECKING:
    from collections.abc import Callable

MICROSOFT_AD = "MicrosoftAD"
# "can have at most 15 characters" (NetBIOS, RFC 1001 14.1).
_SHORT_NAME = 15
_USABLE = (stages.ACTIVE, stages.IMPAIRED)
_CONTROLLER_STATUS = {
    stages.REQUESTED: "Creating",
    stages.CREATING: "Creating",
    stages.CREATED: "Active",
    stages.ACTIVE: "Active",
    stages.IMPAIRED: "Impaired",
    stages.INOPERABLE: "Failed",
    stages.DELETING: "Deleting",
    stages.FAILED: "Failed",
}


def apply() -> None:
    """Mend moto's Directory Service."""
    model = botocore.session.get_session().get_service_model("ds")
    for operation, answer in _ANSWERS.items():
        name = camelcase_to_underscores(operation)
        shape = model.operation_model(operation).input_shape
        inner = getattr(responses.DirectoryServiceResponse, name, None)
        setattr(responses.DirectoryServiceResponse, name, _judged(shape, answer, inner))


def _judged(shape: Any, answer: Callable[..., Any], inner: Callable[..., Any] | None) -> Callable[[Any], Any]:
    """An operation whose parameters have been judged by the service's model."""

    def operation(self: Any) -> Any:
        params = self._get_params()
        try:
            check(shape, params)
        except ServiceError as error:
            raise JsonRESTError(error.code, error.message) from None
        return answer(self.ds_backend, params) if inner is None or answer not in _WRAPPED else answer(self, inner)

    return operation


class _Refused(JsonRESTError):  # type: ignore[misc] # moto has no types
    """An error that moto's Directory Service does not have."""

    code = 400


def _find(backend: Any, params: dict[str, Any], *, usable: bool = False) -> Any:
    """The Microsoft AD that the request names; ``usable``: it has to answer."""
    directory_id = params["DirectoryId"]
    backend._validate_directory_id(directory_id)
    directory = backend.directories[directory_id]
    if directory.directory_type != MICROSOFT_AD:
        raise UnsupportedOperationException("This operation is only supported for Microsoft AD directories.")
    if usable and directory.stage not in _USABLE:
        raise _Refused(
            "DirectoryUnavailableException", f"Directory {directory_id} is not available: it is {directory.stage}."
        )
    return directory


# --- creation and deletion ------------------------------------------------------------------------------------------


def _create_microsoft_ad(response: Any, inner: Callable[..., Any]) -> Any:
    params = response._get_params()
    backend = response.ds_backend
    name = params["Name"].rstrip(".").lower()
    short_name = params.get("ShortName") or name.split(".")[0].upper()
    _check_creation(backend, params, name, short_name)
    answer = inner(response)
    directory = backend.directories[answer.result["DirectoryId"]]
    directory.short_name = short_name
    directory.edition = params.get("Edition") or "Enterprise"
    directory.desired_number_of_domain_controllers = len(_controllers(directory))
    move(directory, stages.Move(stages.REQUESTED), hooks.keeper().now())
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    note_network(directory, ec2, directory.vpc_settings["VpcId"], directory.vpc_settings["SubnetIds"][0])
    return answer


def _controllers(directory: Any) -> list[str]:
    """Ids of the controllers, one for each subnet; made when they are asked for first, which is at creation."""
    subnets = directory.vpc_settings["SubnetIds"]
    kept: list[str] = record(directory).setdefault("controllers", [f"dc-{secrets.token_hex(5)}" for _each in subnets])
    return kept


def _check_creation(backend: Any, params: dict[str, Any], name: str, short_name: str) -> None:
    if len(short_name) > _SHORT_NAME:
        raise InvalidParameterException(
            f"The short name {short_name} is longer than {_SHORT_NAME} characters; give ShortName."
        )
    if "admin" in params["Password"].lower():
        raise InvalidParameterException("The password cannot include the word admin.")
    existing = [each for each in backend.directories.values() if each.directory_type == MICROSOFT_AD]
    limit = models.Directory.CLOUDONLY_MICROSOFT_AD_LIMIT
    if len(existing) >= limit:
        raise DirectoryLimitExceededException(
            f"Directory limit exceeded. A maximum of {limit} directories may be created"
        )
    for other in existing:
        if other.vpc_settings["VpcId"] == params["VpcSettings"]["VpcId"] and other.stage != stages.FAILED:
            if other.name.lower() == name:
                raise ClientException(
                    f"A directory with the name {name} already exists in the VPC: {other.directory_id}."
                )
            if other.short_name.upper() == short_name.upper():
                raise ClientException(
                    f"A directory with the short name {short_name} already exists in the VPC: {other.directory_id}."
                )


def _describe_directories(response: Any, inner: Callable[..., Any]) -> Any:
    answer = inner(response)
    for description in answer.result["DirectoryDescriptions"]:
        directory = response.ds_backend.directories[description["DirectoryId"]]
        if directory.directory_type != MICROSOFT_AD:
            continue
        description["StageReason"] = record(directory).get("reason")
        if directory.stage in (stages.REQUESTED, stages.CREATING):
            # addresses are told when there are controllers
            description["DnsIpAddrs"] = []
    return answer


def _delete_directory(backend: Any, params: dict[str, Any]) -> ActionResult:
    backend._validate_directory_id(params["DirectoryId"])
    directory = backend.directories[params["DirectoryId"]]
    if directory.directory_type != MICROSOFT_AD:
        return ActionResult({"DirectoryId": backend.delete_directory(directory.directory_id)})
    if directory.stage == stages.DELETING:
        raise ClientException(f"Directory {directory.directory_id} is being deleted already.")
    move(directory, stages.Move(stages.DELETING), hooks.keeper().now())
    return ActionResult({"DirectoryId": directory.directory_id})


# --- controllers, forwarders ----------------------------------------------------------------------------------------


def _describe_domain_controllers(backend: Any, params: dict[str, Any]) -> ActionResult:
    directory = _find(backend, params)
    wanted = params.get("DomainControllerIds")
    subnets = directory.vpc_settings["SubnetIds"]
    known = _controllers(directory)
    missing = [each for each in wanted or [] if each not in known]
    if missing:
        raise EntityDoesNotExistException(f"Domain controller {missing[0]} does not exist")
    found = [
        {
            "DirectoryId": directory.directory_id,
            "DomainControllerId": controller,
            "DnsIpAddr": address,
            "VpcId": directory.vpc_settings["VpcId"],
            "SubnetId": subnet,
            "AvailabilityZone": zone,
            "Status": _CONTROLLER_STATUS[directory.stage],
            "StatusReason": record(directory).get("reason"),
            "LaunchTime": directory.launch_time,
            "StatusLastUpdatedDateTime": directory.stage_last_updated_date_time,
        }
        for controller, address, subnet, zone in zip(
            known,
            directory.dns_ip_addrs,
            subnets,
            directory.vpc_settings["AvailabilityZones"],
            strict=True,
        )
        if not wanted or controller in wanted
    ]
    return ActionResult({"DomainControllers": found})


def _forwarders(directory: Any) -> dict[str, list[str]]:
    kept: dict[str, list[str]] = record(directory).setdefault("forwarders", {})
    return kept


def _domain(name: str) -> str:
    return name.rstrip(".").lower()


def _create_forwarder(backend: Any, params: dict[str, Any]) -> EmptyResult:
    directory = _find(backend, params, usable=True)
    domain = _domain(params["RemoteDomainName"])
    if domain in _forwarders(directory):
        raise EntityAlreadyExistsException(f"A conditional forwarder for {domain} already exists.")
    if domain == directory.name.lower():
        raise InvalidParameterException(f"{domain} is the directory's own domain.")
    _put_forwarder(directory, domain, params)
    return EmptyResult()


def _update_forwarder(backend: Any, params: dict[str, Any]) -> EmptyResult:
    directory = _find(backend, params, usable=True)
    _put_forwarder(directory, _known_forwarder(directory, params["RemoteDomainName"]), params)
    return EmptyResult()


def _put_forwarder(directory: Any, domain: str, params: dict[str, Any]) -> None:
    if not params.get("DnsIpAddrs"):
        raise InvalidParameterException("DnsIpAddrs must have at least one address.")
    _forwarders(directory)[domain] = list(params["DnsIpAddrs"])


def _delete_forwarder(backend: Any, params: dict[str, Any]) -> EmptyResult:
    directory = _find(backend, params, usable=True)
    del _forwarders(directory)[_known_forwarder(directory, params["RemoteDomainName"])]
    return EmptyResult()


def _known_forwarder(directory: Any, name: str) -> str:
    domain = _domain(name)
    if domain not in _forwarders(directory):
        raise EntityDoesNotExistException(f"A conditional forwarder for {domain} does not exist.")
    return domain


def _describe_forwarders(backend: Any, params: dict[str, Any]) -> ActionResult:
    directory = _find(backend, params)
    names = [_known_forwarder(directory, name) for name in params.get("RemoteDomainNames") or []]
    found = [
        {"RemoteDomainName": domain, "DnsIpAddrs": addresses, "ReplicationScope": "Domain"}
        for domain, addresses in sorted(_forwarders(directory).items())
        if not names or domain in names
    ]
    return ActionResult({"ConditionalForwarders": found})


# --- client-side LDAPS ----------------------------------------------------------------------------------------------


def _enable_ldaps(backend: Any, params: dict[str, Any]) -> EmptyResult:
    directory = _ldaps_directory(backend, params, usable=True)
    if any(setting.ldaps_status == "Enabled" for setting in directory.ldaps_settings_info):
        raise _Refused("InvalidLDAPSStatusException", "LDAPS is enabled for the directory already.")
    if not record(directory).get("certificates"):
        raise _Refused(
            "NoAvailableCertificateException",
            "Client-side LDAPS cannot be enabled: no valid certificate is registered. Register one first.",
        )
    directory.ldaps_settings_info = [models.LdapsSettingInfo()]
    return EmptyResult()


def _disable_ldaps(backend: Any, params: dict[str, Any]) -> EmptyResult:
    directory = _ldaps_directory(backend, params, usable=True)
    if not any(setting.ldaps_status == "Enabled" for setting in directory.ldaps_settings_info):
        raise _Refused("InvalidLDAPSStatusException", "LDAPS is not enabled for the directory.")
    for setting in directory.ldaps_settings_info:
        setting.ldaps_status = "Disabled"
        setting.last_updated_date_time = utcnow()
    return EmptyResult()


def _ldaps_directory(backend: Any, params: dict[str, Any], *, usable: bool = False) -> Any:
    try:
        return _find(backend, params, usable=usable)
    except EntityDoesNotExistException as error:
        raise _Refused("DirectoryDoesNotExistException", error.message) from None


def _describe_ldaps(response: Any, inner: Callable[..., Any]) -> Any:
    _ldaps_directory(response.ds_backend, response._get_params())
    return inner(response)


def _register_certificate(backend: Any, params: dict[str, Any]) -> ActionResult:
    directory = _ldaps_directory(backend, params, usable=True)
    try:
        certificate = x509.load_pem_x509_certificate(params["CertificateData"].encode())
    except ValueError:
        raise _Refused("InvalidCertificateException", "The certificate is not PEM-encoded or is not valid.") from None
    kept = record(directory).setdefault("certificates", {})
    if params["CertificateData"] in [each["data"] for each in kept.values()]:
        raise _Refused("CertificateAlreadyExistsException", "The certificate is registered already.")
    certificate_id = f"c-{secrets.token_hex(5)}"
    kept[certificate_id] = {
        "data": params["CertificateData"],
        "name": certificate.subject.rfc4514_string(),
        "expires": certificate.not_valid_after_utc.timestamp(),
        "type": params.get("Type") or "ClientLDAPS",
    }
    return ActionResult({"CertificateId": certificate_id})


def _list_certificates(backend: Any, params: dict[str, Any]) -> ActionResult:
    directory = _ldaps_directory(backend, params)
    found = [
        {
            "CertificateId": certificate_id,
            "CommonName": each["name"],
            "State": "Registered",
            "ExpiryDateTime": datetime.fromtimestamp(each["expires"], tz=timezone.utc),
            "Type": each["type"],
        }
        for certificate_id, each in record(directory).get("certificates", {}).items()
    ]
    return ActionResult({"CertificatesInfo": found})


def _deregister_certificate(backend: Any, params: dict[str, Any]) -> EmptyResult:
    directory = _ldaps_directory(backend, params, usable=True)
    kept = record(directory).get("certificates", {})
    if params["CertificateId"] not in kept:
        raise _Refused("CertificateDoesNotExistException", f"Certificate {params['CertificateId']} does not exist.")
    if len(kept) == 1 and any(setting.ldaps_status == "Enabled" for setting in directory.ldaps_settings_info):
        raise _Refused("CertificateInUseException", "The last certificate of enabled LDAPS cannot be deregistered.")
    del kept[params["CertificateId"]]
    return EmptyResult()


# --- passwords ------------------------------------------------------------------------------------------------------


def _reset_user_password(backend: Any, params: dict[str, Any]) -> EmptyResult:
    directory = _find(backend, params, usable=True)
    user = params["UserName"]
    try:
        hooks.keeper().reset_password(directory, user, params["NewPassword"])
    except hooks.NoSuchUserError:
        raise _Refused("UserDoesNotExistException", f"User {user} does not exist.") from None
    except hooks.PasswordRefusedError as error:
        raise _Refused("InvalidPasswordException", f"The new password is refused: {error}") from None
    except hooks.UnavailableError as error:
        raise _Refused("DirectoryUnavailableException", str(error)) from None
    return EmptyResult()


_ANSWERS: dict[str, Callable[..., Any]] = {
    "CreateMicrosoftAD": _create_microsoft_ad,
    "DescribeDirectories": _describe_directories,
    "DeleteDirectory": _delete_directory,
    "DescribeDomainControllers": _describe_domain_controllers,
    "CreateConditionalForwarder": _create_forwarder,
    "UpdateConditionalForwarder": _update_forwarder,
    "DeleteConditionalForwarder": _delete_forwarder,
    "DescribeConditionalForwarders": _describe_forwarders,
    "EnableLDAPS": _enable_ldaps,
    "DisableLDAPS": _disable_ldaps,
    "DescribeLDAPSSettings": _describe_ldaps,
    "RegisterCertificate": _register_certificate,
    "ListCertificates": _list_certificates,
    "DeregisterCertificate": _deregister_certificate,
    "ResetUserPassword": _reset_user_password,
}
# These go on with moto's own answer.
_WRAPPED = (_create_microsoft_ad, _describe_directories, _describe_ldaps)
