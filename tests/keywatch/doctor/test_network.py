"""Names, proxies, tunnels, TLS and clocks on the way to hosts."""

from __future__ import annotations

import base64
import socket
import time
from pathlib import Path

import pytest
import trustme

from keywatch.doctor.clock import check_clock
from keywatch.doctor.model import Result, State
from keywatch.doctor.network import network_steps, resolve
from keywatch.doctor.place import Place, once
from keywatch.doctor.run import run
from keywatch.doctor.tls import check_tls
from keywatch.transport import Transport
from localcloud import Fault, FaultKind, LocalCloud
from tests.keywatch.loopback import Loopback, LoopbackProxy, TlsHost, server_context, silent
from tests.keywatch.reach import transport_to

LOGIN = "login.microsoftonline.com"
STS = "sts.us-east-1.amazonaws.com"
NOBODY = "nobody-7f3a9c.invalid"
PASSWORD = "hunter2-but-longer"
BASIC = f"Basic {base64.b64encode(f'me:{PASSWORD}'.encode()).decode()}"


def through(cloud: LocalCloud, proxy: str, seconds: float = 5) -> Transport:
    """Describe a way to the local cloud through another proxy."""
    return Transport(ca_bundle=str(cloud.ca_bundle), proxy=proxy, no_proxy=(), connect_timeout=seconds)


def look(transport: Transport, *hosts: str) -> dict[tuple[str, str], Result]:
    """Look at the way to some hosts, and give the results by step and subject."""
    places = [Place.of(host, transport) for host in hosts]
    return {(each.step, each.subject): each for each in run(network_steps(places).steps)}


def ended(results: dict[tuple[str, str], Result], state: State) -> set[tuple[str, str]]:
    """Give the steps that ended so."""
    return {key for key, each in results.items() if each.state is state}


def test_way_through_a_proxy_is_looked_at_from_end_to_end(cloud: LocalCloud) -> None:
    """With a proxy, it is the proxy that resolves names; proxy, tunnels and TLS are tried for real."""
    results = look(transport_to(cloud), LOGIN, STS)

    assert ended(results, State.SKIPPED) == {("dns", LOGIN), ("dns", STS)}
    assert ended(results, State.FAILED) == set()
    assert list(results)[-5:] == [
        ("proxy", cloud.proxy_url),
        ("tunnel", LOGIN),
        ("tunnel", STS),
        ("tls", LOGIN),
        ("tls", STS),
    ]
    assert cloud.proxy_url in results["dns", LOGIN].finding
    assert "issued by OU=Local cloud CA,O=Local cloud" in results["tls", LOGIN].finding


def test_nothing_is_asked_on_the_way(cloud: LocalCloud) -> None:
    """Handshakes are made, and no request."""
    look(transport_to(cloud), LOGIN, STS)

    assert cloud.requests() == []


def test_name_that_does_not_resolve_is_told_where_no_proxy_resolves(cloud: LocalCloud) -> None:
    """A direct way depends on this machine's DNS, host by host."""
    results = look(Transport(proxy="direct", ca_bundle=str(cloud.ca_bundle)), NOBODY)

    assert ended(results, State.FAILED) == {("dns", NOBODY)}
    assert ended(results, State.SKIPPED) == {("tls", NOBODY)}
    assert "does not resolve" in results["dns", NOBODY].finding
    assert "transport.proxy" in str(results["dns", NOBODY].remedy)


def test_name_of_the_proxy_itself_is_this_machines_to_resolve(cloud: LocalCloud) -> None:
    """The proxy's own name is looked up here, and everything behind it is not tried."""
    results = look(through(cloud, f"http://{NOBODY}:3128"), LOGIN)

    assert ended(results, State.FAILED) == {("dns", NOBODY)}
    assert ("tls", LOGIN) in ended(results, State.SKIPPED)


def test_resolver_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's resolver knows no limit, so there is one around it."""

    def slow(*_: object, **__: object) -> list[object]:
        time.sleep(1)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    began = time.monotonic()

    outcome = resolve("slow.example", 0.2, "mend it")

    assert (outcome.state, outcome.finding) == (State.FAILED, "This name does not resolve: no answer in time.")
    assert time.monotonic() - began < 1


