"""The web app's headers: by them, a browser runs, loads and frames nothing but our own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

HEADERS: Final = {
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with none, browsers say that our own forms come from nowhere
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Strict-Transport-Security": "max-age=31536000",
}


def headers_of(origins: Iterable[str]) -> dict[str, str]:
    """Give the headers: a page may show our style, and send forms to us, which may lead on to the provider.

    Args:
        origins: The provider's; browsers hold the redirects of a form against `form-action`, too.
    """
    targets = " ".join(("'self'", *origins))
    policy = (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action {targets}"
    )
    return HEADERS | {"Content-Security-Policy": policy}
