"""`python -m localcloud serve`: runs the proxy and the control interface until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from localcloud.certificates import Certificates
from localcloud.cloud import Cloud
from localcloud.control import Control
from localcloud.model import STATE_FILE, Seed, State, utc_text
from localcloud.private_files import write_private
from localcloud.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

LOOPBACK = "127.0.0.1"
CA_FILE = "ca.pem"
ROWS_FILE = "workspaces.sqlite"
BACKLOG = 512
"""Connections that may wait to be accepted."""
SWITCH_INTERVAL = 0.0005
"""Seconds after which the event loop may take the interpreter back from the thread that plays a service."""


@dataclass(frozen=True)
class Options:
    """How to serve; port 0 takes any free one.

    Attributes:
        state: the folder for `localcloud.json`, the CA's certificate and the rows.
        port: of the proxy.
        control_port: of the control interface.
        seed: what the accounts are filled with.
        with_parent: stop when standard input closes or the parent process is gone.
    """

    state: Path
    port: int = 0
    control_port: int = 0
    seed: Seed = field(default_factory=Seed)
    with_parent: bool = False


def serve(options: Options) -> int:
    """Run until SIGTERM or SIGINT."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    asyncio.run(_Server(options).run())
    return 0


class _Server:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._token = secrets.token_urlsafe(32)
        self._certificates = Certificates()
        self._parent = os.getppid()
        self._connections: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, stop.set)
        if self._options.with_parent:
            self._watch_parent(loop, stop)
        self._options.state.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="services") as worker:
            cloud = await loop.run_in_executor(worker, Cloud, self._options.seed, self._options.state / ROWS_FILE)
            proxy = Proxy(cloud.services, self._certificates, cloud.faults, cloud.log, worker, gateway=cloud.gateway)
            control = Control(cloud, self._token, worker)
            servers = [
                await self._listen(proxy.connection, self._options.port),
                await self._listen(control.connection, self._options.control_port),
                await self._listen(proxy.plain(cloud.azure.identities), 0),
            ]
            self._announce(cloud, *(each.sockets[0].getsockname()[1] for each in servers))
            await stop.wait()
            await self._end(servers)
            await loop.run_in_executor(worker, cloud.store.close)
            cloud.azure.close()
        (self._options.state / STATE_FILE).unlink(missing_ok=True)

    async def _listen(
        self, connected: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], port: int
    ) -> asyncio.Server:
        async def tracked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                self._connections.add(task)
                task.add_done_callback(self._connections.discard)
            with contextlib.suppress(asyncio.CancelledError):
                await connected(reader, writer)

        return await asyncio.start_server(tracked, LOOPBACK, port, backlog=BACKLOG)

    async def _end(self, servers: list[asyncio.Server]) -> None:
        for each in servers:
            each.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _announce(self, cloud: Cloud, port: int, control_port: int, identity_port: int) -> None:
        ca_file = self._options.state / CA_FILE
        ca_file.write_bytes(self._certificates.ca_pem)
        state = State(
            pid=os.getpid(),
            proxy_url=f"http://{LOOPBACK}:{port}",
            ca_bundle=str(ca_file.resolve()),
            control_url=f"http://{LOOPBACK}:{control_port}",
            control_token=self._token,
            now=utc_text(cloud.population.now),
            aws=cloud.aws_access,
            workspaces=cloud.workspaces,
            logs_ingestion=cloud.logs_ingestion,
            azure=cloud.azure.access(self._options.state.resolve(), f"http://{LOOPBACK}:{identity_port}"),
            identity=cloud.identities.access(),
        )
        write_private(self._options.state / STATE_FILE, state.dump())
        print(f"Local cloud ready: proxy {state.proxy_url}, state in {self._options.state}", flush=True)

    def _watch_parent(self, loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
        """Stop at the end of standard input, which the parent holds open as long as it lives."""

        def wait() -> None:
            with contextlib.suppress(OSError, ValueError):
                while os.read(sys.stdin.fileno(), 1024):
                    pass
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(stop.set)

        async def poll() -> None:
            while os.getppid() == self._parent:  # noqa: ASYNC110 - nothing signals a parent's death
                await asyncio.sleep(1)
            stop.set()

        threading.Thread(target=wait, name="parent", daemon=True).start()
        # A fork of the parent may hold its end of the pipe open, so that the parent's id is watched as well.
        self._poll = loop.create_task(poll())
