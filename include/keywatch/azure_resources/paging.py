"""Follow the links of a paged list, and nothing else.

Source: Microsoft REST API guidelines, "Pagination": `nextLink` is opaque and is followed as it is; a page may be empty
and still have one; the list ends with the first page that has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from keywatch.azure_resources.seen import Seen
from keywatch.errors import PagingError
from keywatch.transport import AllowedHosts


@dataclass(frozen=True, slots=True)
class Page:
    """One page.

    Attributes:
        items: What it lists; none is fine.
        next_link: The next page's URL as the service gave it; None of the last page.
    """

    items: list[dict[str, Any]]
    next_link: str | None


def follow(first: str, fetch: Callable[[str], Page], hosts: AllowedHosts) -> Iterator[Page]:
    """Yield the pages of a list.

    Args:
        first: The first page's URL.
        fetch: Gets a page.
        hosts: Where a link may lead. One that leads elsewhere is not followed: the token would go there too.

    Raises:
        HostNotAllowedError: A link leads elsewhere, or is not HTTPS.
        PagingError: A link leads back to a page that has been read.
        KeywatchError: What `fetch` raises.
    """
    with Seen() as followed:
        link: str | None = first
        while link is not None:
            if not followed.add(link):
                raise circle(urlsplit(link).path)
            page = fetch(link)
            yield page
            if page.next_link is not None:
                hosts.require(page.next_link)
            link = page.next_link


def circle(path: str) -> PagingError:
    """Say that a list never ends.

    Args:
        path: The list's. A link's query stays out: it may hold a token for the next page.
    """
    return PagingError(
        f"The list {path} goes round in circles: its pages lead back to those before them. Clear the task; if it "
        "happens again, report it to Microsoft with a trace of the run (docs/debugging.md)."
    )
