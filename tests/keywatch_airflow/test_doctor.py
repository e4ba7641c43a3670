"""`keywatch doctor`: connections that work, and connections that do not, each for a reason of its own."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localcloud import Fault, FaultKind
from localcloud.azure_model import AUDIT_CERTIFICATE, KEYWATCH, WORKER
from tests.keywatch.loopback import LoopbackProxy
from tests.keywatch_airflow.doctoring import (
    AWS,
    CERTIFICATE,
    FILE,
    LOOKS_SECRET,
    RULE,
    STOCK,
    WORKSPACE,
    Examination,
    Examine,
    Setup,
    examine,
    secrets_of,
    setup,
)

__all__ = ["examine", "setup"]  # fixtures

GUID = "00000000-0000-4000-8000-000000000000"
NOBODY = "http://127.0.0.1:9"

STEPS = {
    CERTIFICATE: ["clock", "vault", "signature", "token"],
    FILE: ["clock", "file", "signature", "token"],
    RULE: ["clock", "vault", "signature", "token", "permission", "row"],
    WORKSPACE: ["clock", "vault", "permission", "row"],
    AWS: ["clock", "vault", "signature", "session", "caller", "permission"],
    STOCK: ["clock", "caller", "permission"],
}
"""What is tried behind the network."""

NETWORK = {"configuration", "dns", "proxy", "tunnel", "tls"}


@dataclass(frozen=True)
class Broken:
    """A connection with one thing wrong.

    Attributes:
        conn_id: Which.
        alter: Makes it so.
        step: Where it shows.
        says: What finding and remedy say, a pattern.
        subject: What that step is about, a pattern.
    """

    conn_id: str
    alter: Callable[[Setup], Any]
    step: str
    says: str
    subject: str = ""


def newest(setup: Setup) -> Any:  # noqa: ANN401 - JSON's
    """Give the newest version of the certificate that signs for the audit."""
    return setup.cloud.certificate_versions(AUDIT_CERTIFICATE)[-1]


def expired(setup: Setup) -> None:
    """Let the connection name a certificate that is over."""
    setup.cloud.create_certificate("over", valid_from_days=-30, valid_days=10)
    setup.extras(CERTIFICATE)["certificate"] = "over"


def unresolved(setup: Setup) -> None:
    """Let the connection reach a vault that is not there, and without the proxy."""
    setup.connections[CERTIFICATE]["host"] = "https://nobody-7f3a9c.vault.azure.net"
    setup.transport(no_proxy=["nobody-7f3a9c.vault.azure.net"])


def without_roles(setup: Setup) -> None:
    """Take the worker's roles on the vault, either of which lets it read certificates."""
    setup.cloud.revoke(WORKER, "Key Vault Reader", "/vault")
    setup.cloud.revoke(WORKER, "Key Vault Crypto User", "/vault")


def abroad(setup: Setup) -> None:
    """Let the connection be of a cloud that the local cloud's proxy does not let anybody reach."""
    setup.extras(WORKSPACE).update(cloud="AzureChinaCloud", key_secret="")
    setup.connections[WORKSPACE]["password"] = setup.cloud.second_workspace.shared_key


def nobodys_anchor(setup: Setup) -> None:
    """Let the connection name a trust anchor that is not there."""
    anywhere = setup.extras(AWS)["roles_anywhere"]
    anywhere["trust_anchor_arn"] = anywhere["trust_anchor_arn"].rpartition("/")[0] + f"/{GUID}"


def nobodys_profile(setup: Setup) -> None:
    """Let the connection name a profile that is not there."""
    anywhere = setup.extras(AWS)["roles_anywhere"]
    anywhere["profile_arn"] = anywhere["profile_arn"].rpartition("/")[0] + f"/{GUID}"


def in_place_of(conn_id: str, **changes: Any) -> Callable[[Setup], None]:  # noqa: ANN401 - JSON
    """Make a function that changes extras of a connection."""
    return lambda setup: setup.extras(conn_id).update(changes)


