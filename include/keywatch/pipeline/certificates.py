"""The watch over certificates: one row per version, and a verdict before somebody is locked out."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NotRequired, TypedDict

from keywatch.columns import Timestamp, iso_time, stable_id
from keywatch.credentials.certificate import CertificateSource
from keywatch.credentials.token import AssertionCredential
from keywatch.credentials.watch import Registration, VersionState, watch_versions
from keywatch.errors import CertificateAttentionError, KeywatchError, TransientError
from keywatch.log_analytics.destination import Destination
from keywatch.pipeline.deliver_file import StagedFile, deliver_file
from keywatch.pipeline.folders import RunFolder
from keywatch.staging import encode, line_writer, list_folder, make_folder

log = logging.getLogger(__name__)


class CertificateRecord(TypedDict):
    """One row of `Azure_Certificate_CL`: one version of a connection's certificate. What is not there is left out."""

    loggedDate: str
    Connection: str
    Certificate: str
    ApplicationId: NotRequired[str]
    Version: NotRequired[str]
    Thumbprint: NotRequired[str]
    Newest: NotRequired[bool]
    Enabled: NotRequired[bool]
    NotBefore: NotRequired[Timestamp]
    Expires: NotRequired[Timestamp]
    DaysToExpiry: NotRequired[int]
    Registration: str
    GivesTokens: bool
    Reason: NotRequired[str]
    SnapshotTime: Timestamp
    RecordId: str
    RunId: str


class WatchedCertificate(TypedDict):
    """What one watched connection hands on.

    Attributes:
        connection: The connection's id.
        versions: Rows staged.
        problems: What somebody must do, one line each.
    """

    connection: str
    versions: int
    problems: list[str]


@dataclass(frozen=True, slots=True)
class Watched:
    """A certificate to watch.

    Attributes:
        connection: The connection's id.
        application_id: The application's client id.
        source: The certificate.
        credential: Made of the source.
        scope: What tokens are asked for.
    """

    connection: str
    application_id: str
    source: CertificateSource
    credential: AssertionCredential
    scope: str


def watch_certificate(watched: Watched, run: RunFolder[Any], now: datetime, threshold_days: int) -> WatchedCertificate:
    """Try a certificate's versions and stage a row for each; one that cannot be asked for is a row with the reason.

    Args:
        watched: The certificate.
        run: The run's folder.
        now: UTC.
        threshold_days: Days to expiry at and below which somebody must act.

    Raises:
        StagingGoneError: The run's files have been removed.
        TransientError: The vault or Entra cannot be asked now; another try may find out.
    """
    run.listed_at()
    try:
        states = list(watch_versions(watched.credential, watched.source, watched.scope, now))
    except TransientError:
        raise
    except KeywatchError as error:
        rows, problems = [_unread(watched, str(error), run.run_id, now)], [f"{watched.connection}: {error}"]
    else:
        rows = [_row(watched, state, run.run_id, now) for state in states]
        problems = [f"{watched.connection}: {problem}" for problem in find_problems(states, threshold_days)]
    folder = run.folder / "certificates"
    make_folder(folder)
    with line_writer(folder / f"{stable_id('c', watched.connection)}.ndjson") as lines:
        for row in rows:
            lines.write(encode(row))
    for problem in problems:
        log.warning("%s", problem)
    return WatchedCertificate(connection=watched.connection, versions=len(rows), problems=problems)


def find_problems(states: Iterable[VersionState], threshold_days: int) -> list[str]:
    """Say what somebody must do about a certificate.

    Args:
        states: Its versions, newest first.
        threshold_days: Days to expiry at and below which somebody must act.

    Returns:
        One line each; nothing if the newest version gives tokens and lasts. Older versions than the one that signs
        are nobody's concern.
    """
    states = list(states)
    signs = next((state for state in states if state.gives_tokens), None)
    problems = [state.problem or "" for state in states[: states.index(signs)]] if signs else _all(states)
    if signs is None:
        problems.append("No version gives a token: whatever uses this connection fails.")
    elif signs.days_to_expiry is not None and signs.days_to_expiry <= threshold_days:
        newer = "issue a new version and register it" if signs.newest else "see to the newer version"
        problems.append(
            f"Version {signs.version.version}, which signs now, expires in {signs.days_to_expiry} days: {newer}."
        )
    return problems


