"""The SDKs' loggers that write whole requests and answers."""

from __future__ import annotations

import logging
from typing import Final

QUIETEST: Final = {
    "aiobotocore": logging.INFO,
    "azure": logging.ERROR,
    "boto3": logging.INFO,
    "botocore": logging.INFO,
    "iam_rolesanywhere_session": logging.INFO,
    "msal": logging.INFO,
}
"""The lowest level that each may write at. azure-core writes a dozen lines of headers per request
at INFO, and azure-identity, at WARNING, whatever it was told by whoever refused it; our errors say that with care."""


def keep_wire_logs_quiet() -> None:
    """Keep the SDKs' loggers from writing what they send and get, for this process.

    At DEBUG that is headers and bodies: full access key ids, signatures, session tokens and client assertions.
    """
    for name in (*QUIETEST, *logging.root.manager.loggerDict):
        lowest = QUIETEST.get(name.split(".")[0])
        if lowest is not None:
            logger = logging.getLogger(name)
            if name in QUIETEST or logger.level != logging.NOTSET:
                logger.setLevel(max(logger.level, lowest))