BROKEN: dict[str, Broken] = {
    "an extra that nobody knows": Broken(
        CERTIFICATE, in_place_of(CERTIFICATE, tenent_id=GUID), "configuration", "do not know tenent_id"
    ),
    "a type that is not examined": Broken(
        "event_hub", lambda _: None, "configuration", "of type http, which is not examined"
    ),
    "no tenant": Broken(CERTIFICATE, in_place_of(CERTIFICATE, tenant_id=""), "configuration", "names no tenant"),
    "a CA bundle that is not there": Broken(
        CERTIFICATE, lambda s: s.transport(ca_bundle="/nowhere/ca.pem"), "configuration", "/nowhere/ca.pem .*not exist"
    ),
    "a certificate connection that is not there": Broken(
        RULE, in_place_of(RULE, certificate_conn_id="nobodys"), "configuration", "names another one that is not there"
    ),
    "a rule id that is none": Broken(RULE, in_place_of(RULE, rule_id="dcr-1"), "configuration", "immutableId"),
    "a shared key that is none": Broken(
        WORKSPACE,
        lambda s: (s.extras(WORKSPACE).pop("key_secret"), s.connections[WORKSPACE].update(password="x!y")),
        "configuration",
        "not base64",
    ),
    "a session factory that knows no certificate": Broken(
        AWS,
        lambda s: s.monkeypatch.setenv(
            "AIRFLOW__AWS__SESSION_FACTORY", "airflow.providers.amazon.aws.hooks.base_aws.BaseSessionFactory"
        ),
        "configuration",
        r"Set \[aws\] session_factory",
    ),
    "a name that does not resolve": Broken(
        CERTIFICATE,
        unresolved,
        "dns",
        "does not resolve",
        r"nobody-7f3a9c\.vault",
    ),
    "a proxy that is not there": Broken(
        CERTIFICATE, lambda s: s.transport(proxy=NOBODY), "proxy", "cannot be reached", NOBODY
    ),
    "a vault that the proxy does not find": Broken(
        CERTIFICATE,
        lambda s: s.connections[CERTIFICATE].update(host="https://nobody-7f3a9c.vault.azure.net"),
        "tunnel",
        "HTTP 502",
        r"nobody-7f3a9c\.vault",
    ),
    "a host that the proxy does not allow": Broken(
        WORKSPACE,
        abroad,
        "tunnel",
        r"HTTP 403.*allow CONNECT to .*ods\.opinsights\.azure\.cn:443",
        r"azure\.cn",
    ),
    "a certificate of Entra's that has expired": Broken(
        CERTIFICATE,
        lambda s: s.cloud.inject(Fault(FaultKind.TLS_EXPIRED, host="microsoftonline.com", count=None)),
        "tls",
        "certificate has expired.*issued by .*renew",
        "login",
    ),
    "a clock that is behind": Broken(
        CERTIFICATE, lambda s: s.cloud.set_clock_offset(1200), "clock", "20 minutes behind.*NTP"
    ),
    "a clock that is ahead, for AWS": Broken(
        AWS, lambda s: s.cloud.set_clock_offset(-1200), "clock", "20 minutes ahead of", "rolesanywhere"
    ),
    "no identity": Broken(
        CERTIFICATE,
        lambda s: s.monkeypatch.setenv("IDENTITY_HEADER", "wrong"),
        "vault",
        "identity",
    ),
    "no role to read the certificate": Broken(
        CERTIFICATE,
        without_roles,
        "vault",
        "Grant it the role Key Vault Reader",
    ),
    "a certificate that is not there": Broken(
        CERTIFICATE,
        in_place_of(CERTIFICATE, certificate="nobodys"),
        "vault",
        "no certificate nobodys.*Correct its name",
    ),
    "a certificate that is disabled": Broken(
        CERTIFICATE,
        lambda s: s.cloud.set_enabled(AUDIT_CERTIFICATE, newest(s).version, False),
        "vault",
        "is disabled in the vault.*enable one",
    ),
    "a certificate that has expired": Broken(CERTIFICATE, expired, "vault", "expired on .*Issue a new version"),
    "a file that is not there": Broken(FILE, in_place_of(FILE, file="/nowhere/key.pem"), "file", "cannot be read"),
    "no right to sign": Broken(
        CERTIFICATE,
        lambda s: s.cloud.revoke(WORKER, "Key Vault Crypto User", "/vault"),
        "signature",
        "Grant it the role Key Vault Crypto User",
    ),
    "a certificate that is not registered": Broken(
        CERTIFICATE,
        lambda s: s.cloud.unregister(KEYWATCH, newest(s)),
        "token",
        r"is not registered on application .*AADSTS700027.*Upload its public part",
    ),
    "a tenant that is not there": Broken(
        CERTIFICATE,
        in_place_of(CERTIFICATE, tenant_id=GUID),
        "token",
        "there is no tenant .*AADSTS90002.*Correct tenant",
    ),
    "an application that is not there": Broken(
        CERTIFICATE,
        lambda s: s.connections[CERTIFICATE].update(login=GUID),
        "token",
        "there is no application .*AADSTS700016.*Correct client id",
    ),
    "no role on the rule": Broken(
        RULE,
        lambda s: s.cloud.revoke(KEYWATCH, "Monitoring Metrics Publisher", "/dcr"),
        "permission",
        "Grant it the role Monitoring Metrics Publisher",
        "dcr-",
    ),
    "a rule id of nobody's": Broken(
        RULE, in_place_of(RULE, rule_id=f"dcr-{'0' * 32}"), "permission", f"has no rule dcr-{'0' * 32}", "dcr-"
    ),
    "a stream that is not there": Broken(
        RULE,
        in_place_of(RULE, finding_stream="Custom-Nobodys"),
        "permission",
        "has no stream Custom-Nobodys.*AWS_Access_Key_Finding_CL",
        "dcr-",
    ),
    "a shared key of another workspace": Broken(
        WORKSPACE,
        lambda s: (
            s.extras(WORKSPACE).pop("key_secret"),
            s.connections[WORKSPACE].update(password=s.cloud.workspace.shared_key),
        ),
        "permission",
        "the shared key on the connection is not this workspace's",
    ),
    "a secret that may not be read": Broken(
        WORKSPACE,
        lambda s: s.cloud.revoke(WORKER, "Key Vault Secrets User", "/vault/secrets/workspace-key"),
        "vault",
        "Grant it the role Key Vault Secrets User",
    ),
    "a trust anchor of nobody's": Broken(AWS, nobodys_anchor, "session", "Trust Anchor"),
    "a profile of nobody's": Broken(AWS, nobodys_profile, "session", "profile"),
    "a profile that is disabled": Broken(
        AWS, lambda s: s.cloud.change_profile(enabled=False), "session", "[Pp]rofile.*is enabled"
    ),
    "no right to ask IAM": Broken(
        AWS,
        lambda s: s.cloud.inject(Fault(FaultKind.DENY, action="GetAccountSummary", count=None)),
        "permission",
        "denies iam:GetAccountSummary.*Allow it in the policy",
        "iam:GetAccountSummary",
    ),
    "a secret access key that is wrong": Broken(
        STOCK,
        lambda s: s.connections[STOCK].update(password="wrong" * 8),
        "caller",
        "AWS refuses the credentials",
    ),
    "a certificate connection of AWS's whose vault is not there": Broken(
        AWS,
        lambda s: s.connections[CERTIFICATE].update(host="https://nobody-7f3a9c.vault.azure.net"),
        "tunnel",
        "HTTP 502",
        r"nobody-7f3a9c\.vault",
    ),
}


