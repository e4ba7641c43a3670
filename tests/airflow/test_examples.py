"""The example DAGs and the watch, each run by `airflow dags test` as a reader would."""

from __future__ import annotations

import base64
import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
import trustme
from cryptography import x509

from localcloud import LocalCloud, Seed
from localcloud.airflow_home import airflow, connections
from tests.airflow.conftest import Home, make_home

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(300)]

AUDIT = "keywatch-audit"
US = "keywatch-of-contoso"
ACCESS_TOKEN = "opaque"  # what the partner gives for a good assertion


@dataclass
class Partner:
    """A third party's API: gives a token for a JWT that our certificate signed, and its status for that token.

    Attributes:
        port: Where it listens, on loopback.
        refused: Why it refused assertions.
        served: How often its status was fetched.
    """

    certificate: x509.Certificate
    port: int = 0
    refused: list[str] = field(default_factory=list)
    served: int = 0

    def token_for(self, assertion: str) -> str | None:
        """Verify an assertion as RFC 7523 has it."""
        key = self.certificate.public_key()
        try:
            jwt.decode(
                assertion,
                key,  # type: ignore[arg-type]
                ["RS256"],
                issuer=US,
                subject=US,
                audience=f"https://localhost:{self.port}/oauth2/token",
                options={"require": ["exp", "iat", "jti"]},
            )
        except jwt.PyJWTError as error:
            self.refused.append(str(error))
            return None
        return ACCESS_TOKEN


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloud]:
    """Start a local cloud for this module."""
    with LocalCloud(tmp_path_factory.mktemp("examples") / "localcloud", Seed(accounts=1, users=5)) as running:
        yield running


