"""The steps of certificate_watch: rows for every version, and a verdict that names what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from keywatch.errors import CertificateAttentionError, ConfigurationError, ServiceUnavailableError
from keywatch_airflow import certificate_watch as steps
from keywatch_airflow.certificate_watch import WatchParams
from keywatch_airflow.notify import ConfiguredNotifier, make_notifier
from localcloud import Fault, FaultKind, LocalCloud
from localcloud.airflow_home import connections
from tests.keywatch_airflow.conftest import Connect

RUN_ID = "scheduled__2026-10-01T00:00:00+00:00"
TABLE = "Azure_Certificate_CL"
WATCHED = ["keyvault_certificate_default", "event_publisher_certificate", "on_premises_certificate"]
AUDIT = "keywatch-audit"


@pytest.fixture
def params(cloud: LocalCloud, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> WatchParams:
    """Give the parameters of a watch over one certificate of each source."""
    monkeypatch.setenv("AIRFLOW__KEYWATCH__STAGING", f"file://{tmp_path / 'staging'}")
    for name, value in cloud.identity_environment().items():
        monkeypatch.setenv(name, value)
    for conn_id, connection in connections(cloud).items():
        connect(conn_id, connection)
    return WatchParams(
        certificate_conn_ids=WATCHED, destination_conn_id="azure_logs_ingestion_default", threshold_days=30, trace=False
    )


def run(params: WatchParams) -> tuple[list[Any], str]:
    """Run the steps one after another; return what the watch handed on, and the verdict."""
    conn_ids = steps.list_certificates(params, RUN_ID)
    watched = [steps.watch(conn_id, params, RUN_ID) for conn_id in conn_ids]
    delivered = steps.publish(params, RUN_ID)
    return watched, steps.verdict(conn_ids, watched, delivered)


def problems(params: WatchParams) -> str:
    """Run the steps; return what the verdict says is wrong."""
    with pytest.raises(CertificateAttentionError) as caught:
        run(params)
    return str(caught.value)


def test_watch_of_good_certificates_is_content(cloud: LocalCloud, params: WatchParams) -> None:
    """A certificate of each source, registered and lasting: a row each, all giving tokens, and a good verdict."""
    _, verdict = run(params)

    rows = {row["Connection_s"]: row for row in cloud.rows(TABLE)}
    assert set(rows) == set(WATCHED)
    assert all(row["GivesTokens_b"] and row["Registration_s"] == "registered" for row in rows.values())
    assert all(row["Newest_b"] and row["DaysToExpiry_d"] > 300 for row in rows.values())
    assert rows[WATCHED[0]]["Thumbprint_s"] == cloud.certificate_versions(AUDIT)[0].thumbprint_sha1.upper()
    assert "3 certificates, 3 versions" in verdict


def test_watch_reports_a_new_version_that_is_not_registered(cloud: LocalCloud, params: WatchParams) -> None:
    """A version that Entra does not know is a row, and a line of the verdict that says where to upload it."""
    new = cloud.create_certificate(AUDIT)

    said = problems(params)

    assert new.thumbprint_sha1.upper() in said
    assert "upload" in said
    rows = {row["Version_s"]: row for row in cloud.rows(TABLE) if row["Connection_s"] == WATCHED[0]}
    assert (rows[new.version]["Registration_s"], rows[new.version]["GivesTokens_b"]) == ("missing", False)
    assert [row["GivesTokens_b"] for row in rows.values()].count(True) == 1


def test_watch_reports_a_certificate_inside_the_threshold(cloud: LocalCloud, params: WatchParams) -> None:
    """The version that signs and expires soon is named, with the days left."""
    for days, registered in ((200, False), (20.5, True)):
        version = cloud.create_certificate(AUDIT, valid_days=days + 1)
        if registered:
            cloud.register("keywatch", version)
    cloud.unregister("keywatch", cloud.certificate_versions(AUDIT)[0])

    said = problems(params)

    assert f"Version {version.version}, which signs now, expires in 20 days" in said


def test_watch_reports_a_certificate_that_gives_no_token(cloud: LocalCloud, params: WatchParams) -> None:
    """When nothing works, the verdict says so in so many words; the other certificates are watched all the same."""
    cloud.unregister("event-publisher", cloud.certificate_versions("event-publisher")[0])

    said = problems(params)

    assert "event_publisher_certificate: No version gives a token" in said
    assert "keyvault_certificate_default" not in said
    assert len(cloud.rows(TABLE)) == 3


def test_watch_reports_a_vault_that_cannot_be_asked(cloud: LocalCloud, params: WatchParams) -> None:
    """A certificate that cannot be asked for is a row with the reason, and a line of the verdict."""
    params["certificate_conn_ids"] = ["event_publisher_certificate"]
    cloud.revoke("certificate-reader", "Key Vault Reader", "/vault")
    for name in ("event-publisher", "event-publisher-pem"):
        cloud.revoke("certificate-reader", "Key Vault Secrets User", f"/vault/secrets/{name}")

    assert "Key Vault Secrets User" in problems(params)
    (row,) = cloud.rows(TABLE)
    assert (row["Registration_s"], row["GivesTokens_b"], row["Version_s"]) == ("unknown", False, None)
    assert "Key Vault Secrets User" in row["Reason_s"]


def test_verdict_names_a_certificate_that_was_not_watched(params: WatchParams) -> None:
    """A watch that failed on all its tries is not in what Airflow hands on, and is named all the same."""
    conn_ids = steps.list_certificates(params, RUN_ID)
    watched = steps.watch(conn_ids[0], params, RUN_ID)

    with pytest.raises(CertificateAttentionError) as caught:
        steps.verdict(conn_ids, watched, 1)

    assert "event_publisher_certificate: not watched" in str(caught.value)
    assert "map index 2" in str(caught.value)


@pytest.mark.parametrize(
    ("conn_ids", "watched", "delivered", "words"),
    [
        (None, None, None, "No certificate was watched"),
        (["a"], {"connection": "a", "versions": 1, "problems": []}, None, "rows were not delivered"),
    ],
    ids=["nothing listed", "nothing delivered"],
)
def test_verdict_is_red_when_a_step_before_it_failed(
    conn_ids: list[str] | None, watched: object, delivered: int | None, words: str
) -> None:
    """Whichever step failed, the run is red, and the step is named."""
    with pytest.raises(CertificateAttentionError, match=words):
        steps.verdict(conn_ids, watched, delivered)


def test_outage_is_left_to_airflows_retries(cloud: LocalCloud, params: WatchParams) -> None:
    """An Entra that cannot answer says nothing about a certificate, so the task fails and is tried again."""
    conn_ids = steps.list_certificates(params, RUN_ID)
    cloud.inject(Fault(FaultKind.STATUS, action="token", status=503, count=None))

    with pytest.raises(ServiceUnavailableError):
        steps.watch(conn_ids[0], params, RUN_ID)

    cloud.clear_faults()
    assert steps.watch(conn_ids[0], params, RUN_ID)["problems"] == []


def test_watch_is_content_with_old_versions_that_are_gone_from_the_application(
    cloud: LocalCloud, params: WatchParams
) -> None:
    """After a rotation, an old version that was taken off the application is nobody's concern."""
    old = cloud.certificate_versions(AUDIT)[0]
    cloud.register("keywatch", cloud.create_certificate(AUDIT))
    cloud.unregister("keywatch", old)

    assert "the newest of each gives tokens" in run(params)[1]


