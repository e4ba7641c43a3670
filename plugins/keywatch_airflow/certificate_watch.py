"""The steps of DAG `certificate_watch`: connections and parameters in, the library's steps called."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypedDict

from keywatch.columns import iso_time
from keywatch.pipeline.certificates import (
    Watched,
    WatchedCertificate,
    certificate_verdict,
    publish_certificates,
    watch_certificate,
)
from keywatch.pipeline.folders import RunFolder, remove_expired_runs
from keywatch_airflow.destinations import get_destination
from keywatch_airflow.hooks.key_vault_certificate import KeyVaultCertificateHook
from keywatch_airflow.mapped import results_of
from keywatch_airflow.settings import staging, staging_retention

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath


class WatchParams(TypedDict):
    """The parameters of a run, as its form gives them."""

    certificate_conn_ids: list[str]
    destination_conn_id: str
    threshold_days: int
    trace: bool


def list_certificates(params: WatchParams, run_id: str) -> list[str]:
    """List the connections to watch, each once, and begin the run's staging."""
    _run(run_id).start(iso_time(datetime.now(UTC)))
    return list(dict.fromkeys(params["certificate_conn_ids"]))


def watch(conn_id: str, params: WatchParams, run_id: str) -> WatchedCertificate:
    """Try every version of a connection's certificate.

    Raises:
        KeywatchError: The connection is not usable, or the run's files have been removed.
    """
    hook = KeyVaultCertificateHook(conn_id)
    watched = Watched(
        connection=conn_id,
        application_id=hook.application.client_id,
        source=hook.source,
        credential=hook.get_credential(),
        scope=hook.application.probe_scope,
    )
    return watch_certificate(watched, _run(run_id), datetime.now(UTC), params["threshold_days"])


def publish(params: WatchParams, run_id: str) -> int:
    """Deliver the rows of every certificate that was watched, and remove expired runs' files.

    Raises:
        KeywatchError: The rows could not be delivered.
    """
    run = _run(run_id)
    accepted = publish_certificates(run, get_destination(params["destination_conn_id"], "certificates"))
    remove_expired_runs(run, staging_retention(), datetime.now(UTC))
    return accepted


def verdict(conn_ids: Iterable[str] | None, watched: object, delivered: int | None) -> str:
    """Give the run's verdict.

    Args:
        conn_ids: What `list_certificates` returned.
        watched: What Airflow hands on of `watch`'s results.
        delivered: What `publish` returned; None if it failed.

    Raises:
        CertificateAttentionError: Somebody must do something.
    """
    return certificate_verdict(conn_ids or [], results_of(watched), delivered)


def _run(run_id: str) -> RunFolder[ObjectStoragePath]:
    """Return the run's folder; other DAGs' runs may have the same id."""
    return RunFolder(staging(), f"certificate_watch/{run_id}")
