"""Runs inside mitmproxy: writes down each exchange that it saw, one JSON object a line, secrets and all.

mitmdump --scripts tests/proxy/addon.py --set seen=<file>
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from mitmproxy import ctx, http


class Seen:
    """Notes exchanges as they end."""

    def load(self, loader: Any) -> None:  # noqa: ANN401 - mitmproxy's
        """Declare the option that names the file."""
        loader.add_option("seen", str, "", "Where exchanges are written")

    def response(self, flow: http.HTTPFlow) -> None:
        """Note one."""
        response = flow.response
        if response is None:
            return
        exchange = {
            "method": flow.request.method,
            "url": flow.request.pretty_url,
            "status": response.status_code,
            "request_headers": list(flow.request.headers.items(multi=True)),
            "request": base64.b64encode(flow.request.content or b"").decode("ascii"),
            "response_headers": list(response.headers.items(multi=True)),
            "response": base64.b64encode(response.content or b"").decode("ascii"),
        }
        with Path(ctx.options.seen).open("a", encoding="utf-8") as file:
            file.write(json.dumps(exchange) + "\n")


addons = [Seen()]
