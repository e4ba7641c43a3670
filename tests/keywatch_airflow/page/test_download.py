"""What is read from the store while it is sent."""

from __future__ import annotations

import logging
from collections.abc import Generator

import anyio
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from starlette.requests import ClientDisconnect
from starlette.types import Message, Scope

from keywatch.report.query import KeyQuery
from keywatch.report.read import MOST_EXPORTS, ReportReader
from keywatch_airflow.page import download
from keywatch_airflow.page.download import Download
from tests.keywatch.report.found import record, write
from tests.keywatch_airflow.page.conftest import Browser

SCOPE: Scope = {"type": "http", "asgi": {"spec_version": "2.4"}, "method": "GET", "path": "/", "headers": []}


class Pieces:
    """A file without end, which knows how much of it was made and whether it was let go."""

    def __init__(self) -> None:
        self.made = 0
        self.is_let_go = False

    def each(self) -> Generator[str, None, None]:
        """Make one piece after the other."""
        try:
            while True:
                self.made += 1
                yield "a piece"
        finally:
            self.is_let_go = True


async def quiet() -> Message:
    """Receive nothing, as of somebody who stays connected."""
    await anyio.sleep_forever()
    raise AssertionError


def test_download_that_nobody_takes_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who takes a piece and then no more does not keep the store's connection: after a while it is let go."""
    monkeypatch.setattr(download, "PATIENCE_SECONDS", 0.05)
    pieces, taken = Pieces(), 0

    async def take_three(_message: Message) -> None:
        nonlocal taken
        taken += 1
        if taken > 3:
            await anyio.sleep_forever()

    with caplog.at_level(logging.WARNING, "keywatch_airflow"):
        anyio.run(Download(pieces.each()), SCOPE, quiet, take_three)

    assert (pieces.made, pieces.is_let_go) == (3, True)
    assert "A download was given up" in caplog.text


def test_download_that_is_broken_off_is_let_go() -> None:
    """When the connection is gone, so is what the file was made from."""
    pieces = Pieces()

    async def break_off(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise OSError

    with pytest.raises(ClientDisconnect):
        anyio.run(Download(pieces.each()), SCOPE, quiet, break_off)

    assert pieces.is_let_go


def test_export_too_many_is_told_when_to_come_back(browser: Browser, empty_store: Engine, reader: ReportReader) -> None:
    """With as many exports under way as may be, the next one is refused with what to do, and pages still come."""
    write(empty_store, [record("alice"), record("bob")])
    under_way = [reader.export(KeyQuery()) for _ in range(MOST_EXPORTS)]
    for export in under_way:
        next(export)

    client: TestClient = browser()
    refused = client.get("/keys.csv")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
    assert "Too many exports at once" in refused.text
    assert client.get("/keys").status_code == 200

    for export in under_way:
        export.close()
    assert client.get("/keys.csv").status_code == 200
