"""The way to hosts: their names, the proxies, and the tunnels through them."""

from __future__ import annotations

import ipaddress
import queue
import socket
import ssl
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus
from typing import Final

from keywatch.doctor.model import Outcome, Step, failed, passed, skipped
from keywatch.doctor.place import Place
from keywatch.doctor.tls import check_tls, untrusted
from keywatch.transport.settings import DIRECT
from keywatch.transport.tunnel import Deadline, Proxy, TunnelRefusedError, at, open_tunnel, proxy_connection

NO_PROXY_SAYS: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED)
"""How a web server that is no proxy answers `CONNECT`."""


@dataclass(frozen=True, slots=True)
class Network:
    """The steps to some hosts.

    Attributes:
        steps: All of them, in their order.
        reached: By place, the step after which it can be spoken to.
    """

    steps: tuple[Step, ...]
    reached: dict[Place, Step]


def network_steps(places: Iterable[Place]) -> Network:
    """Make the steps to some hosts: names first, then proxies, then the tunnels through them, then TLS.

    Each host is looked at for itself: what keeps one from being reached may not concern the next.
    """
    each = tuple(dict.fromkeys(places))
    names = {place: Step("dns", place.host, partial(check_name, place)) for place in each}
    proxies = _proxy_steps(each)
    tunnels = {
        place: Step("tunnel", place.host, partial(check_tunnel, place, proxy), (proxies[proxy],))
        for place in each
        if (proxy := place.proxy)
    }
    tls = {
        place: Step("tls", place.host, partial(check_tls, place), (tunnels.get(place, names[place]),)) for place in each
    }
    named = [need for step in proxies.values() for need in step.needs]
    return Network((*named, *names.values(), *proxies.values(), *tunnels.values(), *tls.values()), tls)


def _proxy_steps(places: Iterable[Place]) -> dict[Proxy, Step]:
    """Make the step of each proxy, after that of its name if it has one."""
    steps: dict[Proxy, Step] = {}
    for place in places:
        if (proxy := place.proxy) and proxy not in steps:
            seconds = place.transport.connect_timeout
            remedy = f"Correct the name in {place.knobs.proxy}, or in this machine's HTTPS_PROXY, or mend its DNS."
            name = Step("dns", proxy.host, partial(resolve, proxy.host, seconds, remedy))
            needs = () if _is_address(proxy.host) else (name,)
            steps[proxy] = Step("proxy", proxy.url, partial(check_proxy, place, proxy), needs)
    return steps


def check_name(place: Place) -> Outcome:
    """See whether a host's name leads to an address, where it is this machine that has to find out."""
    if proxy := place.proxy:
        return skipped(f"Proxy {proxy.url} resolves this name.")
    return resolve(
        place.host,
        place.transport.connect_timeout,
        "Correct the name on the connection or, if it is right, mend this machine's DNS; where only a proxy leads out, "
        f"name it as {place.knobs.proxy}.",
    )


def resolve(host: str, seconds: float, remedy: str) -> Outcome:
    """Resolve a name, for no longer than so many seconds.

    Args:
        host: The name.
        seconds: How long to wait. The system's own resolver knows no limit.
        remedy: What to do if it does not resolve.
    """
    answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            answers.put(error if isinstance(error, OSError) else OSError(str(error)))
        else:
            answers.put(sorted({str(address[0]) for *_, address in found}))

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        answer = OSError("no answer in time")
    if isinstance(answer, OSError):
        return failed(f"This name does not resolve: {answer.strerror or answer}.", remedy)
    return passed(f"It is {', '.join(answer)}.", {"addresses": list(answer)})


def check_proxy(place: Place, proxy: Proxy) -> Outcome:
    """See whether a proxy can be reached, and is one that opens tunnels for us, to whichever host."""
    deadline = Deadline(place.transport.connect_timeout)
    try:
        with proxy_connection(proxy, place.transport, deadline) as connection:
            return _spoken_to(connection, place, proxy, deadline)
    except ssl.SSLCertVerificationError as error:
        direct = replace(place.transport, proxy=DIRECT)
        return untrusted(Place(proxy.host, direct, proxy.port, place.knobs), error)
    except OSError as error:
        return failed(
            f"The proxy cannot be reached: {error.strerror or error}.",
            f"Correct {place.knobs.proxy}, or HTTPS_PROXY; see that it runs, and that this machine may reach it.",
        )


def _spoken_to(connection: socket.socket, place: Place, proxy: Proxy, deadline: Deadline) -> Outcome:
    """Ask a proxy for a tunnel; what it says of one host is for the step of that host to tell."""
    try:
        open_tunnel(connection, proxy, place.host, place.port, deadline)
    except TunnelRefusedError as refusal:
        return _whole_refusal(place, proxy, refusal) or passed("It answers.", {"status": refusal.status})
    except TimeoutError:
        return passed("It accepts connections.")
    return passed("It opens tunnels.", {"status": int(HTTPStatus.OK)})


def _whole_refusal(place: Place, proxy: Proxy, refusal: TunnelRefusedError) -> Outcome | None:
    """Tell a refusal of everything; None if it may concern the one host that was asked for."""
    if refusal.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        other = "does not accept the user and password that it is given" if proxy.authorization else "wants credentials"
        return failed(
            f"The proxy {other} (HTTP 407).",
            f"Put them into {place.knobs.proxy}: http://user:password@host:port, odd characters as %-escapes.",
            {"status": int(refusal.status)},
        )
    if refusal.status is None or refusal.status in NO_PROXY_SAYS:
        return failed(
            f"This is no proxy that opens tunnels: it answers CONNECT with {refusal}.",
            f"Correct scheme, host and port of {place.knobs.proxy}.",
            {"status": refusal.status},
        )
    return None


def check_tunnel(place: Place, proxy: Proxy) -> Outcome:
    """See whether a proxy connects to a host."""
    deadline = Deadline(place.transport.connect_timeout)
    where = at(place.host, place.port)
    try:
        with proxy_connection(proxy, place.transport, deadline) as connection:
            open_tunnel(connection, proxy, place.host, place.port, deadline)
    except TunnelRefusedError as refusal:
        return failed(
            f"The proxy {proxy.url} does not connect to {where}: {refusal}.",
            _about_the_host(place, refusal),
            {"status": refusal.status},
        )
    except OSError as error:
        return failed(
            f"The proxy {proxy.url} does not connect to {where}: {error.strerror or error}.",
            f"See that the proxy itself gets to {where}; it may wait for an answer longer than connect_timeout.",
        )
    return passed("The proxy connects to it.")


def _about_the_host(place: Place, refusal: TunnelRefusedError) -> str:
    around = f" Or go around the proxy: name the host in {place.knobs.no_proxy}." if place.knobs.no_proxy else ""
    if refusal.status == HTTPStatus.FORBIDDEN:
        return f"Let whoever runs the proxy allow CONNECT to {at(place.host, place.port)}.{around}"
    return f"See that the name is right, and that the proxy resolves and reaches it.{around}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
