"""`python -m keywatch.portal web` and `python -m keywatch.portal api`: each its own process, behind a reverse proxy."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from keywatch.errors import KeywatchError
from keywatch.portal.settings import CONFIG, read_settings

PORTS: Final = {"web": 8090, "api": 8091}
LARGEST_HEADERS: Final = 32 * 1024
"""Bytes of a request's head."""

GRACE_SECONDS: Final = 10
MOST_CONNECTIONS: Final = 1_000
"""Beyond these, requests are answered by 503."""

KEPT_OPEN_SECONDS: Final = 75
"""Longer than reverse proxies keep a connection in their pool, so that it is not closed under a request."""


def main(argv: Sequence[str] | None = None) -> int:
    """Serve one of the two apps until it is told to stop.

    Args:
        argv: Its name and options; None means those of this process.

    Returns:
        The exit code: 2 if the configuration is not usable.
    """
    parser = argparse.ArgumentParser(prog="python -m keywatch.portal", description=__doc__)
    parser.add_argument("app", choices=PORTS, help="the web app, or the web API behind it")
    parser.add_argument(
        "--config", type=Path, default=os.environ.get(CONFIG), help=f"the TOML file; without it, of {CONFIG}"
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, help="default: 8090 of the web app, 8091 of the API")
    options = parser.parse_args(argv)
    if options.config is None:
        parser.error(f"name the configuration with --config, or in {CONFIG}")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("alembic", "azure", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("msal").setLevel(logging.CRITICAL)  # it writes down whole answers that it cannot read
    try:
        _serve(options.app, options.config, options.host, options.port or PORTS[options.app])
    except KeywatchError as error:
        print(f"keywatch.portal {options.app}: {error}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 2
    return 0


def _serve(app: str, config: Path, host: str, port: int) -> None:
    import uvicorn

    from keywatch.portal.serving import api_app, web_app

    settings = read_settings(config, os.environ)
    uvicorn.run(
        web_app(settings) if app == "web" else api_app(settings),
        host=host,
        port=port,
        access_log=False,  # its lines have whole addresses, and codes are in those
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=LARGEST_HEADERS,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=KEPT_OPEN_SECONDS,
        limit_concurrency=MOST_CONNECTIONS,
        log_config=None,
        http="h11",
    )


if __name__ == "__main__":
    sys.exit(main())
