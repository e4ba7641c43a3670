"""Whoever answers in the place of Entra, the vault or the platform gets no secret, and the error is ours."""

from __future__ import annotations

import gzip
import json
import threading
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.credentials.application import Application
from keywatch.credentials.assertion import Algorithm, sign_jwt
from keywatch.credentials.token import AssertionCredential
from keywatch.errors import (
    CertificateUnavailableError,
    CertificateUnusableError,
    ConfigurationError,
    HostNotAllowedError,
    KeywatchError,
    RequestRefusedError,
    ServiceUnavailableError,
    UnreachableError,
)
from keywatch.transport import AllowedHosts, Transport
from keywatch.transport.foreign_text import printable
from keywatch.transport.http import requests_session
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch.credentials import made
from tests.keywatch.credentials.reach import (
    ARM,
    AUDIT,
    CLOUD,
    MONITOR,
    asked,
    credential,
    exported,
    hsm,
    signed,
)
from tests.keywatch.credentials.test_token import aadsts, description
from tests.keywatch.reach import transport_to

JSON = "application/json"


def answer(cloud: LocalCloud, action: str, body: Any, status: int = 200, count: int | None = None) -> None:  # noqa: ANN401 - JSON
    """Let something answer in a service's place."""
    text = body if isinstance(body, str) else json.dumps(body)
    cloud.inject(Fault(FaultKind.STATUS, action=action, status=status, body=text, content_type=JSON, count=count))


def failure(cloud: LocalCloud, credential_: AssertionCredential | None = None) -> KeywatchError:
    """Fail to get a token, with an error of ours."""
    with pytest.raises(KeywatchError) as caught:
        (credential_ or credential(cloud, attempts=1)).get_token(ARM)
    return caught.value


def shown(error: BaseException) -> str:
    """Return all that a log would show of an error."""
    return "".join(traceback.format_exception(error))


ODD: list[Any] = [[], "x", None, 5, {}, {"value": None}, {"value": [5]}, {"value": 5}, "[" * 100_000, ""]


@pytest.mark.parametrize("body", ODD, ids=lambda body: str(body)[:20] or "empty")
@pytest.mark.parametrize(
    "action", ["certificates/versions", "certificates/get", "keys/sign", "token", "openid-configuration"]
)
def test_odd_answer_is_an_error_of_ours(cloud: LocalCloud, action: str, body: Any) -> None:  # noqa: ANN401 - JSON
    """JSON of the wrong shape, or none at all, is never a raw exception of an SDK."""
    credential(cloud).get_token(MONITOR)  # the vault's challenge is known
    answer(cloud, action, body)

    failure(cloud)


@pytest.mark.parametrize(
    "wrong",
    [
        {"expires_in": "abc"},
        {"expires_in": None},
        {"expires_in": -5},
        {"expires_in": True},
        {"expires_in": 10**12},
        {"access_token": 5},
        {"access_token": "a\r\nX: b"},
        {"access_token": ""},
        {"access_token": None},
    ],
    ids=str,
)
def test_token_that_is_none_is_refused(cloud: LocalCloud, wrong: dict[str, Any]) -> None:
    """A token is text that fits a header, with a lifetime in whole seconds; anything else is nobody's token."""
    answer(cloud, "token", {"access_token": "token", "expires_in": 3600, "token_type": "Bearer"} | wrong)

    failure(cloud)


@pytest.mark.parametrize("more", [{"refresh_in": "x"}, {"id_token": "xx"}, {"client_info": 5}, {"scope": {}}], ids=str)
def test_fields_that_nobody_asked_for_do_no_harm(cloud: LocalCloud, more: dict[str, Any]) -> None:
    """What else is in Entra's answer does not reach MSAL."""
    answer(cloud, "token", {"access_token": "token", "expires_in": 3600, "token_type": "Bearer"} | more)

    assert credential(cloud).get_token(ARM).token == "token"


def test_request_that_is_echoed_shows_no_token(cloud: LocalCloud) -> None:
    """A proxy that repeats the request in its answer brings no token into a traceback, cause included."""
    stolen = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln"
    for status, body in (
        (400, f"<html>authorization: Bearer {stolen}</html>"),
        (403, {"error": {"code": f"Bearer {stolen}", "message": f"Bearer {stolen}", "innererror": stolen}}),
    ):
        cloud.clear_faults()
        answer(cloud, "certificates/versions", body, status)

        assert stolen not in shown(failure(cloud))
        assert "c2ln" not in shown(failure(cloud))


