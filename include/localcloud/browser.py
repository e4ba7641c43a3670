"""`python -m localcloud browser`: a Chromium with a throw-away profile that sees the local cloud, and nothing else."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from localcloud.client import LocalCloud, LocalCloudError
from localcloud.portal import WEB_URL

STATE: Final = Path(".airflow") / "localcloud"
NAMES: Final = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge", "brave-browser"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)


def main(argv: list[str]) -> int:
    """Open the portal, until the window is closed."""
    parser = argparse.ArgumentParser(prog="python -m localcloud browser", description=__doc__)
    parser.add_argument("--url", default=WEB_URL, help="what to open (default: %(default)s)")
    parser.add_argument("--state", type=Path, default=STATE, help="folder of the local cloud's state")
    options, further = parser.parse_known_args(argv)
    try:
        cloud = LocalCloud.attach(options.state)
    except LocalCloudError as error:
        print(f"{error} Start it first: make up", file=sys.stderr)
        return 1
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        print(
            f"There is no Chromium. Have another browser use the proxy {cloud.proxy_url} and trust the certificate "
            f"authority {cloud.ca_bundle}, and open {options.url}.",
            file=sys.stderr,
        )
        return 1
    with tempfile.TemporaryDirectory(prefix="keywatch-browser-", ignore_cleanup_errors=True) as profile:
        unboxed = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium has none for root
        return subprocess.call([program, *_arguments(cloud, profile), *unboxed, *further, options.url])


def _arguments(cloud: LocalCloud, profile: str) -> list[str]:
    """Say how the browser reaches the local cloud.

    The profile trusts any certificate, as it can reach nothing but the local cloud, and is thrown away.
    """
    return [
        f"--user-data-dir={profile}",
        f"--proxy-server={cloud.proxy_url}",
        "--proxy-bypass-list=<-loopback>",
        "--ignore-certificate-errors",
        "--no-first-run",
        "--no-default-browser-check",
        "--disable-background-networking",
    ]
