"""What anybody may ask."""

from __future__ import annotations

import contextlib
from datetime import UTC
from importlib.metadata import version
from typing import Final

from fastapi import APIRouter, Depends

from keywatch.errors import NoAccountError
from keywatch.portal.api.documented import problems
from keywatch.portal.api.parts import TheParts
from keywatch.portal.api.query import only
from keywatch.portal.api.wire import AboutAnswer, HealthAnswer
from keywatch.portal.provider.model import Subject

NAME: Final = "Keywatch accounts"
DOCUMENT: Final = "/openapi.json"

NOBODY: Final = Subject("https://keywatch.invalid", "nobody")
"""Whom no provider knows (RFC 2606)."""

router = APIRouter(tags=["public"], dependencies=[Depends(only())])


@router.get("/", operation_id="about", responses=problems(422))
def about(parts: TheParts) -> AboutAnswer:
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
    with contextlib.suppress(NoAccountError):
        parts.accounts.find(NOBODY)
    return HealthAnswer(status="ok")
