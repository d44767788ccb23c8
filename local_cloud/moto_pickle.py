# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""moto's backends as bytes and back.

What is pickled is the attributes of each backend. A backend that some object refers to is written as its name, so that
nothing is written twice, and after loading all refer to the one that lives. Left out, and put back from moto's own data
when loading: the managed policies of AWS (24 MB) and the public machine images with their
snapshots (0.9 MB a region). Bodies of S3 objects
are files of their own, named by their SHA-256.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import pickle
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from dataclasses import field
from typing import TYPE_CHECKING
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import rsa
from moto.core.base_backend import AccountSpecificBackend
from moto.core.base_backend import BackendDict
from moto.core.base_backend import BaseBackend
from moto.ec2.models.amis import Ami
from moto.ec2.models.elastic_block_store import Snapshot
from moto.iam.models import AWSManagedPolicy
from moto.iam.models import iam_backends
from moto.s3.models import FakeKey

from local_cloud.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Owner alias of the images that moto brings along.
_PUBLIC = "amazon"
_BODY_MARK = "_local_cloud_body"
_OWN_ATTRIBUTES = frozenset(vars(BackendDict(BaseBackend, "none")))


@dataclass
class _Loading:
    """What loading needs besides the pickle: where bodies are, and moto's own data of backends being replaced."""

    bodies: Path
    images: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    policies: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    bodies_seen: set[str] = field(default_factory=set)


_loading: ContextVar[_Loading] = ContextVar("_loading")


def service_of(backends: Any) -> str:
    """The name of a BackendDict's service in moto, which is also its Python package below ``moto``."""
    return str(backends.backend.__module__.split(".")[1])


def all_services() -> dict[str, list[Any]]:
    """Service -> its BackendDicts, of those that have been used in this process."""
    found: dict[str, list[Any]] = {}
    for backends in list(BackendDict._instances):
        found.setdefault(service_of(backends), []).append(backends)
    return found


def dump(dicts: Iterable[Any], bodies: Path) -> tuple[bytes, frozenset[str]]:
    """Pickle these BackendDicts.

    Args:
        dicts: BackendDicts.
        bodies: folder that S3 bodies are written to, if they aren't there yet.

    Returns:
        the pickle, and the names of all bodies it refers to.
    """
    content = []
    for backends in dicts:
        extra = {name: value for name, value in vars(backends).items() if name not in _OWN_ATTRIBUTES}
        states = [(account, region, vars(backend)) for account, region, backend in backends.iter_backends()]
        content.append((_dict_key(backends), extra, states))
    stream = io.BytesIO()
    pickler = _Pickler(stream, bodies)
    pickler.dump(content)
    return stream.getvalue(), frozenset(pickler.bodies_seen)


def load(data: bytes, bodies: Path) -> frozenset[str]:
    """Put pickled backends in the place of the living ones; returns the names of the bodies they use.

    Raises:
        Exception: whatever unpickling raises, when the pickle was made by another version of moto, or is damaged.
    """
    state_of_loading = _Loading(bodies)
    token = _loading.set(state_of_loading)
    try:
        for key, extra, states in pickle.loads(data):  # noqa: S301 # our own file in a folder of mode 0700
            backends = _backend_dict(*key)
            vars(backends).update(extra)
            for account, region, state in states:
                living = backends[account][region]
                vars(living).clear()
                vars(living).update(state)
    finally:
        _loading.reset(token)
    return frozenset(state_of_loading.bodies_seen)


class _Pickler(pickle.Pickler):
    def __init__(self, stream: io.BytesIO, bodies: Path) -> None:
        super().__init__(stream, protocol=5)
        self._bodies = bodies
        self.bodies_seen: set[str] = set()

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, FakeKey) and not obj.disposed:
            return self._reduce_object(obj)
        for kind, reference in _REFERENCES:
            if isinstance(obj, kind):
                return reference(obj)
        return NotImplemented

    def _reduce_object(self, key: Any) -> Any:
        """An S3 object: moto sets its body once, when it is made."""
        name = vars(key).get(_BODY_MARK)
        if name is None:
            body = key.value
            name = hashlib.sha256(body).hexdigest()
            if not (self._bodies / name).exists():
                write_atomically(self._bodies / name, body)
            setattr(key, _BODY_MARK, name)
        self.bodies_seen.add(name)
        state = {n: value for n, value in vars(key).items() if n not in ("_value_buffer", "lock")}
        return FakeKey.__new__, (FakeKey,), state, None, None, _restore_object