def _all(states: Iterable[VersionState]) -> list[str]:
    return [state.problem or "" for state in states]


def publish_certificates(run: RunFolder[Any], destination: Destination) -> int:
    """Deliver the rows of every certificate that was watched.

    Args:
        run: The run's folder.
        destination: The table of certificates.

    Returns:
        How many rows were accepted, in this attempt or before.

    Raises:
        StagingGoneError: The run's files have been removed.
        KeywatchError: The rows could not be delivered.
    """
    run.listed_at()
    files = [path for path in list_folder(run.folder / "certificates") if path.name.endswith(".ndjson")]
    return sum(_deliver(path, run, destination) for path in files)


def _deliver(path: Any, run: RunFolder[Any], destination: Destination) -> int:  # noqa: ANN401 - the staging area's path
    letters = f"certificates-{path.name.removesuffix('.ndjson')}"
    file = StagedFile(path, path.parent / f"{path.name}-receipts", letters, "Connection")
    return deliver_file(file, run, [destination]).accepted or 0


def certificate_verdict(
    connections: Iterable[str], watched: Iterable[WatchedCertificate], delivered: int | None
) -> str:
    """Give the run's verdict.

    Args:
        connections: What the run set out to watch.
        watched: What came through.
        delivered: How many rows were; None if they were not.

    Returns:
        That all is well, for a person.

    Raises:
        CertificateAttentionError: Somebody must do something; the message says what.
    """
    connections, watched = list(connections), list(watched)
    seen = {each["connection"] for each in watched}
    problems = [problem for each in watched for problem in each["problems"]]
    problems += [
        f"{connection}: not watched: look at the log of task watch, map index {index}"
        for index, connection in enumerate(connections)
        if connection not in seen
    ]
    if not connections:
        problems.append("No certificate was watched: look at the log of task list_certificates.")
    elif delivered is None:
        problems.append("The rows were not delivered: look at the log of task publish.")
    if problems:
        raise CertificateAttentionError("Certificates need somebody:\n" + "\n".join(f"- {each}" for each in problems))
    versions = sum(each["versions"] for each in watched)
    return f"{len(watched)} certificates, {versions} versions in all: the newest of each gives tokens."


def _row(watched: Watched, state: VersionState, run_id: str, now: datetime) -> CertificateRecord:
    version = state.version
    row = {
        "ApplicationId": watched.application_id,
        "Version": version.version,
        "Thumbprint": state.thumbprint,
        "Newest": state.newest,
        "Enabled": version.enabled,
        "NotBefore": version.not_before and iso_time(version.not_before),
        "Expires": version.expires and iso_time(version.expires),
        "DaysToExpiry": state.days_to_expiry,
        "Registration": str(state.registration),
        "GivesTokens": state.gives_tokens,
        "Reason": state.problem,
    }
    return _record(watched, row, version.version, run_id, now)


def _unread(watched: Watched, reason: str, run_id: str, now: datetime) -> CertificateRecord:
    row = {"Registration": str(Registration.UNKNOWN), "GivesTokens": False, "Reason": reason}
    return _record(watched, {"ApplicationId": watched.application_id, **row}, "", run_id, now)


def _record(watched: Watched, row: dict[str, Any], version: str, run_id: str, now: datetime) -> CertificateRecord:
    snapshot_time = iso_time(now)
    whole = {
        "loggedDate": snapshot_time[:10],
        "Connection": watched.connection,
        "Certificate": watched.source.name.removeprefix("Certificate ").removeprefix("file "),
        **row,
        "SnapshotTime": snapshot_time,
        "RecordId": stable_id("r", watched.connection, version, snapshot_time[:10]),
        "RunId": run_id,
    }
    return {name: value for name, value in whole.items() if value is not None}  # type: ignore[return-value]