@pytest.mark.parametrize("field", ["error", "error_description"])
def test_assertion_that_entra_repeats_is_not_shown(cloud: LocalCloud, field: str) -> None:
    """Neither the assertion nor its signature alone gets from Entra's words into ours."""
    token = sign_jwt(made.signing(), {"iss": "us"})
    for part in (token, token.rpartition(".")[2], f"x\r\nFORGED LINE {token}"):
        cloud.clear_faults()
        answer(cloud, "token", {"error": "invalid_client", field: f"AADSTS1: {part}", "error_codes": [1]}, 401)

        text = shown(failure(cloud))
        assert token.rpartition(".")[2][:30] not in text
        assert "\nFORGED" not in text


@given(st.text())
def test_printable_is_one_short_line(text: str) -> None:
    """Whatever somebody says, it becomes one line that is not too long."""
    assert len(printable(text).splitlines()) <= 1
    assert len(printable(text)) <= 300


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://login.microsoftonline.com/99999999-9999-9999-9999-999999999999/oauth2/v2.0/token",
        "https://login.microsoftonline.com/common/oauth2/v2.0/token",
        "https://login.microsoftonline.com/{tenant}/../other/oauth2/v2.0/token",
        "https://login.microsoftonline.com:8443/{tenant}/oauth2/v2.0/token",
        "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token?x",
        "https://login.microsoftonline.com.example.com/{tenant}/oauth2/v2.0/token",
        "http://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
    ],
)
def test_token_endpoint_of_anybody_else_gets_no_assertion(cloud: LocalCloud, endpoint: str) -> None:
    """An assertion is made for the tenant's own endpoint, to the letter, and for no other."""
    body = description(endpoint.replace("{tenant}", cloud.azure.tenant_id))
    answer(cloud, "openid-configuration", body)

    assert isinstance(failure(cloud), (HostNotAllowedError, RequestRefusedError))
    assert signed(cloud) == 0


def test_tenant_named_by_its_domain_is_signed_for(cloud: LocalCloud) -> None:
    """A connection may name the tenant by its domain; Entra then names its endpoint by domain or GUID."""
    client_id = cloud.azure.applications["keywatch"].client_id
    by_domain = Application(cloud.azure.tenant_domain, client_id, CLOUD)

    assert AssertionCredential(by_domain, hsm(cloud), transport_to(cloud)).get_token(ARM).token


