"""The pages that a provider shows: plain HTML that works without scripts, and is read well aloud."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Final

from localcloud.http1 import Response

HTML: Final = "text/html; charset=utf-8"
STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem;color:#1b1b1b}"
    "label{display:block;margin-top:1rem}input{font:inherit;width:100%;box-sizing:border-box;padding:.4rem}"
    "button{font:inherit;margin:1rem .5rem 0 0;padding:.4rem 1rem}.shown{border:2px dashed #555;padding:.5rem 1rem}"
    "[role=alert]{border-left:.3rem solid #a80000;padding-left:.7rem}"
)


@dataclass(frozen=True)
class Field:
    """An input with its label; `autocomplete` is one of HTML's words."""

    name: str
    label: str
    kind: str = "text"
    autocomplete: str = "off"
    value: str = ""

    def html(self) -> str:
        """Write it."""
        return (
            f'<label for="{self.name}">{escape(self.label)}</label>'
            f'<input id="{self.name}" name="{self.name}" type="{self.kind}" autocomplete="{self.autocomplete}" '
            f'value="{escape(self.value)}" required>'
        )


@dataclass(frozen=True)
class Page:
    """A form.

    Attributes:
        heading: what it is for.
        fields: what is typed in.
        button: what sends it.
        text: what to do, if the heading does not say it.
        shown: what the local cloud shows beside, as somebody's phone or mailbox would.
        links: further ways, each a value of the parameter `go` and a text.
    """

    heading: str
    fields: tuple[Field, ...]
    button: str
    text: str = ""
    shown: str = ""
    links: tuple[tuple[str, str], ...] = ()


def document(
    title: str, heading: str, body: str, status: int = 200, headers: Iterable[tuple[str, str]] = ()
) -> Response:
    """Write a page that is kept nowhere and framed by nobody; `body` is HTML."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; img-src data:; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    html = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{escape(heading)} - {escape(title)}</title>'
        f'<style nonce="{nonce}">{STYLE}</style></head><body><main>'
        f"<h1>{escape(heading)}</h1>{body.replace('<script>', f'<script nonce={chr(34)}{nonce}{chr(34)}>')}"
        f"</main><footer><p>{escape(title)}, played by the local cloud</p></footer></body></html>"
    )
    common = (
        ("Cache-Control", "no-store"),
        ("Pragma", "no-cache"),
        ("Content-Security-Policy", policy),
        ("Referrer-Policy", "no-referrer"),
        ("X-Content-Type-Options", "nosniff"),
    )
    return Response(status, html.encode(), HTML, (*common, *headers))


def form(page: Page, action: str, hidden: Mapping[str, str], message: str, cancel: str = "Cancel") -> str:
    """Write a form that goes back to where it came from."""
    kept = _hidden(hidden)
    links = "".join(
        f'<p><a href="{escape(action)}?flow={escape(hidden["flow"])}&amp;go={go}">{escape(text)}</a></p>'
        for go, text in page.links
    )
    return (
        (f'<p role="alert">{escape(message)}</p>' if message else "")
        + (f"<p>{escape(page.text)}</p>" if page.text else "")
        + (f'<p class="shown">{escape(page.shown)}</p>' if page.shown else "")
        + f'<form method="post" action="{escape(action)}">{kept}'
        + "".join(each.html() for each in page.fields)
        + f'<button type="submit" name="action" value="continue">{escape(page.button)}</button>'
        + f'<button type="submit" name="action" value="cancel" formnovalidate>{escape(cancel)}</button></form>{links}'
    )


def form_post(title: str, target: str, values: Mapping[str, str], headers: Iterable[tuple[str, str]] = ()) -> Response:
    """Write a page that sends itself on (OAuth 2.0 Form Post Response Mode), or by its button where no script runs."""
    body = (
        f'<form method="post" action="{escape(target)}">{_hidden(values)}'
        '<button type="submit">Continue</button></form><script>document.forms[0].submit()</script>'
    )
    return document(title, "Go on to the application", body, headers=headers)


def refusal(title: str, message: str, status: int = 400) -> Response:
    """Write a page for a request that nobody may be sent back for."""
    body = f'<p role="alert">{escape(message)}</p><p>Go back to the application and start again.</p>'
    return document(title, "This request cannot be served", body, status)


def _hidden(values: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in values.items()
    )
