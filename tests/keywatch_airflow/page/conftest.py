"""The page over a real store, mounted as Airflow mounts it, with real tokens of Airflow's auth manager."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest
from airflow.api_fastapi.app import get_auth_manager, init_auth_manager, purge_cached_app
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.models import import_all_models
from airflow.models.base import Base
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from airflow import settings
from keywatch.report.read import ReportReader
from keywatch_airflow.page.app import create_app
from keywatch_airflow.page.store import get_reader
from tests.keywatch.report.found import NOW, ONE, THREE, TWO, denied, ok, record, write
from tests.keywatch.report.stores import reader_of, store_in

Browser = Callable[..., TestClient]

EVIL: Final = "<script>alert(1)</script>"
FORMULA: Final = '=HYPERLINK("https://example.com","here")'
HTML: Final = {"Accept": "text/html"}

FOUND: Final = [
    record("alice", age=400, idle=100, key="AKIA...A001", Owner="team@example.com", OwnerSource="tag"),
    record("alice", age=20, idle=1, key="AKIA...A002"),
    record("bob", TWO, age=50, key="AKIA...B001", Status="Inactive"),
    record(EVIL, age=300, idle=200, key="AKIA...E001"),
    record(FORMULA, age=200, idle=200, key="AKIA...F001"),
    record("<root_account>", TWO, age=None, AccessKeyId=None, Status=None),
]


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Give Airflow's database of this process its tables: permissions ask which team a DAG belongs to."""
    import_all_models()  # type: ignore[no-untyped-call]
    Base.metadata.create_all(settings.get_engine())  # type: ignore[no-untyped-call]


@pytest.fixture
def auth_manager(airflow_database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # noqa: ARG001 - it must be there
    """Have Airflow use the auth manager that denies one user one DAG."""
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", secrets.token_hex(64))
    monkeypatch.setenv("AIRFLOW__CORE__AUTH_MANAGER", "tests.keywatch_airflow.page.guarding.GuardingAuthManager")
    purge_cached_app()
    init_auth_manager()
    yield
    purge_cached_app()


@pytest.fixture
def empty_store(tmp_path: Path) -> Iterator[Engine]:
    """Give a store that has nothing in it."""
    engine = store_in(tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def store(empty_store: Engine) -> Engine:
    """Give a store with two reports of three accounts, of which one is denied and one key is gone since."""
    yesterday = NOW - timedelta(days=1)
    write(
        empty_store,
        [*FOUND, record("gone", at=yesterday, key="AKIA...G001")],
        ok(ONE, yesterday, "payments"),
        TWO,
        at=yesterday,
    )
    write(empty_store, FOUND, ok(ONE, name="payments"), ok(TWO), denied(THREE, "logs"), run_id="manual__1+1")
    return empty_store


@pytest.fixture
def reader(tmp_path: Path) -> ReportReader:
    """Give a reader of the store."""
    return reader_of(tmp_path)


@pytest.fixture
def page(reader: ReportReader) -> FastAPI:
    """Give the page's app, over the store."""
    app = create_app()
    app.dependency_overrides[get_reader] = lambda: reader
    return app


@pytest.fixture
def browser(page: FastAPI, auth_manager: None) -> Browser:  # noqa: ARG001 - it must be there
    """Give a function that opens a browser for a user by name, or for nobody."""

    def open_browser(user: str | None = "alice", base_path: str = "", *, raising: bool = True) -> TestClient:
        airflow = FastAPI(root_path=base_path)
        airflow.mount("/keywatch", page)
        cookies = {}
        if user is not None:
            cookies["_token"] = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=user, role="viewer"))
        return TestClient(
            airflow,
            base_url=f"http://airflow.example{base_path}/keywatch",
            headers=HTML,
            cookies=cookies,
            raise_server_exceptions=raising,
        )

    return open_browser


@pytest.fixture
def client(browser: Browser, store: Engine) -> TestClient:  # noqa: ARG001 - it must be filled
    """Give the browser of somebody who may see the page."""
    return browser()