def said(step: dict[str, Any]) -> str:
    """Give what a step says, on one line."""
    return f"{step['finding']} {step['remedy'] or ''}"


def assert_no_secret(examination: Examination, setup: Setup) -> None:
    """See that an output holds nothing that is secret or looks like it."""
    assert [secret for secret in secrets_of(setup.cloud) if secret in examination.output] == []
    assert LOOKS_SECRET.findall(examination.output) == []


@pytest.mark.parametrize("conn_id", STEPS)
def test_connection_that_works_passes_every_step(setup: Setup, examine: Examine, conn_id: str) -> None:
    """Every kind of connection is tried to its end, and the document says so."""
    found = examine(conn_id, "--json")

    assert found.code == 0
    assert found.document["ok"] is True
    assert found.failed == []
    names = [each["step"] for each in found.document["steps"]]
    assert [name for name in names if name not in NETWORK] == STEPS[conn_id]
    assert {each["step"] for each in found.ended("skipped")} == {"dns"}
    assert found.document["type"] == setup.connections[conn_id]["conn_type"]
    assert_no_secret(found, setup)


@pytest.mark.parametrize("case", BROKEN)
def test_broken_connection_is_told_at_the_step_that_shows_it(setup: Setup, examine: Examine, case: str) -> None:
    """One thing is wrong: one step fails, it says what and what to do, and nothing secret shows."""
    broken = BROKEN[case]
    broken.alter(setup)

    found = examine(broken.conn_id, "--json")

    assert found.code == 1
    assert [broken.step] == [each["step"] for each in found.failed], [said(each) for each in found.failed]
    (step,) = found.failed
    assert re.search(broken.says, said(step), re.DOTALL), said(step)
    assert re.search(broken.subject, step["subject"])
    assert step["remedy"]
    assert_no_secret(found, setup)


