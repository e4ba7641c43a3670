"""Where the report store is: a file beside Airflow's own, or the PostgreSQL of connection `keywatch_report`."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from airflow.sdk import BaseHook
from airflow.sdk.configuration import conf
from airflow.sdk.exceptions import AirflowNotFoundException
from cachetools import TTLCache, cached

from keywatch.errors import ConfigurationError
from keywatch_airflow.settings import SECTION

if TYPE_CHECKING:
    from airflow.sdk import Connection
    from sqlalchemy import URL, Engine

    from keywatch.report.read import ReportReader

CONN_ID: Final = "keywatch_report"

LIBPQ: Final = ("sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "application_name", "keepalives_idle")
"""Extras that are handed on to PostgreSQL's client library, by its own names."""

LOCAL_EXECUTOR: Final = "LocalExecutor"

REMEMBERED_SECONDS: Final = 60
"""How long the page remembers where the store is: the answer may be a secrets backend's."""


def report_store_url() -> URL:
    """Say where the store is, without asking whether it can be reached.

    Raises:
        ConfigurationError: The connection is not usable; or there is none, and workers may be on other machines, which
            a file on this one is no use to.
    """
    from keywatch.report.engine import sqlite_url

    if connection := _connection():
        return _postgresql_url(connection)
    executor = conf.get("core", "executor")
    if others := [name for name in executor.split(",") if not name.strip().endswith(LOCAL_EXECUTOR)]:
        raise ConfigurationError(
            f"The page's report store is a SQLite file, and {others[0].strip()} runs tasks on machines that do not "
            f"share it. Create connection `{CONN_ID}` of type postgres, for a database where Keywatch may create a "
            "schema of its own, `keywatch`; Airflow's own database will do."
        )
    return sqlite_url(Path(conf.get(SECTION, "report_database")))


def report_writer() -> Engine:
    """Return connections for a run to write the store with.

    Raises:
        ConfigurationError: As `report_store_url`, or the database's driver is not installed.
    """
    from keywatch.report.engine import open_engine

    return open_engine(report_store_url(), writing=True)


def report_reader() -> ReportReader:
    """Return what the page reads the store with. Where the store is, is asked once in `REMEMBERED_SECONDS`.

    Raises:
        ConfigurationError: As `report_store_url`, or the database's driver is not installed.
    """
    return _reader(_remembered_url())


@cached(TTLCache(maxsize=1, ttl=REMEMBERED_SECONDS), lock=Lock())
def _remembered_url() -> URL:
    return report_store_url()


@lru_cache(maxsize=1)
def _reader(url: URL) -> ReportReader:
    from keywatch.report.engine import open_engine
    from keywatch.report.read import ReportReader

    return ReportReader(open_engine(url, writing=False))


def _connection() -> Connection | None:
    try:
        return BaseHook.get_connection(CONN_ID)
    except AirflowNotFoundException:
        return None


def _postgresql_url(connection: Connection) -> URL:
    from sqlalchemy import URL

    if connection.conn_type not in ("postgres", "postgresql"):
        raise ConfigurationError(
            f"Connection `{CONN_ID}` is of type {connection.conn_type}. Make it one of type postgres."
        )
    if not connection.schema:
        raise ConfigurationError(f"Connection `{CONN_ID}` names no database. Enter it as *Database*.")
    extra = connection.extra_dejson
    return URL.create(
        "postgresql+psycopg",
        username=connection.login,
        password=connection.password,
        host=connection.host,
        port=connection.port,
        database=connection.schema,
        query={name: str(extra[name]) for name in LIBPQ if name in extra},
    )
