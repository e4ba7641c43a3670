"""Azure Resource Manager, asked page by page through azure-core's pipeline.

Not by the management SDKs: see docs/adr/0001-azure-resource-manager-by-azure-core.md.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

from azure.core import PipelineClient
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.policies import BearerTokenCredentialPolicy, RequestIdPolicy, UserAgentPolicy
from azure.core.rest import HttpRequest

from keywatch import metrics
from keywatch.azure_resources.answers import refusal
from keywatch.azure_resources.paging import Page, circle, follow
from keywatch.azure_resources.rate import pause_after
from keywatch.azure_resources.seen import Seen
from keywatch.errors import KeywatchError, ServiceUnavailableError
from keywatch.transport import AllowedHosts, AzureCloud, Transport
from keywatch.transport.azure_core import ForgettingCredential, scrubbed
from keywatch.transport.http import azure_core_arguments
from keywatch.transport.retry import retrying
from keywatch.transport.wire_logs import keep_wire_logs_quiet

log = logging.getLogger(__name__)

SERVICE: Final = "azure_resource_manager"
LARGEST_PAGE: Final = 64 * 1024 * 1024
"""Bytes of a page, unpacked: a thousand virtual machines with all that can be attached to them are a third of it."""


MOST_REPEATED: Final = 10
"""Pages with nothing new, after which a list is taken to go round in circles. One is met in practice."""

MOST_EMPTY: Final = 1_000
"""Empty pages in a row, after which it is too. Some are met in practice."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list to be read.

    Attributes:
        path: From `/subscriptions` on.
        query: Its parameters, `api-version` among them.
        action: What reading it takes, as a role names it.
        key: The field by which its items are told apart, whatever their case.
        subscription_id: The subscription that it is of, if of one.
    """

    path: str
    query: Mapping[str, str]
    action: str
    key: str
    subscription_id: str | None = None


@dataclass(slots=True)
class Counts:
    """What reading took so far: pages, of which some were empty, the items on them, and those that came again."""

    pages: int = 0
    empty: int = 0
    items: int = 0
    repeated: int = 0


class ResourceManager:
    """Resource Manager of one cloud. Use it from one thread.

    Attributes:
        counts: What was read through it.

    Args:
        cloud: The cloud.
        credential: Gives tokens for it.
        transport: How to get there.
        sleep: Waits so many seconds.

    Raises:
        ConfigurationError: The transport cannot be resolved.
    """

    def __init__(
        self,
        cloud: AzureCloud,
        credential: ForgettingCredential,
        transport: Transport,
        *,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        keep_wire_logs_quiet()
        self.counts = Counts()
        self._host = cloud.resource_manager
        self._hosts = AllowedHosts(cloud.name, (self._host,))
        self._credential = credential
        self._transport = transport
        self._sleep = sleep
        self._arguments = azure_core_arguments(transport, self._hosts, largest=LARGEST_PAGE)
        self._client = self._new_client()

    @property
    def url(self) -> str:
        """Its URL, without a path."""
        return f"https://{self._host}"

    def items(self, listing: Listing, seen: Seen) -> Iterator[dict[str, Any]]:
        """Yield what a list holds, each item once, with one page in memory.

        A page is asked for again while that may help, and waits while the rate has little left; those before it are
        not read again. An item without an id is yielded too: whoever makes a record of it finds it missing.

        Args:
            listing: The list.
            seen: The ids of what has been yielded before, by this list or others; added to.

        Raises:
            SubscriptionDeniedError: The application may not read it.
            SubscriptionUnusableError: There is no such subscription.
            HostNotAllowedError: A page's link leads out of Resource Manager.
            PagingError: A page's link leads back.
            KeywatchError: Resource Manager cannot be asked, or refuses.
        """
        repeated = empty = 0
        for page in follow(self._first(listing), lambda link: self._page(link, listing), self._hosts):
            new = [item for item in page.items if _is_new(item.get(listing.key), seen)]
            self.counts.pages += 1
            self.counts.empty += not page.items
            self.counts.items += len(page.items)
            self.counts.repeated += len(page.items) - len(new)
            repeated = 0 if new else repeated + bool(page.items)
            empty = 0 if page.items else empty + 1
            if repeated == MOST_REPEATED or empty == MOST_EMPTY:
                raise circle(listing.path)
            yield from new

    def _new_client(self) -> PipelineClient[Any, Any]:
        """Make a pipeline whose policy holds no token yet; connections are shared with those before it."""
        token = BearerTokenCredentialPolicy(self._credential, f"{self.url}/.default", enable_cae=True)
        return PipelineClient(
            self.url, policies=[RequestIdPolicy(), UserAgentPolicy("keywatch"), token], **self._arguments
        )

    def _first(self, listing: Listing) -> str:
        return f"{self.url}{listing.path}?{urlencode(listing.query)}"

    def _page(self, link: str, listing: Listing) -> Page:
        for attempt in retrying(self._transport, log, SERVICE):
            with attempt:
                return self._with_a_second_token(link, listing)
        raise AssertionError("tenacity ends with a result or an error")

    def _with_a_second_token(self, link: str, listing: Listing) -> Page:
        """Ask for a page; once more with another token if this one is refused, for it may have been withdrawn."""
        try:
            return self._ask(link)
        except AzureError as error:
            if not (isinstance(error, HttpResponseError) and error.status_code == HTTPStatus.UNAUTHORIZED):
                raise self._refusal(error, listing) from scrubbed(error)
        self._credential.forget()
        self._client = self._new_client()
        try:
            return self._ask(link)
        except AzureError as error:
            raise self._refusal(error, listing) from scrubbed(error)

    def _refusal(self, error: AzureError, listing: Listing) -> KeywatchError:
        return refusal(error, self._host, listing.action, listing.subscription_id)

    def _ask(self, link: str) -> Page:
        metrics.count(metrics.CALLS_MADE, service=SERVICE)
        response = self._client.send_request(HttpRequest("GET", link))
        response.raise_for_status()
        page = self._read(response.text())
        if page.next_link is not None and (seconds := pause_after(response.headers)):
            log.info("%s has little of the rate left; the next page waits for %s s", self._host, seconds)
            self._sleep(seconds)
        return page

    def _read(self, text: str) -> Page:
        try:
            return _page_of(json.loads(text, parse_constant=_no_number, parse_float=_number))
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise ServiceUnavailableError(
                f"{self._host} answered with something that is no page of a list, or something in between did. Check "
                "transport.proxy on the connection."
            ) from error


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is no number of JSON's (RFC 8259, section 6)")


def _number(text: str) -> float:
    """Read a number that can be written down again: 1e999 is infinite, which JSON has no word for."""
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _is_new(identifier: object, seen: Seen) -> bool:
    return not isinstance(identifier, str) or seen.add(identifier.lower())


def _page_of(body: Any) -> Page:  # noqa: ANN401 - JSON
    items, link = body["value"], body.get("nextLink") or None
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise TypeError("value is no list of objects")
    if not isinstance(link, str | None):
        raise TypeError("nextLink is no text")
    return Page(items, link)
