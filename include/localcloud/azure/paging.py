"""Listings in pages: how many there are, what is in each, and the link from one to the next.

A link holds a token that is opaque to whoever follows it: the number of the page, and how much of what arrives over
time the listing shows. It is signed together with what was asked for, so that no other question is answered with it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

from localcloud.azure.rest import RefusedError
from localcloud.http1 import Request
from localcloud.resources_model import PAGINGS, Listing, Paging

T = TypeVar("T")

HOST: Final = "management.azure.com"
TOKEN: Final = "$skipToken"  # noqa: S105 - a parameter's name
SIGNATURE_BYTES: Final = 12


@dataclass(frozen=True)
class Question:
    """What a request for a page asks for.

    Attributes:
        listing: of what.
        request: as it came.
        bound: what tells it from other questions, and has to be the same for every page.
    """

    listing: Listing
    request: Request
    bound: tuple[str, ...] = ()

    @property
    def token(self) -> str | None:
        """The token of a link; None asks for the first page."""
        found = (value for name, value in self.request.query.items() if name.lower() == TOKEN.lower())
        return next(found, None)


@dataclass(frozen=True)
class Place:
    """A page of a listing.

    Attributes:
        page: its number, from 0.
        seen: the number of the last arrival that the listing shows.
    """

    page: int
    seen: int = 0


class Pages:
    """How all listings are cut."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self.reset()

    def reset(self) -> None:
        """Cut every listing as the service does."""
        self._paging = dict(PAGINGS)

    def change(self, listing: Listing, paging: Paging) -> None:
        """Cut a listing in another way."""
        self._paging[listing] = paging

    def place(self, question: Question, seen: int = 0) -> Place:
        """Tell which page is asked for.

        Args:
            question: what is asked.
            seen: the number of the last arrival, which a listing that begins shows.

        Raises:
            RefusedError: the token is none that was given out for this question.
        """
        token = question.token
        if token is None:
            return Place(0, seen)
        try:
            raw = base64.b64decode(token, validate=True)
            signature, payload = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
            if hmac.compare_digest(signature, self._signature(question, payload)):
                page, began, _ = json.loads(payload)
                return Place(page, began)
        except ValueError:
            pass
        raise _invalid()

    def cut(self, question: Question, place: Place, items: Sequence[T]) -> tuple[Sequence[T], str | None]:
        """Give the items of a page, and the link to the next one if there is any.

        Raises:
            RefusedError: the listing has no such page, because it has been cut in another way since.
        """
        paging = self._paging[question.listing]
        pages = layout(len(items), paging)
        if place.page >= len(pages):
            raise _invalid()
        start, end = pages[place.page]
        loops = place.page + 1 == paging.loop_at
        following = Place(place.page if loops else place.page + 1, place.seen)
        link = self._link(question, following, paging) if loops or following.page < len(pages) else None
        return items[start:end], link

    def _link(self, question: Question, place: Place, paging: Paging) -> str:
        noise = secrets.token_hex(8) if paging.loop_changes else ""
        payload = json.dumps([place.page, place.seen, noise]).encode()
        token = base64.b64encode(self._signature(question, payload) + payload).decode("ascii")
        request = question.request
        kept = {name: value for name, value in request.query.items() if name.lower() != TOKEN.lower()}
        query = urlencode(kept | {TOKEN: token}, safe="$", quote_via=quote)
        return f"{paging.next_scheme}://{paging.next_host or HOST}{request.path}?{query}"

    def _signature(self, question: Question, payload: bytes) -> bytes:
        asked = json.dumps([question.listing, *question.bound]).encode()
        return hmac.digest(self._key, asked + b"\0" + payload, hashlib.sha256)[:SIGNATURE_BYTES]


def layout(count: int, paging: Paging) -> list[tuple[int, int]]:
    """Give the range of items in each page, of which there is at least one."""
    pages: list[tuple[int, int]] = [(0, 0)] if paging.empty_first else []
    for number, start in enumerate(range(0, max(count, 1), paging.size)):
        if paging.empty_every and number and (number - 1) % paging.empty_every == 0:
            pages.append((start, start))
        page = (start, min(start + paging.size, count))
        repeated = paging.repeat_every is not None and number % paging.repeat_every == 0
        pages.extend([page, page] if repeated else [page])
    return pages


def _invalid() -> RefusedError:
    # Unverified: what the services call it.
    return RefusedError(400, "InvalidSkipToken", "The skip token is not one that was given out for this request.")
