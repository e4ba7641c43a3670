"""The key owners' portal on the local cloud: web app and API, each its process, behind the gateway."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import requests

from localcloud.client import LocalCloud
from localcloud.identity_model import API_HOST, B2C, EXTERNAL, OPENID, WEB_HOST, ProviderAccess
from localcloud.standalone import free_port

READY_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
WEB_URL: Final = f"https://{WEB_HOST}"
API_URL: Final = f"https://{API_HOST}"
CONTEXT: Final = "c1"
"""The authentication context that means a second factor with `external`."""

ACR: Final = "2"
"""The class that means one with `openid`."""


@dataclass(frozen=True)
class Portal:
    """A running portal.

    Attributes:
        config: Its configuration.
        folder: With the logs of its processes.
        processes: Those, by the app's name.
    """

    config: Path
    folder: Path
    processes: Mapping[str, subprocess.Popen[bytes]]

    def log(self) -> str:
        """Give what both have written so far."""
        return "".join((self.folder / f"{app}.log").read_text(encoding="utf-8") for app in self.processes)

    def command(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - of subprocess
        """Run `keywatch portal` with these arguments."""
        return portal_command(self.config, *arguments, **options)


def portal_command(config: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401 - of subprocess
    """Run `keywatch portal` with these arguments on a configuration.

    Raises:
        subprocess.CalledProcessError: It failed, unless `check` is false.
    """
    command = [str(Path(sys.executable).with_name("keywatch")), "portal", *arguments, "--config", str(config)]
    return subprocess.run(command, **({"check": True, "text": True, "capture_output": True} | options))  # noqa: PLW1510 - it is among the options


def write_config(
    cloud: LocalCloud, provider: str, folder: Path, *, store: Path, secret: bool = False, **session: int
) -> Path:
    """Write the configuration of a portal that signs people in by one of the local cloud's providers.

    Args:
        cloud: The local cloud.
        provider: b2c, external or openid.
        folder: For it, and for the sessions.
        store: The report store, a SQLite file.
        secret: Whether the web app proves itself to `openid` by a secret.
        session: `idle_minutes` and `absolute_hours`, if they are to be others.
    """
    access = cloud.identity.provider(provider)
    values = {
        "web_url": WEB_URL,
        "api_url": API_URL,
        "store": f"sqlite:///{store.resolve()}",
        "sessions": f"sqlite:///{folder.resolve() / 'sessions.db'}",
        "support": "cloud-security@keywatch.example",
        "provider": _section(access, secret=secret),
        "vault": {"url": cloud.azure.vault_url},
        "session": session,
        "transport": {"proxy": cloud.proxy_url, "ca_bundle": str(cloud.ca_bundle), "attempts": 3, "backoff": 0.1},
    }
    file = folder / "portal.toml"
    file.write_text("\n".join(_toml(values)) + "\n", encoding="utf-8")
    return file


@contextlib.contextmanager
def running_portal(cloud: LocalCloud, config: Path, folder: Path) -> Iterator[Portal]:
    """Run web app and API until the block ends, and have the gateway lead to them.

    Args:
        cloud: The local cloud.
        config: From `write_config`.
        folder: For the logs.

    Raises:
        TimeoutError: One did not start; its log is in the message.
    """
    env = os.environ | cloud.identity_environment()
    with contextlib.ExitStack() as stack:
        processes = {}
        for app, host in (("api", API_HOST), ("web", WEB_HOST)):
            port = free_port()
            processes[app] = stack.enter_context(_served(app, config, port, folder / f"{app}.log", env))
            cloud.serve_at(host, port)
            stack.callback(cloud.serve_no_longer, host)
        yield Portal(config, folder, processes)


@contextlib.contextmanager
def _served(app: str, config: Path, port: int, log: Path, env: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "keywatch.portal", app, "--config", str(config), "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait_until_ready(process, port, log)
            yield process
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    with requests.Session() as session:
        session.trust_env = False
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(requests.RequestException):
                if session.get(f"http://127.0.0.1:{port}/healthz", timeout=2).ok:
                    return
            time.sleep(0.1)
    raise TimeoutError(f"The portal did not start; the end of {log}:\n{log.read_text(encoding='utf-8')[-3000:]}")


def _section(access: ProviderAccess, *, secret: bool) -> dict[str, Any]:
    """Write section `provider`."""
    if access.name == OPENID:
        proof = {"secret": access.secret_name} if secret else {"certificate": access.certificate_name}
        client_id = access.secret_client_id if secret else access.client_id
        return {
            "flavour": "openid",
            "issuer": access.issuer,
            "client_id": client_id,
            "audience": access.audience,
            "acr": ACR,
            **proof,
        }
    common: dict[str, Any] = {
        "tenant_id": access.tenant_id,
        "client_id": access.client_id,
        "api_client_id": access.api_client_id,
        "api_uri": access.scope_prefix.rstrip("/"),
    }
    own: dict[str, dict[str, Any]] = {
        B2C: {
            "flavour": "b2c",
            "tenant": access.tenant_domain.partition(".")[0],
            "secret": access.secret_name,
            "local_accounts_only": True,
        },
        EXTERNAL: {
            "flavour": "entra",
            "host": access.host,
            "authentication_context": CONTEXT,
            "certificate": access.certificate_name,
        },
    }
    return common | own[access.name]


def _toml(values: Mapping[str, Any], *above: str) -> Iterator[str]:
    """Write TOML, tables last; its texts and numbers are JSON's."""
    for name, value in values.items():
        if not isinstance(value, Mapping):
            yield f"{name} = {json.dumps(value)}"
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield f"[{'.'.join((*above, name))}]"
            yield from _toml(value, *above, name)
