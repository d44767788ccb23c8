# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nodes fetch for sssd, over HTTP: from Secrets Manager, ACM and S3, and from a service that throttles."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from http.server import ThreadingHTTPServer
from typing import Any

import boto3
import pytest
from ansible_collections.podforge.hyperpod.plugins.module_utils._node import aws
from ansible_collections.podforge.hyperpod.plugins.module_utils._node.aws import SourceError
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd import certificates
from ansible_collections.podforge.hyperpod.plugins.module_utils._sssd.secrets import secret_value
from moto.server import ThreadedMotoServer

from local_cloud.directory.certificates import CertificateAuthority
from tests.support.ports import free_port

REGION = "us-west-2"


@pytest.fixture(name="url", scope="module")
def _url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def _environment(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")


def client(url: str, service: str) -> Any:
    make: Any = boto3.client
    return make(service, endpoint_url=url, region_name=REGION)


def test_secrets(url: str) -> None:
    manager = client(url, "secretsmanager")
    arn = manager.create_secret(Name="hyperpod/ReadOnly", SecretString="secret\n")["ARN"]
    manager.create_secret(Name="hyperpod/json", SecretString=json.dumps({"password": "other", "user": "x"}))
    manager.create_secret(Name="hyperpod/binary", SecretBinary=b"x")
    assert secret_value(arn, None, None) == "secret"
    assert secret_value("hyperpod/json", None, REGION) == "other"
    with pytest.raises(SourceError, match="hyperpod/binary: The secret is binary"):
        secret_value("hyperpod/binary", None, REGION)
    with pytest.raises(SourceError, match="hyperpod/none: It does not exist"):
        secret_value("hyperpod/none", None, REGION)


def test_certificates(url: str) -> None:
    authority = CertificateAuthority()
    made = authority.issue("ldaps.corp.example.com")
    manager = client(url, "acm")
    arn = manager.import_certificate(
        Certificate=made.certificate.encode(), PrivateKey=made.key.encode(), CertificateChain=authority.pem.encode()
    )["CertificateArn"]
    secret = client(url, "secretsmanager").create_secret(
        Name="hyperpod/ca", SecretString=json.dumps({"certificate": authority.pem, "private_key": made.key})
    )["ARN"]
    store = client(url, "s3")
    store.create_bucket(Bucket="sagemaker-ca", CreateBucketConfiguration={"LocationConstraint": REGION})
    store.put_object(Bucket="sagemaker-ca", Key="tls/ca.pem", Body=made.key + authority.pem)
    for source in (arn, secret, "s3://sagemaker-ca/tls/ca.pem", authority.pem):
        text = certificates.read(source, None, REGION)
        # moto puts an authority of its own at the end of each chain
        assert certificates.only_certificates(text, source).startswith(authority.pem.strip()), source
    with pytest.raises(SourceError, match=r"s3://sagemaker-ca/none: It does not exist"):
        certificates.read("s3://sagemaker-ca/none", None, REGION)


def test_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "ATTEMPTS", 1)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(SourceError, match=r"can't be reached.*a NAT gateway or a VPC endpoint"):
        secret_value("x", None, REGION)


def test_a_service_that_throttles_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Throttling(BaseHTTPRequestHandler):
        """Throttles twice, then answers."""

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            asked.append(self.headers["X-Amz-Target"])
            late = len(asked) > 2
            body = json.dumps({"SecretString": "secret"} if late else {"__type": "ThrottlingException"}).encode()
            self.send_response(200 if late else 400)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Throttling) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        assert secret_value("x", None, REGION) == "secret"
        monkeypatch.setattr(aws, "ATTEMPTS", 2)
        asked.clear()
        with pytest.raises(SourceError, match="2 requests were throttled"):
            secret_value("x", None, REGION)
        server.shutdown()
    assert asked == ["secretsmanager.GetSecretValue"] * 2
