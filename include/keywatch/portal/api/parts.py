"""The parts of a running API, put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeAlias

from fastapi import Depends, Request

from keywatch.portal.api.ports import AccountsPort, KeysPort
from keywatch.portal.provider.model import Provider
from keywatch.portal.tokens.signing_keys import SigningKeys


@dataclass(frozen=True, slots=True)
class Parts:
    """What the answers are made of.

    Attributes:
        provider: Who issues the tokens.
        keys: What those are signed with.
        accounts: The accounts of key owners.
        owners_keys: The keys that these answer for.
        clock: Returns the time, with its zone.
        realm: What `WWW-Authenticate` calls the API.
    """

    provider: Provider
    keys: SigningKeys
    accounts: AccountsPort
    owners_keys: KeysPort
    clock: Callable[[], datetime]
    realm: str


async def parts_of(request: Request) -> Parts:
    """Return the parts of the API that a request has reached."""
    parts: Parts = request.app.state.parts
    return parts


TheParts: TypeAlias = Annotated[Parts, Depends(parts_of)]
