"""What is removed of one request and its answer before anything of them is written.

Twice: by names, as each part has them, and then, of whatever is about to be written, by looks and by all values that
this recording has removed so far.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from keywatch.trace.bodies import TEXT, Content, text_of
from keywatch.trace.documents import (
    NOT_JSON,
    Json,
    is_left,
    redact_broken_json,
    redact_form,
    redact_xml,
    scrub_quoted,
)
from keywatch.trace.known import CUT, REMOVED, KnownSecrets
from keywatch.trace.names import is_secret_header
from keywatch.trace.shapes import remove_shapes
from keywatch.transport.hosts import AZURE_CLOUDS

VAULTS: Final = (
    *(f".{domain}" for cloud in AZURE_CLOUDS.values() for domain in cloud.vault_domains),
    ".vault.microsoftazure.de",
)
AWS_VAULTS: Final = re.compile(
    r"(?:^|\.)(?:kms|secretsmanager|ssm)(?:-fips)?\.(?:[\w-]+\.)+(?:amazonaws\.com(?:\.cn)?|api\.aws)$", re.IGNORECASE
)
"""Where AWS keeps what is secret: Key Management Service, Secrets Manager and the Parameter Store."""

SCHEMES: Final = re.compile(
    r"(?P<kept>(?:Bearer|Basic|Digest|Negotiate|NTLM|PoP|SharedAccessSignature|SharedKey(?:Lite)?)\s+)(?P<secret>.*)",
    re.IGNORECASE | re.DOTALL,
)
SIGNED: Final = re.compile(r"(?P<kept>AWS4-[A-Z0-9-]+\s.*\bSignature=)(?P<secret>[^\s,]+)(?P<rest>.*)", re.DOTALL)
"""Whose signature of AWS's it is, and of what, stays: it says which key, Region and service were meant."""

AUTHORIZATIONS: Final = frozenset({"authorization", "proxy-authorization"})
COOKIES: Final = {"cookie": None, "set-cookie": 1}
"""How many cookies such a header has; None is any number."""

CERTIFICATES: Final = frozenset({"x-amz-x509", "x-amz-x509-chain"})
URLS: Final = re.compile(r"(?:^|-)(?:location|referer|asyncoperation)$")
CERTIFICATE_START: Final = 32
"""Characters of a certificate that stay."""

PUBLIC: Final = re.compile(r"^(?:image|font|audio|video)/|^application/(?:pkix-c|ocsp-response|x-x509-ca-cert)")
"""Types of bodies that hold no secret, and are written though they are no text. No other can be checked for secrets."""

BEYOND: Final = 8192
"""Characters beyond what is kept of a text that are looked at, so that no secret is cut in two."""

LONGEST_HEADER: Final = 8192
"""Characters of a header that are shown."""