def test_proxy_that_nobody_listens_at_is_the_one_cause(cloud: LocalCloud) -> None:
    """A closed port is told at the proxy, and no host behind it is tried."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    results = look(through(cloud, f"http://127.0.0.1:{port}"), LOGIN, STS)

    assert ended(results, State.FAILED) == {("proxy", f"http://127.0.0.1:{port}")}
    assert "cannot be reached" in results["proxy", f"http://127.0.0.1:{port}"].finding


@pytest.mark.parametrize(
    ("user", "says"), [("", "wants credentials"), ("me:wrong@", "does not accept the user and password")]
)
def test_proxy_that_wants_credentials_says_which_it_got(cloud: LocalCloud, user: str, says: str) -> None:
    """HTTP 407 is told at the proxy, differently without credentials and with wrong ones, which are not shown."""
    with LoopbackProxy(cloud.proxy_url, authorization=BASIC) as proxy:
        results = look(through(cloud, proxy.url.replace("//", f"//{user}")), LOGIN)

    assert ended(results, State.FAILED) == {("proxy", proxy.url)}
    assert says in results["proxy", proxy.url].finding
    assert "http://user:password@host:port" in str(results["proxy", proxy.url].remedy)
    assert "me:wrong" not in repr(results)


def test_proxy_that_gets_its_credentials_is_fine(cloud: LocalCloud) -> None:
    """Credentials of the proxy are used, and shown nowhere."""
    with LoopbackProxy(cloud.proxy_url, authorization=BASIC) as proxy:
        results = look(through(cloud, proxy.url.replace("//", f"//me:{PASSWORD}@")), LOGIN)

    assert ended(results, State.FAILED) == set()
    assert PASSWORD not in repr(results)


def test_host_that_the_proxy_refuses_keeps_no_other_from_being_tried(cloud: LocalCloud) -> None:
    """HTTP 403 for one host is told at that host's tunnel."""
    with LoopbackProxy(cloud.proxy_url, answers={LOGIN: "403 Forbidden"}) as proxy:
        results = look(through(cloud, proxy.url), LOGIN, STS)

    assert ended(results, State.FAILED) == {("tunnel", LOGIN)}
    assert ended(results, State.PASSED) == {("proxy", proxy.url), ("tunnel", STS), ("tls", STS)}
    assert "HTTP 403 Forbidden" in results["tunnel", LOGIN].finding
    assert f"allow CONNECT to {LOGIN}:443" in str(results["tunnel", LOGIN].remedy)


def test_host_that_the_proxy_does_not_find_is_told(cloud: LocalCloud) -> None:
    """HTTP 502 means the name, or the proxy's own way."""
    results = look(transport_to(cloud), "nobody.vault.azure.net")

    assert ended(results, State.FAILED) == {("tunnel", "nobody.vault.azure.net")}
    assert "HTTP 502" in results["tunnel", "nobody.vault.azure.net"].finding


