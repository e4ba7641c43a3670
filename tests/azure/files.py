"""The committed queries and saved functions, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Final

KQL: Final = Path(__file__).parents[2] / "include" / "kql"


def _texts(folder: Path) -> dict[str, str]:
    return {file.stem: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.kql"))}


QUERIES: Final = _texts(KQL)
FUNCTIONS: Final = _texts(KQL / "functions")
