"""docker-compose.yaml as podman-compose reads it, which needs neither docker nor podman for that."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

PROJECT: Final = Path(__file__).parents[1]
COMMAND: Final = [str(Path(sys.executable).parent / "podman-compose"), "--dry-run", "--env-file", os.devnull]


class ComposeError(Exception):
    """The file is not usable as it is; the message is podman-compose's."""


def read(variables: Mapping[str, str], profiles: Sequence[str] = ()) -> dict[str, Any]:
    """Read docker-compose.yaml.

    Args:
        variables: All that it may take from the environment.
        profiles: Those that are switched on.

    Raises:
        ComposeError: A required variable is missing, or the file is not one of compose's.
    """
    chosen = [f"--profile={each}" for each in profiles]
    finished = subprocess.run(
        [*COMMAND, "--file", str(PROJECT / "docker-compose.yaml"), *chosen, "config"],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode:
        raise ComposeError(finished.stderr)
    content: dict[str, Any] = yaml.safe_load(finished.stdout)
    return content