@pytest.mark.parametrize("case", {each.step: name for name, each in BROKEN.items()}.values())
def test_last_sentence_names_the_cause(setup: Setup, examine: Examine, case: str) -> None:
    """What people read ends with the cause and what to do, and nothing secret shows."""
    broken = BROKEN[case]
    broken.alter(setup)

    found = examine(broken.conn_id, "--no-row")

    text = " ".join(found.output.split())
    cause = text.rpartition("The cause is at step ")[2]
    assert found.code == 1
    assert cause.startswith(f"{broken.step} of ")
    assert re.search(broken.says, cause), cause
    assert_no_secret(found, setup)


def test_proxy_that_wants_credentials_is_the_cause(setup: Setup, examine: Examine) -> None:
    """HTTP 407 is told once, at the proxy, and the wrong password is not."""
    with LoopbackProxy(setup.cloud.proxy_url, authorization="Basic bWU6cmlnaHQ=") as proxy:
        setup.transport(proxy=proxy.url.replace("//", "//me:wrong-but-secret@"))
        found = examine(RULE, "--json")

    assert [each["step"] for each in found.failed] == ["proxy"]
    assert "HTTP 407" in found.failed[0]["finding"]
    assert "wrong-but-secret" not in found.output


def test_host_that_the_proxy_refuses_keeps_the_rest_going(setup: Setup, examine: Examine) -> None:
    """Entra is not allowed by the proxy; the vault is, so that certificate and signature are still tried."""
    with LoopbackProxy(setup.cloud.proxy_url, answers={"login.microsoftonline.com": "403 Forbidden"}) as proxy:
        setup.transport(proxy=proxy.url)
        found = examine(CERTIFICATE, "--json")

    assert [(each["step"], each["subject"]) for each in found.failed] == [("tunnel", "login.microsoftonline.com")]
    assert {"vault", "signature"} <= {each["step"] for each in found.ended("passed")}
    assert {"clock", "token"} <= {each["step"] for each in found.ended("skipped")}


def test_identity_that_entra_gives_needs_entra(setup: Setup, examine: Examine) -> None:
    """A workload identity gets its token for the vault from Entra: without the way there, the vault is not tried."""
    for name, value in setup.cloud.identity_environment("workload").items():
        setup.monkeypatch.setenv(name, value)
    setup.extras(CERTIFICATE)["vault_identity"] = "workload_identity"
    setup.cloud.grant(KEYWATCH, "Key Vault Crypto User", "/vault")
    setup.cloud.grant(KEYWATCH, "Key Vault Reader", "/vault")

    whole = examine(CERTIFICATE, "--json")
    setup.cloud.inject(Fault(FaultKind.TLS_EXPIRED, host="microsoftonline.com", count=None))
    broken = examine(CERTIFICATE, "--json")

    assert whole.failed == []
    assert [each["step"] for each in broken.failed] == ["tls"]
    assert broken.named("vault")[0]["state"] == "skipped"


