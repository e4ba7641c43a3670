"""Templates into answers, with addresses that hold wherever Airflow is mounted."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from keywatch.access_keys.record import ROOT_USER
from keywatch.report.model import ENDINGS_KEPT, KEPT, LEFT_AFTER, OLD_DAYS, READ, UNUSED_DAYS
from keywatch_airflow.page import presentation
from keywatch_airflow.page.access import DAG_ID, FINDINGS_DAG_ID
from keywatch_airflow.page.headers import policy_with

FOLDER: Final = Path(__file__).parent
STATIC: Final = FOLDER / "static"


def render(request: Request, template: str, code: int = 200, **context: Any) -> HTMLResponse:  # noqa: ANN401 - a template's
    """Render a template for whoever is let in.

    Args:
        request: What is answered.
        template: Its file.
        code: The answer's status.
        context: What the template speaks of.
    """
    text = _environment().get_template(template).render(link=Links(request), now=datetime.now(UTC), **context)
    return HTMLResponse(text, code)


def render_alone(request: Request, template: str, code: int, **context: Any) -> HTMLResponse:  # noqa: ANN401 - a template's
    """Render a template for anybody: it refers to no file of ours, and its policy allows what it holds itself.

    Args:
        request: What is answered.
        template: Its file.
        code: The answer's status.
        context: What the template speaks of.
    """
    answer = render(request, template, code, style=_text("alone.css"), script=_text("static/theme.js"), **context)
    policy = policy_with(script=_hash(_text("static/theme.js")), style=_hash(_text("alone.css")))
    answer.headers["Content-Security-Policy"] = policy
    return answer


class Links:
    """Addresses for one request.

    Args:
        request: Whose mount points lead here and to Airflow.
    """

    def __init__(self, request: Request) -> None:
        self._here: str = request.scope.get("root_path", "")
        self._airflow: str = request.scope.get("app_root_path", "")
        self._path = request.url.path.removeprefix(self._here)
        self._address = f"{request.url.path}?{request.url.query}".rstrip("?")

    def __call__(self, path: str, parameters: Mapping[str, str] | None = None, **more: str | int | None) -> str:
        """Return the address of a page of ours.

        Args:
            path: From `/`.
            parameters: Its query.
            more: More of it, which go before; None takes one away.
        """
        query = {name: value for name, value in {**(parameters or {}), **more}.items() if value is not None}
        return f"{self._here}{quote(path)}{'?' * bool(query)}{urlencode(query)}"

    def static(self, path: str) -> str:
        """Return the address of a file, which changes with what is in it."""
        return self(f"/static/{path}", v=versions()[path])

    def run(self, run_id: str) -> str:
        """Return the address of a run in Airflow."""
        return f"{self._airflow}/dags/{DAG_ID}/runs/{quote(run_id, safe='')}"

    def dag(self) -> str:
        """Return the address of the report's DAG in Airflow."""
        return f"{self._airflow}/dags/{DAG_ID}"

    def findings_run(self, run_id: str) -> str:
        """Return the address of a run of the findings' DAG in Airflow.

        Args:
            run_id: As the store has it: runs of other DAGs may have the same id, so the DAG's stands before it.
        """
        own = run_id.removeprefix(f"{FINDINGS_DAG_ID}/")
        return f"{self._airflow}/dags/{FINDINGS_DAG_ID}/runs/{quote(own, safe='')}"

    def findings_dag(self) -> str:
        """Return the address of the findings' DAG in Airflow."""
        return f"{self._airflow}/dags/{FINDINGS_DAG_ID}"

    def login(self) -> str:
        """Return the address where Airflow lets one sign in, and come back here."""
        return f"{self._airflow}/api/v2/auth/login?{urlencode({'next': self._address})}"

    def is_at(self, path: str) -> bool:
        """Tell whether this page is the one at a path."""
        return self._path == path

    def is_in(self, section: str) -> bool:
        """Tell whether this page belongs to a section of the navigation."""
        return self._path == section or (section != "/" and self._path.startswith(section))


@cache
def versions() -> dict[str, str]:
    """Return the static files, each with a digest."""
    files = (path for path in STATIC.rglob("*") if path.is_file())
    return {path.relative_to(STATIC).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:16] for path in files}


@cache
def _text(path: str) -> str:
    return (FOLDER / path).read_text(encoding="utf-8")


@cache
def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    words = (
        "number",
        "counted",
        "percent",
        "ago",
        "days_ago",
        "utc",
        "day",
        "iso",
        "is_stale",
        "age_range",
        "with_code",
        "quoted",
    )
    environment.filters.update({name: getattr(presentation, name) for name in words})
    environment.globals.update(
        status_words=presentation.STATUS_WORDS,
        owner_sources=presentation.OWNER_SOURCES,
        state_words=presentation.STATE_WORDS,
        state_meanings=presentation.STATE_MEANINGS,
        result_words=presentation.RESULT_WORDS,
        root_user=ROOT_USER,
        read=READ,
        old_days=OLD_DAYS,
        unused_days=UNUSED_DAYS,
        left_days=LEFT_AFTER.days,
        kept_days=KEPT.days,
        ending_days=ENDINGS_KEPT.days,
    )
    return environment
