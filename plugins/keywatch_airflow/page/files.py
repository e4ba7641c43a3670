"""Files that pages refer to, and every address that there is not."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from keywatch_airflow.page.rendering import STATIC, versions

router = APIRouter()

files: Final = StaticFiles(directory=STATIC)


@router.api_route("/static/{path:path}", methods=["GET", "HEAD"])
async def static(request: Request, path: str) -> Response:
    """Send a file; under an address that has its digest, for good."""
    if path not in versions():
        raise HTTPException(404)
    answer = await files.get_response(path, request.scope)
    is_fixed = request.query_params.get("v") == versions()[path]
    answer.headers["Cache-Control"] = f"private, max-age={31_536_000 if is_fixed else 3_600}{', immutable' * is_fixed}"
    return answer


@router.api_route("/{path:path}", methods=["GET", "HEAD"])
async def nothing(path: str) -> Response:  # noqa: ARG001 - whatever it is
    """Say that there is no such page."""
    raise HTTPException(404)