FORM: Final = re.compile(r"[\w.%+*\[\]-]{1,200}=[^\s<>{}\"]*")


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of a body.

    Attributes:
        text: None if nothing is.
        encoding: `base64`, or nothing.
        note: What is said about it.
    """

    text: str | None
    encoding: str = ""
    note: str = ""


@dataclass(slots=True)
class Redaction:
    """Takes the secrets out of one request and its answer.

    Attributes:
        known: The secrets of the whole recording.
        by_name: What was removed for its name, and how often.
        by_check: What was removed for its looks, or because it had been removed before, and how often.
    """

    known: KnownSecrets
    by_name: Counter[str] = field(default_factory=Counter)
    by_check: Counter[str] = field(default_factory=Counter)

    def header(self, where: str, name: str, value: str) -> str:
        """Return a header's value without secrets.

        Args:
            where: Whose header it is, for the note.
            name: Its name.
            value: Its value.
        """
        lower = name.lower()
        take = partial(self._take, f"{where} header")
        if lower in AUTHORIZATIONS and (match := SIGNED.fullmatch(value) or SCHEMES.fullmatch(value)):
            is_signed = match["kept"].lower().startswith(("aws4-", "sharedkey"))
            taken = self._count("header", where, name) if is_signed else take(name, match["secret"])
            return self.text(match["kept"]) + taken + self.text(match.groupdict().get("rest") or "")
        if lower in COOKIES:
            for cookie in value.split(";")[: COOKIES[lower]]:
                take(name, cookie.partition("=")[2])
            return REMOVED
        if lower in CERTIFICATES:
            shown = self.text(value[:CERTIFICATE_START])
            return value if len(value) <= CERTIFICATE_START else f"{shown}... ({len(value):,} characters)"
        if is_secret_header(name) and value:
            return take(name, value)
        start = value[: LONGEST_HEADER + BEYOND]
        shown = self.url(where, start) if URLS.search(lower) else self.text(start)
        return shown[:LONGEST_HEADER]

    def url(self, where: str, url: str) -> str:
        """Return a URL without secrets: none in its user, its path, its query or its fragment."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return self.text(url)
        user, at, place = parts.netloc.rpartition("@")
        take = partial(self._take, f"{where} URL")
        if at:
            take("password", unquote(user.partition(":")[2] or user))
        scrub = self.text
        path = "/".join(scrub_quoted(segment, scrub) for segment in parts.path.split("/"))
        query = redact_form(parts.query, take, scrub)
        fragment = redact_form(parts.fragment, take, scrub)
        return self.text(urlunsplit((parts.scheme, place, path, query, fragment)))

    def text(self, text: str) -> str:
        """Return any text without what is known to be secret, or looks like it."""
        text, found = remove_shapes(self.without_known(text), self.known.learn)
        self.by_check.update(found)
        return text

    def without_known(self, text: str) -> str:
        """Return any text without what is known to be secret."""
        text, count = self.known.remove(text)
        if count:
            self.by_check["known value"] += count
        return text

    def without_cut_end(self, text: str) -> str:
        """Return a text that was cut without the beginning of a known secret at its end."""
        text, count = self.known.without_cut_end(text)
        if count:
            self.by_check["known value"] += count
        return text

    def body(self, where: str, host: str, content: Content, mime_type: str, longest: int) -> Shown:
        """Return what is shown of a body.

        Args:
            where: Whose body it is, for the note.
            host: Who was asked.
            content: The body, unpacked.
            mime_type: The header Content-Type.
            longest: Characters that are shown at most.
        """
        text = text_of(content.data, mime_type, is_whole=content.is_whole)
        if text is None:
            return self._binary(content, mime_type, longest)
        if mime_type.lower().startswith("multipart/"):
            return Shown(None, note="in several parts, which are not shown")
        document, is_read = self._document(f"{where} body", host, text, mime_type)
        start = document[: longest + BEYOND]
        if not is_read and is_left(start):
            return Shown(None, note="not shown: it names a secret, and could not be read")
        shown = self.text(start)
        if not content.is_whole or len(document) > longest + BEYOND:
            shown = shown[:-CUT]  # the beginning of a secret, too short to be known by
        is_cut = not content.is_whole or len(document) > longest
        return Shown(shown[:longest], note="cut" if is_cut else "")

    def note(self) -> str:
        """Say what was removed, in one line."""
        said = []
        for how, counts in (("by name", self.by_name), ("by the check", self.by_check)):
            if counts:
                said.append(f"removed {how}: {', '.join(_counted(what, counts[what]) for what in sorted(counts))}")
        return "; ".join(said)

    def _take(self, where: str, name: str, secret: str) -> str:
        """Take a secret out, and remember it."""
        self.known.learn(secret)
        self._learn_parts(secret)
        self.by_name[f"{where} {name[:80]}"] += 1
        return REMOVED

    def _count(self, what: str, where: str, name: str) -> str:
        """Take out the signature of one request: it is nowhere else, and to remember all would take ever more room."""
        self.by_name[f"{where} {what} {name[:80]}"] += 1
        return REMOVED

    def _learn_parts(self, secret: str) -> None:
        """Remember what a secret is made of: the parts of a token, and the password in `Basic`."""
        parts = secret.split(".")
        if len(parts) > 1 and secret.startswith("eyJ"):
            for part in parts[1:]:
                self.known.learn(part)
        try:
            user, colon, password = base64.b64decode(secret, validate=True).decode("ascii").partition(":")
        except ValueError:
            return
        if colon and user.isprintable() and password.isprintable():
            self.known.learn(password)

    def _document(self, where: str, host: str, text: str, mime_type: str) -> tuple[str, bool]:
        """Return a text without what its names say is secret, and whether it could be read as what it is."""
        take = partial(self._take, where)
        start = text.lstrip()[:1]
        of_a_vault = host.lower().endswith(VAULTS) or AWS_VAULTS.search(host) is not None
        if start in ("{", "[", '"') or "json" in mime_type.lower():
            try:
                return Json(take, of_a_vault).redact(text), True
            except NOT_JSON:
                return redact_broken_json(text, take, of_a_vault=of_a_vault), False
        if start == "<" or "</" in text:
            return redact_xml(text, take), True
        is_form = "x-www-form-urlencoded" in mime_type.lower() or FORM.fullmatch(text)
        return redact_form(text, take, self.text) if is_form else text, True

    def _binary(self, content: Content, mime_type: str, longest: int) -> Shown:
        if not PUBLIC.match(mime_type.lower()) or TEXT.match(mime_type.lower()):
            return Shown(None, note="not text, so not shown: it cannot be checked for secrets")
        if len(content.data) > longest or not content.is_whole:
            return Shown(None, note="not text, and too long to be shown")
        latin = content.data.decode("latin-1")
        if self.text(latin) != latin:
            return Shown(None, note="not shown: it holds a secret")
        return Shown(base64.b64encode(content.data).decode("ascii"), "base64")


def _counted(what: str, count: int) -> str:
    return what if count == 1 else f"{what} ({count:,})"
