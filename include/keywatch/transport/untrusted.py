"""A certificate that is not trusted, as the error that says whose it is, and what to add where."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from keywatch.errors import TlsError
from keywatch.transport.knobs import Knobs
from keywatch.transport.presented import PresentedCertificate, authority_of

NOT_YET_VALID: Final = 9
EXPIRED: Final = 10
SELF_SIGNED: Final = 18
OTHER_NAME: Final = (62, 64)
UNKNOWN_ISSUER: Final = (2, 19, 20, 21)
"""How OpenSSL numbers what is wrong (`x509_vfy.h`)."""

MOST_NAMES: Final = 5
Chain = tuple[PresentedCertificate, ...]


def is_untrusted(error: BaseException) -> bool:
    """Tell whether an SDK's error is about a certificate that is not trusted.

    By the errors within alone: any words in it may be those of a proxy.
    """
    return any(isinstance(each, ssl.SSLCertVerificationError) for each in with_errors_within(error))


def with_errors_within(
    error: BaseException, *, causes: bool = False, but: BaseException | None = None
) -> Iterator[BaseException]:
    """Yield an error and those that it wraps.

    Args:
        error: As an SDK raised it.
        causes: Whether those that a traceback shows before it are meant too.
        but: One that is not followed, such as what was being handled before.
    """
    seen = {id(but)}
    rest = [error]
    while rest:
        each = rest.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        wrapped = getattr(each, "kwargs", None)  # where botocore has it
        within = [*each.args, getattr(each, "reason", None), *(wrapped.values() if isinstance(wrapped, dict) else ())]
        shown = (each.__cause__, each.__context__) if causes else ()
        rest += [found for found in (*within, *shown) if isinstance(found, BaseException)]


def untrusted(host: str, error: BaseException, chain: Chain, knobs: Knobs) -> TlsError:
    """Make the error for a certificate that is not trusted.

    Args:
        host: Who was asked, for the message.
        error: As an SDK raised it, or OpenSSL.
        chain: What was presented; empty if that is not known.
        knobs: Where the way to the host is set.
    """
    return TlsError(" ".join(explained(host, error, chain, knobs)))


def explained(host: str, error: BaseException, chain: Chain, knobs: Knobs) -> tuple[str, str]:
    """Return what is wrong with a certificate, and what to do.

    Args:
        host: As in `untrusted`, and so are the others.
        error: The same.
        chain: The same.
        knobs: The same.
    """
    refusal = innermost(error)
    what = f"The TLS certificate of {host} is not trusted: {_words(refusal)}.{_whose(chain)}"
    return what, _what_to_do(getattr(refusal, "verify_code", None), host, chain, knobs)


def innermost(error: BaseException) -> BaseException:
    """Return the innermost reason, without the pool objects that wrap it."""
    inner = error
    while not isinstance(inner, ssl.SSLError):  # whose own `reason` is a word
        within = [each for each in (getattr(inner, "reason", None), *reversed(inner.args)) if _is_error(each)]
        if not within:
            break
        inner = within[0]
    return inner


def _is_error(value: object) -> bool:
    return isinstance(value, BaseException)


def _words(refusal: BaseException) -> str:
    words = getattr(refusal, "verify_message", None) or str(refusal)
    return str(words).strip().rstrip(".")


def _whose(chain: Chain) -> str:
    if not chain:
        return ""
    own = chain[0]
    return f" It is of {own.subject}, issued by {own.issuer}, and valid until {own.not_after:%Y-%m-%d}."


def _what_to_do(code: int | None, host: str, chain: Chain, knobs: Knobs) -> str:
    if code == EXPIRED:
        return _renew(chain)
    if code == NOT_YET_VALID:
        return _wait(chain)
    if code in OTHER_NAME:
        return (
            f"It is for {_names_of(chain)} and not for {host}, so another host answers in its place. See where its "
            f"name leads, and check {knobs.proxy}."
        )
    if code == SELF_SIGNED and chain:
        return _add(f"the certificate itself, which is self-signed (SHA-256 {chain[0].sha256}),", knobs)
    if code in UNKNOWN_ISSUER and chain:
        return _add_authority(chain, knobs)
    return (
        "If a proxy inspects TLS here, give its certificate authority as "
        f"{knobs.extra_ca_bundle}, which adds it to the public ones; {knobs.ca_bundle} replaces them. Otherwise the "
        "certificate's owner must replace it."
    )


def _renew(chain: Chain) -> str:
    """Say what to do about a certificate that has expired, perhaps one above the host's own."""
    now = datetime.now(UTC)
    over = next((each for each in chain[1:] if each.not_after < now), None)
    above = f"That of its issuer {over.subject} was valid until {over.not_after:%Y-%m-%d}. " if over else ""
    return (
        f"{above}Its owner must renew it; or this machine's clock, which says {now:%Y-%m-%d %H:%M} UTC, is ahead: then "
        "set it by NTP."
    )


def _wait(chain: Chain) -> str:
    """Say what to do about a certificate that is not valid yet, which hardly anybody uses."""
    now = datetime.now(UTC)
    early = next((each for each in chain if each.not_before > now), None)
    since = f" before {early.not_before:%Y-%m-%d %H:%M} UTC" if early else ""
    return (
        f"It is not valid{since}, and this machine's clock says {now:%Y-%m-%d %H:%M} UTC. If that is wrong, set the "
        "clock by NTP; else its owner must replace the certificate."
    )


def _add_authority(chain: Chain, knobs: Knobs) -> str:
    authority = authority_of(chain)
    name = "that certificate authority" if authority.name == chain[0].issuer else f"its authority {authority.name}"
    which = f" (SHA-256 {authority.certificate.sha256})" if authority.certificate else ""
    return _add(f"{name}{which}", knobs)


def _add(what: str, knobs: Knobs) -> str:
    return (
        f"If a proxy of yours inspects TLS here, add {what} as {knobs.extra_ca_bundle}, a PEM file, which adds it to "
        f"the public ones; {knobs.ca_bundle} replaces them. If you do not know it, somebody is in between, and nothing "
        "was sent to them."
    )


def _others(count: int) -> str:
    return f" and {count - MOST_NAMES} others" if count > MOST_NAMES else ""


def _names_of(chain: Chain) -> str:
    names = chain[0].names if chain else ()
    if not names:
        return "another name" if not chain else chain[0].subject
    return ", ".join(names[:MOST_NAMES]) + _others(chain[0].name_count)
