# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS Certificate Manager where moto answers otherwise: imported chains, keys that don't fit, certificates in use.

Source: AWS Certificate Manager API reference and user guide ("Prerequisites for importing ACM certificates").
"""

from __future__ import annotations

import functools
from typing import Any

from cryptography.hazmat.primitives import serialization
from moto.acm import models
from moto.acm import responses
from moto.acm.exceptions import AWSValidationException
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult
from moto.elbv2.models import elbv2_backends

_CHAIN = "local_cloud_chain"


def apply() -> None:
    """Mend moto's Certificate Manager."""
    _mend_import()
    _mend_chain()
    _mend_use()


def chain_of(bundle: Any) -> bytes:
    """The chain as it was imported. moto puts a root of Amazon's at its end, which would then be trusted."""
    kept: bytes | None = bundle.__dict__.get(_CHAIN)
    return bundle.chain.removesuffix(models.AWS_ROOT_CA + b"\n").strip() if kept is None else kept


def _mend_import() -> None:
    inner = models.AWSCertificateManagerBackend.import_certificate

    @functools.wraps(inner)
    def import_certificate(
        self: Any, certificate: bytes, private_key: bytes, *, chain: bytes | None, arn: str | None, tags: Any
    ) -> str:
        before = self._certificates.get(arn)
        if before is not None and tags:
            raise AWSValidationException("Tagging is not permitted on re-import.")
        made = str(inner(self, certificate, private_key, chain, arn, tags))
        bundle = self._certificates[made]
        if not _fits(bundle):
            if before is None:
                del self._certificates[made]
            else:
                self._certificates[made] = before
            raise AWSValidationException("The private key does not match the certificate.")
        setattr(bundle, _CHAIN, (chain or b"").strip())
        if before is not None:
            bundle.tags = before.tags
            bundle.created_at = max(bundle.created_at, before.created_at)
        return made

    models.AWSCertificateManagerBackend.import_certificate = import_certificate


def _fits(bundle: Any) -> bool:
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return bool(bundle._key.public_key().public_bytes(*form) == bundle._cert.public_key().public_bytes(*form))


def _mend_chain() -> None:
    def get_certificate(self: Any) -> ActionResult:
        arn = self._get_param("CertificateArn")
        if arn is None:
            raise AWSValidationException("A required parameter for the specified action is not supplied.")
        bundle = self.acm_backend.get_certificate(arn)
        imported = bundle.type == "IMPORTED"
        chain = chain_of(bundle) if imported else bundle.chain
        result = {"Certificate": bundle.cert.decode()}
        return ActionResult({**result, "CertificateChain": chain.decode()} if chain else result)

    responses.AWSCertificateManagerResponse.get_certificate = get_certificate


def _mend_use() -> None:
    inner_describe = models.CertBundle.describe
    inner_delete = models.AWSCertificateManagerBackend.delete_certificate

    @functools.wraps(inner_describe)
    def describe(self: Any) -> dict[str, Any]:
        answer: dict[str, Any] = inner_describe(self)
        answer["Certificate"]["InUseBy"] = _users(self.arn)
        return answer

    @functools.wraps(inner_delete)
    def delete_certificate(self: Any, arn: str) -> None:
        users = _users(arn) if arn in self._certificates else []
        if users:
            raise JsonRESTError(
                "ResourceInUseException",
                f"Certificate {arn} in account {self.account_id} is in use: {', '.join(users)}.",
            )
        inner_delete(self, arn)

    models.CertBundle.describe = describe
    models.AWSCertificateManagerBackend.delete_certificate = delete_certificate


def _users(arn: str) -> list[str]:
    """ARNs of the load balancers with a listener that shows the certificate."""
    _arn, _partition, _service, region, account_id, _resource = arn.split(":", 5)
    backend = elbv2_backends[account_id][region]
    return [
        balancer.arn
        for balancer in backend.load_balancers.values()
        if any(arn in listener.certificates for listener in balancer.listeners.values())
    ]
