"""Airflow beside a command of ours: its connections, without its words."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from typing import IO, Final

PROCESS_CONTEXT: Final = "_AIRFLOW_PROCESS_CONTEXT"
"""By which Airflow's own commands say that connections are to be looked up in the metadata database too. Outside of a
task and without it, Airflow looks in the environment and in its secrets backend alone."""


@contextlib.contextmanager
def quiet() -> Iterator[IO[str]]:
    """Keep Airflow's and the SDKs' own words away, and let connections be found as Airflow's servers find them.

    Yields:
        Where this process was to write to.
    """
    out, context = sys.stdout, os.environ.get(PROCESS_CONTEXT)
    nowhere = io.StringIO()
    os.environ[PROCESS_CONTEXT] = "server"
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            warnings.simplefilter("ignore")
            yield out
    finally:
        logging.disable(disabled)
        if context is None:
            del os.environ[PROCESS_CONTEXT]
        else:
            os.environ[PROCESS_CONTEXT] = context
