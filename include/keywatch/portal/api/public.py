"""What anybody may ask."""

from __future__ import annotations

from datetime import UTC
from importlib.metadata import version
from typing import Final

from fastapi import APIRouter, Depends

from keywatch.portal.api.documented import problems
from keywatch.portal.api.parts import TheParts
from keywatch.portal.api.query import only
from keywatch.portal.api.wire import AboutAnswer, HealthAnswer

NAME: Final = "Keywatch accounts"
DOCUMENT: Final = "/openapi.json"

router = APIRouter(tags=["public"], dependencies=[Depends(only())])


@router.get("/", operation_id="about", responses=problems(422))
async def about(parts: TheParts) -> AboutAnswer:
    """Return name, version and time of the API, and where it is described."""
    return AboutAnswer(
        name=NAME,
        version=version("keywatch"),
        time=parts.clock().astimezone(UTC).replace(microsecond=0),
        documentation=DOCUMENT,
    )


@router.get("/healthz", operation_id="health", responses=problems(422, 503))
def health(parts: TheParts) -> HealthAnswer:
    """Tell whether the report store can be read."""
    parts.accounts.check()
    return HealthAnswer(status="ok")
