"""The API's headers: nobody keeps an answer, and no browser makes a page of it."""

from __future__ import annotations

from typing import Final

from keywatch.portal.headers import ALWAYS

HEADERS: Final = ALWAYS | {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
