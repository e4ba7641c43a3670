"""The HTTPS proxy: opens a tunnel by CONNECT, ends TLS as the host that was asked for, and hands requests on."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import struct
import sys
import traceback
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from localcloud import data_collector, logs_ingestion
from localcloud.azure import event_hubs, key_vault
from localcloud.certificates import Certificates, Presented
from localcloud.http1 import BadRequestError, Request, Response, ServerConnection
from localcloud.identity.gateway import Gateway, relay
from localcloud.model import Fault, FaultKind
from localcloud.request_log import RequestLog, answered, describe, refused_tunnel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from concurrent.futures import Executor

    from localcloud.faults import Faults
    from localcloud.service import Call, Service

    Connected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

PORT = 443
AUTHORITY = re.compile(r"([A-Za-z0-9.-]+):(\d{1,5})")
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
PRESENTED = {FaultKind.TLS_EXPIRED: Presented.EXPIRED, FaultKind.TLS_UNTRUSTED: Presented.UNTRUSTED}
NAMED = (data_collector.DOMAIN, logs_ingestion.DOMAIN, key_vault.DOMAIN, event_hubs.DOMAIN)
"""Domains in which every resource has a name of its own."""
DROPS = frozenset({FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER})
PROCESSED = frozenset(
    {
        *(FaultKind.DROP_AFTER, FaultKind.REPLACE, FaultKind.MISLABEL),
        *(FaultKind.TRUNCATE, FaultKind.TRICKLE, FaultKind.DELAY),
    }
)
"""Faults that leave the request to the service, and do something to its answer."""
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER on, with no time: closing sends RST (Linux, socket(7))."""


@dataclass(frozen=True)
class Outcome:
    """What to do with a connection: send a response, or close it without one.

    Attributes:
        response: What to send; None resets the connection.
        seconds: To wait before.
        trickle: Seconds over which it is sent.
        cut: Whether the connection is reset in the middle of it.
    """

    response: Response | None
    seconds: float = 0.0
    trickle: float = 0.0
    cut: bool = False


class RefusedTunnelError(Exception):
    """A CONNECT that the proxy does not grant."""

    def __init__(self, host: str, status: int, message: str) -> None:
        super().__init__(message)
        self.host = host
        self.status = status