@pytest.mark.parametrize("conn_id", [CERTIFICATE, RULE, WORKSPACE, AWS, STOCK])
def test_authority_that_is_not_trusted_is_told_once(
    setup: Setup, examine: Examine, conn_id: str, stranger_ca: Path
) -> None:
    """Behind an inspecting proxy no host is trusted: the authority is named at the first, with what to add where."""
    setup.transport(ca_bundle=str(stranger_ca))
    setup.way_to_aws(verify=str(stranger_ca))

    found = examine(conn_id, "--json")

    assert {each["step"] for each in found.failed} == {"tls"}
    first, *others = found.failed
    assert "issued by OU=Local cloud CA,O=Local cloud" in first["finding"]
    assert "extra_ca_bundle" in first["remedy"]
    assert [each["remedy"] for each in others] == [None] * len(others)
    assert {"clock", "permission", "session", "caller", "token"} & {
        each["step"] for each in found.ended("passed")
    } == set()


def test_public_authorities_do_not_vouch_for_an_inspecting_proxy(setup: Setup, examine: Examine) -> None:
    """Without any CA bundle the public authorities are trusted, and the remedy says what to add."""
    setup.transport(ca_bundle=None)

    found = examine(CERTIFICATE, "--json")

    assert {each["step"] for each in found.failed} == {"tls"}
    assert "transport.extra_ca_bundle on the connection" in found.failed[0]["remedy"]


def test_row_is_one_that_says_what_it_is(setup: Setup, examine: Examine) -> None:
    """The test row is in the audit table, of no account, and its status tells it from every other."""
    examine(RULE)

    (row,) = setup.cloud.rows("AWS_Access_Key_Audit_CL")
    assert (row["Status_s"], row["account_number_s"]) == ("test", "000000000000")
    assert "keywatch doctor" in row["Reason_s"]
    assert row["RunId_s"].startswith("doctor__")


def test_row_by_the_data_collector_has_the_same_columns(setup: Setup, examine: Examine) -> None:
    """Whichever API sends it, the row is the same."""
    examine(WORKSPACE)

    (row,) = setup.cloud.rows("AWS_Access_Key_Audit_CL", setup.cloud.second_workspace)
    assert (row["Status_s"], row["account_number_s"], row["KeyCount_d"]) == ("test", "000000000000", 0)


@pytest.mark.parametrize("conn_id", [RULE, WORKSPACE])
def test_no_row_is_sent_on_request(setup: Setup, examine: Examine, conn_id: str) -> None:
    """`--no-row` stores nothing."""
    found = examine(conn_id, "--json", "--no-row")

    assert found.named("row") == []
    assert setup.cloud.rows("AWS_Access_Key_Audit_CL") == []
    assert setup.cloud.rows("AWS_Access_Key_Audit_CL", setup.cloud.second_workspace) == []


def test_requests_are_made_once(setup: Setup, examine: Examine) -> None:
    """A service that fails is not asked again and again: a doctor tells what is broken, now."""
    setup.cloud.inject(Fault(FaultKind.STATUS, host="ingest.monitor.azure.com", status=503, count=None))

    found = examine(RULE, "--json")

    assert [each["step"] for each in found.failed] == ["permission"]
    assert len(setup.cloud.requests(action="POST logs")) == 1


def test_newer_version_that_is_disabled_is_pointed_out(setup: Setup, examine: Examine) -> None:
    """Another version signs, and the finding says why it is not the newest."""
    disabled = setup.cloud.create_certificate(AUDIT_CERTIFICATE, enabled=False)

    found = examine(CERTIFICATE, "--json")

    assert found.code == 0
    assert f"The newest, {disabled.version}, is disabled in the vault." in found.named("vault")[0]["finding"]


def test_version_that_stands_in_is_pointed_out(setup: Setup, examine: Examine) -> None:
    """A newest version that is not registered yet is no outage, and is told at the token."""
    made = setup.cloud.create_certificate(AUDIT_CERTIFICATE)

    found = examine(CERTIFICATE, "--json")

    assert found.code == 0
    assert f"stands in for {made.version}, which gives none" in found.named("token")[0]["finding"]


def test_certificate_that_ends_soon_is_pointed_out(setup: Setup, examine: Examine) -> None:
    """A certificate with a few days left passes, and says so."""
    setup.cloud.register(KEYWATCH, setup.cloud.create_certificate(AUDIT_CERTIFICATE, valid_days=10))

    found = examine(CERTIFICATE, "--json")

    assert "days, which is soon" in found.named("vault")[0]["finding"]