@pytest.fixture(scope="module")
def partner(cloud: LocalCloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Partner, Path]]:
    """Serve a third party's API over TLS; give it and a bundle of the authorities of both it and the local cloud."""
    ca = trustme.CA()
    der = base64.b64decode(cloud.certificate_versions(AUDIT)[0].cer_base64)
    api = Partner(x509.load_der_x509_certificate(der))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            token = api.token_for(form["assertion"][0]) if urlsplit(self.path).path == "/oauth2/token" else None
            self.answer(200 if token else 401, {"access_token": token})

        def do_GET(self) -> None:
            good = self.headers["Authorization"] == f"Bearer {ACCESS_TOKEN}"
            api.served += good
            self.answer(200 if good else 401, {"status": "well"} if good else {})

        def answer(self, status: int, body: dict[str, str | None]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    api.port = server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    bundle = tmp_path_factory.mktemp("partner") / "bundle.pem"
    bundle.write_bytes(cloud.ca_bundle.read_bytes() + ca.cert_pem.bytes())
    yield api, bundle
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def home(cloud: LocalCloud, partner: tuple[Partner, Path], tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Make an Airflow home with the connections that the examples' docs tell to make."""
    api, bundle = partner
    trusting = connections(cloud)["keyvault_certificate_default"]
    trusting["extra"]["transport"] = trusting["extra"]["transport"] | {"ca_bundle": str(bundle)}
    more: dict[str, dict[str, Any]] = {
        "partner_api": {
            "conn_type": "http",
            "host": "localhost",
            "port": api.port,
            "login": US,
            "schema": "/oauth2/token",
        },
        "partner_certificate": trusting,
    }
    return make_home(tmp_path_factory.mktemp("examples") / "home", cloud, more)


def run(home: Home, dag_id: str, **params: object) -> subprocess.CompletedProcess[str]:
    """Run a DAG to its end."""
    return airflow(home.env, "dags", "test", dag_id, "-c", json.dumps(params), capture_output=True)


@pytest.fixture(autouse=True)
def fresh(cloud: LocalCloud) -> None:
    """Bring the local cloud back to its seed."""
    cloud.reset()


def test_on_premises_worker_calls_resource_manager_with_a_pem(home: Home, cloud: LocalCloud) -> None:
    """The stock client lists resource groups; the vault is never asked."""
    finished = run(home, "example_azure_resource_manager_with_pem", subscription_id=cloud.azure.subscription_id)

    assert finished.returncode == 0, finished.stdout[-3000:]
    assert [record.status for record in cloud.requests(action="resourcegroups/list")] == [200]
    assert not [record for record in cloud.requests() if record.host.endswith(".vault.azure.net")]


def test_event_reaches_the_event_hub_of_another_tenant(home: Home, cloud: LocalCloud) -> None:
    """The other tenant's application sends, with a key that this tenant's managed identity fetched."""
    finished = run(home, "example_event_hub_of_another_tenant", message="hello")

    assert finished.returncode == 0, finished.stdout[-3000:]
    (event,) = cloud.events()
    assert json.loads(event["body"])["message"] == "hello"
    assert event["sender"] == cloud.azure.applications["event-publisher"].client_id
    assert cloud.requests(action="keys/sign") == []


def test_key_on_the_hsm_signs_for_a_stock_client(home: Home, cloud: LocalCloud) -> None:
    """The stock client lists resource groups with a token that the HSM signed for, once."""
    cloud.grant("keywatch", "Reader", "/subscription")

    finished = run(home, "example_credential_on_an_hsm", subscription_id=cloud.azure.subscription_id)

    assert finished.returncode == 0, finished.stdout[-3000:]
    assert [record.status for record in cloud.requests(action="resourcegroups/list")] == [200]
    assert len([record for record in cloud.requests(action="keys/sign") if record.status == 200]) == 1


def test_third_party_takes_a_jwt_that_the_hsm_signed(
    home: Home, cloud: LocalCloud, partner: tuple[Partner, Path]
) -> None:
    """The partner verifies issuer, audience, time and signature, gives its token, and serves its status for it."""
    api, _ = partner

    finished = run(home, "example_jwt_for_any_api", certificate_conn_id="partner_certificate")

    assert finished.returncode == 0, finished.stdout[-3000:]
    assert (api.refused, api.served) == ([], 1)
    assert cloud.requests(action="token") == []


def test_stock_amazon_parts_work_without_an_access_key(home: Home, cloud: LocalCloud, tmp_path: Path) -> None:
    """A stock operator, a deferrable sensor with its trigger and ObjectStoragePath use the certificate, unchanged."""
    shutil.copy(Path(__file__).with_name("stock_amazon_dag.py"), tmp_path)
    env = home.env | {"AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path), "AIRFLOW__LOGGING__LOGGING_LEVEL": "DEBUG"}
    conf = json.dumps({"bucket": cloud.aws.bucket})

    finished = airflow(env, "dags", "test", "stock_amazon", "-c", conf, capture_output=True)

    assert finished.returncode == 0, finished.stdout[-3000:]
    said = finished.stdout + finished.stderr
    assert [secret[:4] for secret in cloud.session_secrets() if secret in said] == []
    assert {"CreateSession", "PutObject", "HeadObject", "GetObject"} <= {
        record.action for record in cloud.requests() if record.status in (200, 201, 206)
    }


def test_watch_runs_and_tells_a_version_that_is_not_registered(home: Home, cloud: LocalCloud) -> None:
    """The watch is green while all is well, and red, with what to do, when a version is not registered."""
    good = run(home, "certificate_watch", certificate_conn_ids=["keyvault_certificate_default"])
    assert good.returncode == 0, good.stdout[-3000:]
    assert [row["GivesTokens_b"] for row in cloud.rows("Azure_Certificate_CL")] == [True]

    new = cloud.create_certificate(AUDIT)
    bad = run(home, "certificate_watch", certificate_conn_ids=["keyvault_certificate_default"])
    assert bad.returncode == 1
    assert f"thumbprint {new.thumbprint_sha1.upper()}" in bad.stdout
    assert "[keywatch] notifier names no notifier" in bad.stdout
