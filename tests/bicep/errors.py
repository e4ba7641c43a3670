"""Where something stands in a file, and what is wrong there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Place:
    """A line of a file."""

    file: Path
    line: int


class BicepError(Exception):
    """A mistake in a Bicep file, or Bicep that this package does not speak.

    Attributes:
        place: Where it is.
        message: What is wrong.
    """

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(place, message)
        self.place = place
        self.message = message

    def __str__(self) -> str:
        return f"{self.place.file}:{self.place.line}: {self.message}"
