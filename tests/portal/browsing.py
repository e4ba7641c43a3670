"""A browser that runs no scripts: it follows redirects over real TLS, keeps cookies, and fills in forms."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final, Self
from urllib.parse import parse_qs, urljoin, urlsplit

import requests

from localcloud import LocalCloud
from localcloud.portal import WEB_URL

SECONDS: Final = 30
CODE: Final = re.compile(r"shows: (\d{6})")


@dataclass
class Form:
    """A form: where it goes, what it holds, and the names and values of its buttons by their text."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.texts: list[str] = []
        self._link: str | None = None
        self._button: tuple[str, str] | None = None
        self._said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given.get("action", ""), given.get("method", "get").lower()))
        elif tag == "input" and self.forms:
            self.forms[-1].fields[given.get("name", "")] = given.get("value", "")
        elif tag == "button" and self.forms:
            self._button, self._said = (given.get("name", ""), given.get("value", "")), ""
        elif tag == "a":
            self._link, self._said = given.get("href", ""), ""

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        self._said += data

    def handle_endtag(self, tag: str) -> None:
        said = " ".join(self._said.split())
        if tag == "a" and self._link is not None:
            self.links[said], self._link = self._link, None
        elif tag == "button" and self._button is not None:
            self.forms[-1].buttons[said], self._button = self._button, None


@dataclass(frozen=True)
class Page:
    """What a browser shows.

    Attributes:
        answer: As it came.
        forms: On it.
        links: By their text.
        text: Without markup, in one line.
    """

    answer: requests.Response
    forms: list[Form]
    links: dict[str, str]
    text: str

    @classmethod
    def of(cls, answer: requests.Response) -> Self:
        """Read an answer."""
        reader = _Reader()
        reader.feed(answer.text)
        return cls(answer, reader.forms, reader.links, " ".join(" ".join(reader.texts).split()))

    @property
    def status(self) -> int:
        """Of the answer."""
        return self.answer.status_code

    @property
    def address(self) -> str:
        """Where it is."""
        return self.answer.url

    @property
    def place(self) -> str:
        """The path of the address, if the page is one of the portal's; else the host."""
        parts = urlsplit(self.address)
        return parts.path if f"{parts.scheme}://{parts.netloc}" == WEB_URL else parts.netloc

    @property
    def code(self) -> str:
        """The code that the local cloud shows on it."""
        found = CODE.search(self.text)
        assert found, self.text
        return found[1]


class Browser:
    """A browser, with cookies of its own.

    Args:
        cloud: Through which it sees the portal and its provider.
    """

    def __init__(self, cloud: LocalCloud) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.proxies = {"https": cloud.proxy_url}
        self.session.verify = str(cloud.ca_bundle)
        self.session.headers["User-Agent"] = "tests"
        self.page = Page(requests.Response(), [], {}, "")

    def open(self, address: str) -> Page:
        """Go to an address, or to a path of the portal."""
        return self._show(self.session.get(urljoin(WEB_URL, address), timeout=SECONDS))

    def follow(self, link: str) -> Page:
        """Click a link."""
        return self.open(urljoin(self.page.address, self.page.links[link]))

    def press(self, button: str, **typed: str) -> Page:
        """Type into the form that has a button, and press that; a later redirect is followed."""
        return self._show(self.send(button, typed))

    def send(
        self,
        button: str,
        typed: Mapping[str, str] | None = None,
        *,
        redirects: bool = True,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send a form as `press` does, and give the answer without looking at it."""
        form = next(each for each in self.page.forms if button in each.buttons)
        typed = typed or {}
        assert set(typed) <= set(form.fields), (set(typed), form.fields)
        name, value = form.buttons[button]
        values = form.fields | dict(typed) | ({name: value} if name else {})
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(self.page.address))
        return self.session.request(
            form.method,
            urljoin(self.page.address, form.action),
            data=values,
            headers={"Origin": origin, **(headers or {})},
            timeout=SECONDS,
            allow_redirects=redirects,
        )

    def cookie(self) -> str | None:
        """Give the id of the portal's session."""
        return self.session.cookies.get("__Host-keywatch")

    def _show(self, answer: requests.Response) -> Page:
        self.page = Page.of(answer)
        return self.page


def parameters(address: str) -> dict[str, str]:
    """Read the query of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
