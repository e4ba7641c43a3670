"""An endpoint in a process of its own, as the measuring process sees it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from types import TracebackType
from typing import Any, Self


class Served:
    """Starts an endpoint, gives it settings and asks for its counts: a context manager.

    Args:
        module: The module that serves it when run.
        arguments: The module's.

    Attributes:
        url: Where it answers.
        told: What else it said of itself.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        command = [sys.executable, "-m", module, *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.told: dict[str, str] = json.loads(self._process.stdout.readline())
        self.url = self.told["url"]

    def counts(self) -> dict[str, Any]:
        """Return what was counted since the last settings."""
        return self._control(None)

    def set(self, **settings: Any) -> None:  # noqa: ANN401 - as the endpoint's
        """Give settings; counts begin at zero."""
        self._control(json.dumps(settings).encode("utf-8"))

    def _control(self, body: bytes | None) -> dict[str, Any]:
        request = urllib.request.Request(self.told["control"], body, method="PUT" if body else "GET")  # noqa: S310
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            counts: dict[str, Any] = json.load(answer)
        return counts

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(timeout=10)
        assert self._process.stdout
        self._process.stdout.close()
