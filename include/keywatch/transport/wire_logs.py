"""botocore's loggers, which write whole requests and answers at DEBUG."""

from __future__ import annotations

import logging


def keep_wire_logs_quiet() -> None:
    """Keep botocore's loggers at INFO or above, for this process.

    At DEBUG they write headers and bodies: full access key ids, signatures and session tokens.
    """
    for name in ("botocore", "boto3", *logging.root.manager.loggerDict):
        if name.split(".")[0] in ("botocore", "boto3"):
            logger = logging.getLogger(name)
            if name in ("botocore", "boto3") or logger.level != logging.NOTSET:
                logger.setLevel(max(logger.level, logging.INFO))