@pytest.mark.parametrize("kind", ["EC", "disabled"])
def test_watch_reports_a_newest_version_that_cannot_be_used(cloud: LocalCloud, params: WatchParams, kind: str) -> None:
    """A newest version of the wrong kind, or disabled, is reported although an older one signs."""
    if kind == "EC":
        cloud.create_certificate(AUDIT, key_type="EC-HSM", key_size=256)
    else:
        cloud.create_certificate(AUDIT, enabled=False)

    assert {"EC": "AADSTS5002738", "disabled": "is disabled in the vault"}[kind] in problems(params)


def test_publish_again_sends_nothing_twice(cloud: LocalCloud, params: WatchParams) -> None:
    """A cleared task delivers only what no receipt covers."""
    run(params)

    assert steps.publish(params, RUN_ID) == 3
    assert len(cloud.rows(TABLE)) == 3


def test_publish_goes_on_where_it_stopped(cloud: LocalCloud, params: WatchParams) -> None:
    """A destination that was away gets the rows on the next try."""
    conn_ids = steps.list_certificates(params, RUN_ID)
    for conn_id in conn_ids:
        steps.watch(conn_id, params, RUN_ID)
    cloud.inject(Fault(FaultKind.STATUS, action="POST logs", status=400))
    with pytest.raises(Exception, match="refuses the request"):
        steps.publish(params, RUN_ID)

    assert steps.publish(params, RUN_ID) == 3
    assert len(cloud.rows(TABLE)) == 3


def test_connections_are_watched_once(params: WatchParams) -> None:
    """A connection that is named twice is watched once, in the order given."""
    params["certificate_conn_ids"] = ["b", "a", "b"]

    assert steps.list_certificates(params, RUN_ID) == ["b", "a"]


class Recorder(ConfiguredNotifier):
    """A notifier that keeps what it is told.

    Args:
        subject: A template.
    """

    template_fields = ("subject",)
    told: list[str] = []  # noqa: RUF012 - shared with the test on purpose

    def __init__(self, subject: str = "") -> None:
        super().__init__()
        self.subject = subject

    def notify(self, context: Any) -> None:  # noqa: ANN401 - Airflow's
        """Keep the rendered subject."""
        del context
        self.told.append(self.subject)


def test_configured_notifier_is_told_with_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """The notifier that Airflow's configuration names is made, rendered and called."""
    monkeypatch.setenv("AIRFLOW__KEYWATCH__NOTIFIER", f"{__name__}.Recorder")
    monkeypatch.setenv("AIRFLOW__KEYWATCH__NOTIFIER_ARGUMENTS", '{"subject": "Run {{ run_id }}"}')
    Recorder.told.clear()

    ConfiguredNotifier()({"run_id": "7"})

    assert Recorder.told == ["Run 7"]


def test_no_notifier_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment that wants no notification gets none."""
    monkeypatch.delenv("AIRFLOW__KEYWATCH__NOTIFIER", raising=False)

    ConfiguredNotifier().notify({})


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("nowhere.Notifier", "{}"),
        ("airflow.providers.smtp.notifications.smtp.Nothing", "{}"),
        ("json.JSONDecoder", "{}"),
        (f"{__name__}.Recorder", '{"unknown": 1}'),
        (f"{__name__}.Recorder", "no json"),
        ("Notifier", "{}"),
    ],
)
def test_notifier_that_cannot_be_made_says_what_to_correct(name: str, arguments: str) -> None:
    """A wrong class or argument names the setting."""
    with pytest.raises(ConfigurationError, match=r"\[keywatch\] notifier"):
        make_notifier(name, arguments)
