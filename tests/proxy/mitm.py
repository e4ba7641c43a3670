"""mitmproxy as a context manager, in upstream mode before the local cloud."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

from localcloud import LocalCloud
from localcloud.airflow_home import PROJECT
from localcloud.standalone import free_port, port_is_free

MITMDUMP: Final = PROJECT / ".cache" / "mitmproxy" / "bin" / "mitmdump"
ADDON: Final = Path(__file__).parent / "addon.py"
READY_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Exchange:
    """A request and its answer as the proxy saw them."""

    method: str
    url: str
    status: int
    request_headers: list[tuple[str, str]] = field(repr=False)
    response_headers: list[tuple[str, str]] = field(repr=False)
    request: bytes = field(repr=False)
    response: bytes = field(repr=False)

    @classmethod
    def load(cls, line: str) -> Self:
        """Read what the addon wrote."""
        found: dict[str, Any] = json.loads(line)
        for name in ("request", "response"):
            found[name] = base64.b64decode(found[name])
        for name in ("request_headers", "response_headers"):
            found[name] = [(key, value) for key, value in found[name]]
        return cls(**found)


class Mitm:
    """A running mitmproxy, whose upstream is the local cloud. It ends TLS with an authority of its own.

    Args:
        cloud: Where it leads.
        folder: For its authority and what it saw.
        auth: `user:password` that it wants; None if anybody may use it.
    """

    def __init__(self, cloud: LocalCloud, folder: Path, auth: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._cloud = cloud
        self._folder = folder
        self._auth = auth
        self._port = free_port()
        self._seen = folder / "seen.ndjson"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its URL, with the credentials that it wants, odd characters as %-escapes."""
        who = f"{quote(self._auth, safe=':')}@" if self._auth else ""
        return f"http://{who}127.0.0.1:{self._port}"

    @property
    def ca_bundle(self) -> Path:
        """Its authority, PEM."""
        return self._folder / "mitmproxy-ca-cert.pem"

    def exchanges(self) -> list[Exchange]:
        """List what it saw, in the order in which the answers came."""
        if not self._seen.exists():
            return []
        return [Exchange.load(line) for line in self._seen.read_text(encoding="utf-8").splitlines()]

    def forget(self) -> None:
        """Begin anew."""
        self._seen.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        options = {
            "confdir": self._folder,
            "seen": self._seen,
            "ssl_verify_upstream_trusted_ca": self._cloud.ca_bundle,
            "connection_strategy": "lazy",
            "http2": "false",
        }
        if self._auth:
            options["proxyauth"] = self._auth
        command = [str(MITMDUMP), "--quiet", "--mode", f"upstream:{self._cloud.proxy_url}", "--scripts", str(ADDON)]
        command += ["--listen-host", "127.0.0.1", "--listen-port", str(self._port)]
        for name, value in options.items():
            command += ["--set", f"{name}={value}"]
        with (self._folder / "mitmdump.log").open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while port_is_free(self._port) or not self.ca_bundle.exists():
            ended = self._process is not None and self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                log = (self._folder / "mitmdump.log").read_text(encoding="utf-8", errors="replace")
                raise TimeoutError(f"mitmproxy did not come up: {log[-2_000:]}")
            time.sleep(0.2)

    def _stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