class Proxy:
    """Plays hosts behind one loopback port."""

    def __init__(
        self,
        services: Sequence[Service],
        certificates: Certificates,
        faults: Faults,
        log: RequestLog,
        worker: Executor,
        *,
        gateway: Gateway,
    ) -> None:
        self._services = services
        self._certificates = certificates
        self._faults = faults
        self._log = log
        self._worker = worker
        self._gateway = gateway

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        await _until_it_ends(self._tunnel(reader, writer), writer)

    def plain(self, service: Service) -> Connected:
        """Give what serves connections to a service that is asked by plain HTTP and without a tunnel."""

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inside = ServerConnection(reader, writer)
            await _until_it_ends(self._serve(service.plays[0], service, inside, writer, named=False), writer)

        return connected

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        outside = ServerConnection(reader, writer)
        try:
            request = await outside.request()
        except BadRequestError as error:
            await outside.respond(Response(400, f"{error}\n".encode()), close=True)
            return
        if request is None:
            return
        try:
            host, destination = self._destination(request)
        except RefusedTunnelError as refused:
            self._log.add(refused_tunnel(refused.host, refused.status, str(refused)))
            await outside.respond(Response(refused.status, f"{refused}\n".encode()), close=True)
            return
        fault = self._faults.for_tunnel(host)
        if fault and fault.kind is FaultKind.REFUSE:
            self._log.add(refused_tunnel(host, 503, "ConnectionRefused", fault.kind))
            await outside.respond(Response(503, b"The host refuses the connection\n"), close=True)
            return
        await self._end_tls(host, fault, writer)
        if isinstance(destination, int):
            await relay(destination, reader, writer)
            return
        await self._serve(host, destination, ServerConnection(reader, writer), writer)

    def _destination(self, request: Request) -> tuple[str, Service | int]:
        """Find the service behind a CONNECT, or the port of loopback that the gateway relays it to."""
        if request.method != "CONNECT":
            raise RefusedTunnelError(
                request.headers.get("host", ""), 403, "Only CONNECT is served here; plain HTTP is not proxied"
            )
        authority = AUTHORITY.fullmatch(request.target)
        if authority is None:
            raise RefusedTunnelError(request.target, 400, "CONNECT needs <host>:<port>")
        host = authority[1].lower()
        if self._gateway.owns(host) and int(authority[2]) == PORT:
            return host, self._relayed(host)
        service = next((each for each in self._services if each.owns(host)), None)
        if service is None and host.endswith(NAMED):
            raise RefusedTunnelError(host, 502, f"The name {host} does not resolve: there is no such resource")
        if service is None or int(authority[2]) != PORT:
            plays = ", ".join(name for each in self._services for name in each.plays)
            raise RefusedTunnelError(
                host, 403, f"The local cloud does not play {request.target}. It plays, on port {PORT}: {plays}"
            )
        return host, service

    def _relayed(self, host: str) -> int:
        port = self._gateway.port(host)
        if port is None:
            raise RefusedTunnelError(host, 502, f"Nothing is served at {host}; serve_at says where it is")
        return port

    async def _end_tls(self, host: str, fault: Fault | None, writer: asyncio.StreamWriter) -> None:
        context = self._certificates.context(host, PRESENTED[fault.kind] if fault else Presented.VALID)
        # No await may come between the answer and start_tls: the handshake's first bytes would be lost.
        writer.write(ESTABLISHED)
        if fault:
            self._log.add(refused_tunnel(host, 200, "CertificatePresented", fault.kind))
        await writer.start_tls(context, ssl_handshake_timeout=30)

    async def _serve(
        self,
        host: str,
        service: Service,
        inside: ServerConnection,
        writer: asyncio.StreamWriter,
        *,
        named: bool = True,
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                request = await inside.request()
            except BadRequestError as error:
                await inside.respond(Response(400, f"{error}\n".encode()), close=True)
                return
            if request is None:
                return
            if named and request.headers.get("host", "").removesuffix(f":{PORT}").lower() != host:
                await inside.respond(Response(421, b"The Host header is not the tunnel's host\n"))
                continue
            outcome = await loop.run_in_executor(self._worker, self._play, service, host, request)
            if outcome.seconds:
                await asyncio.sleep(outcome.seconds)
            if outcome.response is not None:
                await inside.respond(outcome.response, trickle=outcome.trickle, cut=outcome.cut)
            if outcome.response is None or outcome.cut:
                _reset(writer)
                return

    def _play(self, service: Service, host: str, request: Request) -> Outcome:
        try:
            return self._answer(service, host, request)
        except Exception:  # noqa: BLE001 - a defect here must show as a broken service, not as a hanging client
            traceback.print_exc(file=sys.stderr)
            return Outcome(Response(500, b"The local cloud itself failed; see its log\n"))

    def _answer(self, service: Service, host: str, request: Request) -> Outcome:
        call = service.read(host, request)
        record = describe(request, call)
        faults = self._faults.for_call(call, request.body_bytes)
        response = _response(service, request, call, faults)
        kinds = [str(fault.kind) for fault in faults]
        dropped = any(fault.kind in DROPS for fault in faults)
        status = None if dropped or response is None else response.status
        error = None if dropped or response is None else response.error
        self._log.add(answered(record, status, error, kinds))
        return Outcome(
            None if dropped else response,
            seconds=sum(fault.seconds for fault in faults if fault.kind is FaultKind.DELAY),
            trickle=sum(fault.seconds for fault in faults if fault.kind is FaultKind.TRICKLE),
            cut=any(fault.kind is FaultKind.TRUNCATE for fault in faults),
        )


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection as a host does that has crashed."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


async def _until_it_ends(serving: Awaitable[None], writer: asyncio.StreamWriter) -> None:
    try:
        await serving
    except (ConnectionError, ssl.SSLError, BadRequestError, TimeoutError):
        writer.transport.abort()
    finally:
        writer.close()


def _response(service: Service, request: Request, call: Call, faults: Sequence[Fault]) -> Response | None:
    for fault in faults:
        if fault.kind is FaultKind.DROP_BEFORE:
            return None
        if fault.kind not in PROCESSED:
            response = service.apply(fault, call)
            if response is not None:
                return response
    response = service.answer(request, call)
    for fault in faults:
        if fault.kind is FaultKind.MISLABEL:
            response = replace(response, content_type=fault.content_type)
        if fault.kind is FaultKind.REPLACE:
            response = Response(fault.status, (fault.body or "").encode(), fault.content_type)
    return response