def one_version(cloud: LocalCloud, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Make the vault's list of the one version that there is."""
    (version,) = cloud.certificate_versions(AUDIT)
    item = {
        "id": f"{cloud.azure.vault_url}/certificates/{AUDIT}/{version.version}",
        "attributes": {"enabled": True, "created": 1_700_000_000, "updated": 1_700_000_000},
    }
    return {"value": [item], **more}


@pytest.mark.parametrize(
    "link", ["https://attacker.vault.azure.net/x", "https://x.managedhsm.azure.net/", "https://[::1"]
)
def test_list_that_leads_to_another_vault_is_not_followed(cloud: LocalCloud, link: str) -> None:
    """The identity's token goes to the connection's vault alone, wherever a list says that it goes on."""
    answer(cloud, "certificates/versions", one_version(cloud, nextLink=link))

    failure(cloud)

    vault = cloud.azure.vault_url.removeprefix("https://")
    assert {record.host for record in cloud.requests() if record.host.endswith(".azure.net")} == {vault}


def test_list_without_end_is_given_up(cloud: LocalCloud) -> None:
    """A list whose every page leads to itself ends after some hundred pages."""
    path = f"/certificates/{AUDIT}/versions?api-version=2026-04-01"
    answer(cloud, "certificates/versions", {"value": [], "nextLink": cloud.azure.vault_url + path})

    assert isinstance(failure(cloud), CertificateUnavailableError)
    assert len(cloud.requests(action="certificates/versions")) < 500


@pytest.mark.parametrize(
    "key", ["keys/event-publisher/{version}", "keys/keywatch-audit", "keys/../sign", "secrets/x/y"]
)
def test_key_of_another_certificate_signs_nothing(cloud: LocalCloud, key: str) -> None:
    """A certificate signs with the key of its own name in its own vault, whatever the vault's answer names."""
    (version,) = cloud.certificate_versions(AUDIT)
    body = {
        "id": f"{cloud.azure.vault_url}/certificates/{AUDIT}/{version.version}",
        "kid": f"{cloud.azure.vault_url}/{key.replace('{version}', version.version)}",
        "cer": version.cer_base64,
        "attributes": {"enabled": True},
    }
    answer(cloud, "certificates/get", body)

    failure(cloud)

    assert cloud.requests(action="keys/sign") == []


def test_certificate_that_is_none_is_said_to_be_none(cloud: LocalCloud) -> None:
    """Junk in the place of a certificate is that version's fault."""
    (version,) = cloud.certificate_versions(AUDIT)
    body = {
        "id": f"{cloud.azure.vault_url}/certificates/{AUDIT}/{version.version}",
        "kid": version.key_id,
        "cer": "AAAA",
        "attributes": {"enabled": True},
    }
    answer(cloud, "certificates/get", body)

    assert isinstance(failure(cloud), CertificateUnavailableError)


class Stranger(BaseHTTPRequestHandler):
    """Answers with something that never ends, in one way or another."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        if self.path == "/bomb":
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(gzip.compress(bytes(40_000_000)))
            return
        self.end_headers()
        for _ in range(50):
            self.wfile.write(b"x" * 70_000)
            time.sleep(0.2)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


@pytest.fixture
def stranger() -> Iterator[str]:
    """Serve strange answers on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", ["/bomb", "/drip"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_answer_without_end_is_given_up(stranger: str, path: str) -> None:
    """Neither what unpacks to too much nor what only trickles in is read to its end."""
    lab = AllowedHosts("laboratory", (), lab=True)
    session = requests_session(Transport(proxy="direct", read_timeout=0.3), lab, largest=20_000_000)

    began = time.monotonic()
    with pytest.raises(UnreachableError, match="too much, or too slowly"):
        session.get(f"{stranger}{path}")

    assert time.monotonic() - began < 5


@pytest.mark.parametrize("headers", [{"alg": "none"}, {"alg": "HS256"}, {"b64": False}, {"kid": 5}, {"kid": object()}])
def test_header_that_changes_the_signature_is_refused(headers: dict[str, Any]) -> None:
    """A caller's header neither chooses the algorithm nor is anything but JSON."""
    with pytest.raises(ConfigurationError):
        sign_jwt(made.signing(), {"iss": "us"}, headers=headers)


@pytest.mark.parametrize(("claims", "algorithm"), [({"a": object()}, "PS256"), ({"iss": 5}, "PS256"), ({}, "RS512")])
def test_claims_that_are_none_are_refused(claims: dict[str, Any], algorithm: Algorithm) -> None:
    """What cannot be claims, or an algorithm that is not offered, is a mistake of the caller's."""
    with pytest.raises(ConfigurationError):
        sign_jwt(made.signing(), claims, algorithm=algorithm)


def test_retries_do_not_multiply(cloud: LocalCloud) -> None:
    """A client that retries around a credential that retries makes no more attempts than were allowed."""
    from tests.keywatch.log_analytics.test_logs_ingestion import body, destination, record

    cloud.inject(Fault(FaultKind.STATUS, action="token", status=503, count=None))
    client = destination(cloud, attempts=4)

    with pytest.raises(ServiceUnavailableError) as caught:
        client.send(body(client, record(1)))

    assert len(cloud.requests(action="token")) == 4
    assert caught.value.perhaps_done is False


def test_lost_token_answer_is_no_doubt_about_rows(cloud: LocalCloud) -> None:
    """Only a body whose answer was lost may be stored twice; a token's answer is nobody's row."""
    from tests.keywatch.log_analytics.test_logs_ingestion import body, destination, record

    cloud.inject(Fault(FaultKind.DROP_AFTER, action="token", count=1))
    client = destination(cloud)

    assert client.send(body(client, record(1))).perhaps_twice is False

    cloud.inject(Fault(FaultKind.DROP_AFTER, action="token", count=None))
    client = destination(cloud)
    with pytest.raises(UnreachableError) as caught:
        client.send(body(client, record(2)))
    assert caught.value.perhaps_done is False


def test_token_in_memory_outlives_an_outage(cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a token lasts, nobody notices that vault and Entra are away or forbid everything."""
    monkeypatch.setattr("keywatch.credentials.rotation.LISTED_FOR", 0.0)
    shared = credential(cloud)
    token = shared.get_token(ARM).token
    cloud.revoke("airflow-worker", "Key Vault Reader", "/vault")
    cloud.inject(Fault(FaultKind.DROP_BEFORE, count=None))

    assert shared.get_token(ARM).token == token


def test_token_that_is_nearly_over_serves_while_no_new_one_can_be_had(cloud: LocalCloud) -> None:
    """In its last minutes a token is renewed; when that fails, it serves to its end, and Entra is left in peace."""
    now = [datetime.now(UTC)]
    cloud.set_token_lifetime(240)
    shared = credential(cloud, attempts=1, clock=lambda: now[0])
    token = shared.get_token(ARM).token
    cloud.inject(Fault(FaultKind.STATUS, action="token", status=503, count=None))
    cloud.clear_requests()

    assert {shared.get_token(ARM).token for _ in range(10)} == {token}
    assert len(cloud.requests(action="token")) == 1
    cloud.clear_faults()
    assert shared.get_token(ARM).token == token
    now[0] += timedelta(seconds=61)
    assert shared.get_token(ARM).token != token


def test_prompt_rotation_is_followed_at_once(cloud: LocalCloud) -> None:
    """When the known version is taken off the application, the vault is asked for a new one there and then."""
    cloud.set_token_lifetime(1)
    shared = credential(cloud)
    assert shared.get_token(ARM).token
    old = cloud.certificate_versions(AUDIT)[0]
    cloud.register("keywatch", cloud.create_certificate(AUDIT))
    cloud.unregister("keywatch", old)

    assert shared.get_token(ARM).token


@pytest.mark.parametrize("kind", ["EC", "disabled meanwhile", "not exportable"])
def test_bad_newest_version_fails_no_request(cloud: LocalCloud, kind: str) -> None:
    """Whatever is wrong with a new version, an older one that works signs."""
    source, name = hsm(cloud), "keywatch"
    if kind == "EC":
        cloud.create_certificate(AUDIT, key_type="EC-HSM", key_size=256)
    elif kind == "not exportable":
        source, name = exported(cloud), "event-publisher"  # type: ignore[assignment]
        cloud.create_certificate("event-publisher", exportable=False)
    shared = credential(cloud, source, name)
    if kind == "disabled meanwhile":
        new = cloud.create_certificate(AUDIT)
        cloud.register("keywatch", new)
        assert shared.signing.version == new.version
        cloud.set_enabled(AUDIT, new.version, False)

    assert shared.get_token(ARM).token


def test_passing_refusal_of_entra_is_asked_again(cloud: LocalCloud) -> None:
    """A passing error in an HTTP 400 is not answered from MSAL's memory on the next attempt."""
    answer(cloud, "token", aadsts(90033), 400, count=1)

    assert credential(cloud).get_token(ARM).token
    assert asked(cloud)["token"] == 1


def test_slow_request_for_one_scope_holds_up_no_token_in_memory(cloud: LocalCloud) -> None:
    """A thread that has its token does not wait for one that is getting another."""
    shared = credential(cloud)
    shared.get_token(ARM)
    cloud.inject(Fault(FaultKind.DELAY, action="token", seconds=2.0))
    slow = threading.Thread(target=shared.get_token, args=(MONITOR,))
    slow.start()
    time.sleep(0.3)

    began = time.monotonic()
    assert shared.get_token(ARM).token
    waited = time.monotonic() - began
    slow.join()

    assert waited < 1


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("The key was not found.", "CertificateNotRegisteredError"),
        ("The key was found, but use of the key to verify the signature failed.", "CertificateUnusableError"),
        ("The key used is expired.", "CertificateUnusableError"),
    ],
)
def test_reason_of_700027_is_read(cloud: LocalCloud, reason: str, error: str) -> None:
    """The code stands for more than a missing registration; its text says for what."""
    text = f"AADSTS700027: The certificate is not right. [Reason - {reason}, Thumbprint of key used by client: 'AB']"
    answer(cloud, "token", {"error": "invalid_client", "error_description": text, "error_codes": [700027]}, 401)

    assert type(failure(cloud)).__name__ == error


def test_every_version_unusable_is_the_newests_error(cloud: LocalCloud) -> None:
    """When no version works, the error is that of the newest."""
    cloud.unregister("keywatch", cloud.certificate_versions(AUDIT)[0])
    cloud.create_certificate(AUDIT, key_type="EC-HSM", key_size=256)

    assert isinstance(failure(cloud), CertificateUnusableError)
