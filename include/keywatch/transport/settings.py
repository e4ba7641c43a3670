"""One frozen description of how a connection reaches its hosts."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final
from urllib.parse import urlsplit

from keywatch.errors import ConfigurationError
from keywatch.transport.ca_bundles import check_bundle, with_public_roots

MOST_ATTEMPTS: Final = 100
MOST_SECONDS: Final = 3600

CA_BUNDLES: Final = ("ca_bundle", "extra_ca_bundle")

CORRECT: Final = "Correct it on the connection, or in [keywatch] transport."

SAID: Final = "the connection, or of [keywatch] transport"
"""Who has named what the environment has not."""

DIRECT: Final = "direct"
"""The `proxy` that means none, whatever the environment says."""

PLAIN_PROXY: Final = re.compile(
    r"([!-.0-;=?A-\[\]^_`a-~]*@)?([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(:[0-9]+)?"
)
"""A proxy's user, host and port as every HTTP client reads them: other characters of a password as %-escapes."""

NEVER_PROXIED: Final = ("169.254.169.254", "localhost", "127.0.0.1", "::1")
"""Instance metadata and the machine itself are no proxy's business."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    """TLS, proxy, time-outs and network back-off of one connection.

    What a field leaves open is read from the environment once, by `resolve`; after that the environment has no
    say, so that requests, azure-core, MSAL and botocore, which each read it in their own way, do the same thing. Under
    all of them, TLS is 1.2 at least.

    Attributes:
        ca_bundle: PEM file of the certificate authorities to trust, instead of the public ones. None:
            `extra_ca_bundle`, else `REQUESTS_CA_BUNDLE`, `CURL_CA_BUNDLE`, or the public ones.
        extra_ca_bundle: PEM file of certificate authorities to trust beside the public ones.
        proxy: URL of the HTTPS proxy, or `direct`. None: `HTTPS_PROXY`, or no proxy.
        no_proxy: Hosts, domains and networks reached without the proxy. None: `NO_PROXY`.
        verify: Whether the server's certificate is checked. False is for laboratories only.
        connect_timeout: Seconds to wait for a connection.
        read_timeout: Seconds to wait for the next bytes of an answer.
        attempts: How often one request is tried, the first time included.
        backoff: Seconds before the second attempt; doubled for each further one, with jitter.
        max_backoff: Seconds that a back-off grows to at most.
        trace: Whether the requests of a task that uses this are written down (`keywatch.trace`).
    """

    ca_bundle: str | None = None
    extra_ca_bundle: str | None = None
    proxy: str | None = field(default=None, repr=False)  # may hold the proxy's password
    no_proxy: tuple[str, ...] | None = None
    verify: bool = True
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    attempts: int = 6
    backoff: float = 1.0
    max_backoff: float = 60.0
    trace: bool = False

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any] | None, *, lab: bool = False) -> Transport:
        """Build a transport from a connection's `transport` object.

        Args:
            values: The fields of this class by name; `no_proxy` as a list or as a comma-separated string.
            lab: Whether the connection may switch certificate checks off.

        Raises:
            ConfigurationError: A name is unknown, a value has the wrong type, there are two CA bundles, or `verify` is
                false outside a laboratory.
        """
        if not isinstance(values, Mapping | None):
            raise ConfigurationError("transport is not an object of names and values. Correct it on the connection.")
        values = dict(values or {})
        known = {f.name: f for f in fields(cls)}
        if unknown := sorted(set(values) - set(known)):
            raise ConfigurationError(f"transport does not know {', '.join(unknown)}. It takes: {', '.join(known)}.")
        no_proxy = values.pop("no_proxy", None)
        try:
            transport = cls(
                no_proxy=None if no_proxy is None else _hosts(no_proxy),
                **{name: _typed(name, value, cls()) for name, value in values.items() if value not in (None, "")},
            )
        except (OverflowError, TypeError, ValueError) as error:
            raise ConfigurationError(f"transport is not usable: {error}. {CORRECT}") from error
        if transport.ca_bundle and transport.extra_ca_bundle:
            raise ConfigurationError(
                "transport has both ca_bundle, which replaces the public certificate authorities, and extra_ca_bundle, "
                "which adds to them. Keep one."
            )
        if not transport.verify and not lab:
            raise ConfigurationError(
                "transport.verify is false, which would send credentials to anybody in between. Give the proxy's "
                "certificate authority as transport.extra_ca_bundle instead or, in a laboratory, set lab: true on the "
                "connection and [keywatch] allow_lab = True in Airflow's configuration."
            )
        return transport

    def resolve(self, environ: Mapping[str, str] = os.environ) -> Transport:
        """Fill what was left open from the environment, so that nothing reads it later.

        Raises:
            ConfigurationError: The CA bundle does not exist, or the proxy is not an http(s) URL.
        """
        proxy = self.proxy or _with_scheme(_first(environ, "HTTPS_PROXY", "https_proxy")) or DIRECT
        no_proxy = self.no_proxy
        if no_proxy is None:
            no_proxy = _hosts(_first(environ, "NO_PROXY", "no_proxy") or "")
        if proxy != DIRECT and not _is_http_url(proxy):
            source = f"of {SAID}" if self.proxy else "in HTTPS_PROXY"
            raise ConfigurationError(
                f"The proxy {source} is not an http:// or https:// URL of a host and a port. "
                "Correct it; write odd characters of user and password as %-escapes, a backslash as %5C."
            )
        bundle = self._bundle(environ) if self.verify else None
        return replace(self, ca_bundle=bundle, extra_ca_bundle=None, proxy=proxy, no_proxy=no_proxy)

    def _bundle(self, environ: Mapping[str, str]) -> str | None:
        """Return the one file of certificate authorities to trust; None for the public ones."""
        if self.extra_ca_bundle:
            check_bundle(self.extra_ca_bundle, SAID)
            return with_public_roots(self.extra_ca_bundle)
        bundle = self.ca_bundle or _first(environ, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
        if bundle:
            check_bundle(bundle, SAID if self.ca_bundle else "REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE")
        return bundle

    def proxies_for(self, url: str) -> dict[str, str]:
        """Return the proxy to use for a URL, keyed by scheme; empty means a direct connection.

        `requests.utils.should_bypass_proxies` is of no use here: it sets NO_PROXY in the environment while it looks,
        which threads that look side by side leave behind.
        """
        host = urlsplit(url).hostname or ""
        if not self.proxy or self.proxy == DIRECT:
            return {}
        if any(_covers(entry, host) for entry in (*(self.no_proxy or ()), *NEVER_PROXIED)):
            return {}
        return {"http": self.proxy, "https": self.proxy}

    @property
    def trust(self) -> str | bool:
        """What requests, azure-core and botocore call `verify`: a CA bundle, True for the public ones, or False."""
        return (self.ca_bundle or True) if self.verify else False

    @property
    def timeouts(self) -> tuple[float, float]:
        """Seconds to connect and to read."""
        return self.connect_timeout, self.read_timeout


def layered(*mappings: Mapping[str, Any]) -> dict[str, Any]:
    """Put several descriptions of a transport together: the first that says something of a field has its way.

    The two CA bundles are one field in this: whoever names either has decided what is trusted.
    """
    whole: dict[str, Any] = {}
    for mapping in mappings:
        said = {name: value for name, value in mapping.items() if value not in (None, "") or _is_no_host(name, value)}
        if any(whole.get(name) for name in CA_BUNDLES):
            said = {name: value for name, value in said.items() if name not in CA_BUNDLES}
        whole = {**said, **whole}
    return whole


def _is_no_host(name: str, value: object) -> bool:
    """Tell whether an empty text means something: that no host is reached without the proxy."""
    return name == "no_proxy" and value == ""


def _first(environ: Mapping[str, str], *names: str) -> str | None:
    """Return the first of the variables that is set and not blank."""
    return next((environ[name] for name in names if environ.get(name, "").strip()), None)


def _with_scheme(proxy: str | None) -> str | None:
    """Read a proxy of the environment as its other readers do, who take `host:port` for a URL."""
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _is_http_url(url: str) -> bool:
    if not url.isprintable():  # urlsplit drops line breaks, other readers do not
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(PLAIN_PROXY.fullmatch(parts.netloc)) and parts.port != 0
    except ValueError:
        return False


def _hosts(value: Any) -> tuple[str, ...]:  # noqa: ANN401 - a connection's extras are untyped
    """Read `no_proxy`, a list or a comma-separated string."""
    entries = value.split(",") if isinstance(value, str) else list(value)
    if not all(isinstance(entry, str) for entry in entries):
        raise TypeError("no_proxy must be text, or a list of texts")
    return tuple(entry.strip() for entry in entries if entry.strip())


def _covers(entry: str, host: str) -> bool:
    """Tell whether an entry of `no_proxy` means a host: `*`, a name and those below it, an address or a network."""
    domain = entry.lower().removeprefix("*").lstrip(".")
    if entry == "*" or host == domain or host.endswith(f".{domain}"):
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def _typed(name: str, value: Any, defaults: Transport) -> Any:  # noqa: ANN401 - a connection's extras are untyped
    default = getattr(defaults, name)
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be true or false")
        return value
    if isinstance(default, (int, float)):
        try:
            number = type(default)(value)
        except ValueError:
            raise ValueError(f"{name} is not a number") from None  # not quoted: it may be a proxy with its password
        most = MOST_ATTEMPTS if name == "attempts" else MOST_SECONDS
        if isinstance(value, bool) or not 0 < number <= most:
            raise ValueError(f"{name} must be a number above 0, and at most {most}")
        return number
    if not isinstance(value, str):
        raise TypeError(f"{name} must be text")
    return value