@pytest.mark.parametrize("says", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 405 Method Not Allowed\r\n\r\n", b""])
def test_what_is_no_proxy_is_told(cloud: LocalCloud, says: bytes) -> None:
    """Another service at the proxy's port is told as what it is."""

    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(says)

    with Loopback(answer) as host:
        results = look(through(cloud, f"http://127.0.0.1:{host.port}"), LOGIN)

    assert ended(results, State.FAILED) == {("proxy", f"http://127.0.0.1:{host.port}")}
    assert "no proxy that opens tunnels" in results["proxy", f"http://127.0.0.1:{host.port}"].finding


def test_proxy_that_hangs_is_given_up_in_time(cloud: LocalCloud) -> None:
    """Every look ends within the transport's time for a connection."""
    began = time.monotonic()

    with silent() as host:
        results = look(through(cloud, f"http://127.0.0.1:{host.port}", seconds=0.3), LOGIN)

    assert ended(results, State.FAILED) == {("tunnel", LOGIN)}
    assert "timed out" in results["tunnel", LOGIN].finding
    assert time.monotonic() - began < 3


def test_proxy_whose_own_certificate_is_a_strangers_is_told(cloud: LocalCloud) -> None:
    """A proxy that is spoken to by TLS has a certificate of its own."""
    ca = trustme.CA(organization_name="Proxy", organization_unit_name="Proxy CA")
    context = server_context(ca.issue_cert("127.0.0.1"), ca.cert_pem.bytes())

    with LoopbackProxy(cloud.proxy_url, context=context) as proxy:
        results = look(through(cloud, proxy.url), LOGIN)

    assert ended(results, State.FAILED) == {("proxy", proxy.url)}
    assert "issued by OU=Proxy CA,O=Proxy" in results["proxy", proxy.url].finding
    assert results["proxy", proxy.url].details["authority_pem"] == ca.cert_pem.bytes().decode()


def test_authority_that_is_not_trusted_is_told_once(cloud: LocalCloud, stranger_ca: Path) -> None:
    """An inspecting proxy stands in for every host: the first one names it, the others refer to that."""
    transport = Transport(ca_bundle=str(stranger_ca), proxy=cloud.proxy_url, no_proxy=())

    results = look(transport, LOGIN, STS)

    first, second = results["tls", LOGIN], results["tls", STS]
    assert ended(results, State.FAILED) == {("tls", LOGIN), ("tls", STS)}
    assert "issued by OU=Local cloud CA,O=Local cloud" in first.finding
    assert "transport.extra_ca_bundle on the connection" in str(first.remedy)
    assert (second.finding, second.remedy) == (f"The same cause as of tls of {LOGIN}.", None)
    assert second.details["authority"] == "OU=Local cloud CA,O=Local cloud"


def test_certificate_that_has_expired_is_its_hosts_alone(cloud: LocalCloud) -> None:
    """One host's expired certificate says nothing of another's."""
    cloud.inject(Fault(FaultKind.TLS_EXPIRED, host=LOGIN, count=None))

    results = look(transport_to(cloud), LOGIN, STS)

    assert ended(results, State.FAILED) == {("tls", LOGIN)}
    assert "certificate has expired" in results["tls", LOGIN].finding
    assert "authority_pem" not in results["tls", LOGIN].details


def test_tls_that_is_not_checked_is_told_as_such(cloud: LocalCloud, stranger_ca: Path) -> None:
    """In a laboratory that checks nothing, the step says so."""
    transport = Transport(ca_bundle=str(stranger_ca), proxy=cloud.proxy_url, no_proxy=(), verify=False)

    outcome = check_tls(Place.of(LOGIN, transport))

    assert outcome.state is State.PASSED
    assert "not checked" in outcome.finding


def test_host_that_speaks_no_tls_is_told() -> None:
    """A port where something else answers is not a matter of trust."""
    with Loopback(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as host:
        outcome = check_tls(Place.of(f"localhost:{host.port}", Transport(proxy="direct")))

    assert outcome.state is State.FAILED
    assert "There is no TLS with this host" in outcome.finding


def test_tls_of_a_host_reached_directly(tmp_path: Path) -> None:
    """Without a proxy the handshake is made with the host itself."""
    ca = trustme.CA()
    bundle = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(str(bundle))

    with TlsHost(server_context(ca.issue_cert("localhost"))) as host:
        outcome = check_tls(
            Place.of(f"https://localhost:{host.port}", Transport(proxy="direct", ca_bundle=str(bundle)))
        )

    assert outcome.state is State.PASSED
    assert f"trusted by {bundle}" in outcome.finding


@pytest.mark.parametrize(
    ("offset", "state", "says"),
    [
        (0, State.PASSED, "s apart"),
        (240, State.PASSED, "s apart"),
        (1200, State.FAILED, "20 minutes behind that of"),
        (-1200, State.FAILED, "20 minutes ahead of that of"),
    ],
)
def test_clock_is_held_against_the_hosts(cloud: LocalCloud, offset: float, state: State, says: str) -> None:
    """More than five minutes apart is a failure that says how many, and in which direction."""
    cloud.set_clock_offset(offset)

    outcome = check_clock(Place.of(LOGIN, once(transport_to(cloud))))

    assert outcome.state is state
    assert says in outcome.finding
    assert ("NTP" in str(outcome.remedy)) is (state is State.FAILED)


def test_transport_of_a_doctor_tries_once() -> None:
    """What is broken is told at once."""
    assert once(Transport(attempts=6)).attempts == 1