def _key_of_class(backend_class: Any) -> tuple[str, str]:
    return backend_class.__module__, backend_class.__qualname__


def _dict_key(backends: Any) -> tuple[str, str]:
    return _key_of_class(backends.backend)


# What the pickles call when loaded: their names are part of the format.


def _backend_dict(module: str, class_name: str) -> Any:
    for value in vars(importlib.import_module(module)).values():
        if isinstance(value, BackendDict) and value.backend.__qualname__ == class_name:
            return value
    raise LookupError(f"{module} has no backends of class {class_name}")


def _account(module: str, class_name: str, account: str) -> Any:
    return _backend_dict(module, class_name)[account]


def _backend(module: str, class_name: str, account: str, region: str) -> Any:
    return _account(module, class_name, account)[region]


def _policy(account: str, partition: str, arn: str, policy_id: str, attachment_count: int) -> Any:
    known = _loading.get().policies
    if (account, partition) not in known:
        living = iam_backends[account][partition].aws_managed_policies
        known[account, partition] = {policy.arn: policy for policy in living}
    policy = known[account, partition][arn]
    policy.id = policy_id
    policy.attachment_count = attachment_count
    return policy


def _image(account: str, region: str, image_id: str) -> Any:
    from moto.ec2.models import ec2_backends  # noqa: PLC0415 # its package is slow to import

    known = _loading.get().images
    if (account, region) not in known:
        known[account, region] = dict(ec2_backends[account][region].amis)
    return known[account, region][image_id]


def _snapshot(account: str, region: str, image_id: str, snapshot_id: str) -> Any:
    snapshot = _image(account, region, image_id).ebs_snapshot
    # moto draws it anew each time it makes its public images.
    snapshot.id = snapshot_id
    return snapshot


def _restore_object(key: Any, state: dict[str, Any]) -> None:
    loading = _loading.get()
    loading.bodies_seen.add(state[_BODY_MARK])
    key.__setstate__({**state, "value": (loading.bodies / state[_BODY_MARK]).read_bytes()})


def _private_key(pem: bytes) -> Any:
    return serialization.load_pem_private_key(pem, None)


def _certificate(pem: bytes) -> Any:
    return x509.load_pem_x509_certificate(pem)


def _reduce_private_key(key: Any) -> Any:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return _private_key, (key.private_bytes(*form),)


def _reference_image(image: Any) -> Any:
    if image.owner_alias != _PUBLIC:
        return NotImplemented
    return _image, (image.ec2_backend.account_id, image.ec2_backend.region_name, image.id)


def _reference_snapshot(snapshot: Any) -> Any:
    backend = snapshot.ec2_backend
    image = backend.amis.get(snapshot.from_ami)
    if image is None or image.owner_alias != _PUBLIC or image.ebs_snapshot is not snapshot:
        return NotImplemented
    return _snapshot, (backend.account_id, backend.region_name, snapshot.from_ami, snapshot.id)


_REFERENCES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (BaseBackend, lambda one: (_backend, (*_key_of_class(type(one)), one.account_id, one.region_name))),
    (BackendDict, lambda one: (_backend_dict, _dict_key(one))),
    (AccountSpecificBackend, lambda one: (_account, (*_key_of_class(one.backend), one.account_id))),
    (AWSManagedPolicy, lambda one: (_policy, (one.account_id, one.partition, one.arn, one.id, one.attachment_count))),
    (Ami, _reference_image),
    (Snapshot, _reference_snapshot),
    # of Certificate Manager; what OpenSSL keeps can't be pickled
    (rsa.RSAPrivateKey, _reduce_private_key),
    (ec.EllipticCurvePrivateKey, _reduce_private_key),
    (x509.Certificate, lambda one: (_certificate, (one.public_bytes(serialization.Encoding.PEM),))),
)
