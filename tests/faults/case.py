"""What one row of the fault matrix says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from keywatch.errors import KeywatchError


class Ends(StrEnum):
    """What becomes of a run."""

    SURVIVED = "survived"
    """It ends well, with every record stored, and nobody has to do anything."""
    REFUSED = "refused"
    """A step fails with an error that says what to do. Once that is done and the step cleared, all is there."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One fault at one stage. Subclasses add how to bring it about.

    Attributes:
        stage: What is hit, such as `extract`.
        fault: What goes wrong.
        ends: What becomes of the run.
        how: By what means.
        sees: What the user sees of it.
        error: The class of the error with which a step fails, at first or for good; None if none does.
    """

    stage: str
    fault: str
    ends: Ends
    how: str
    sees: str
    error: type[KeywatchError] | None = None

    def __str__(self) -> str:
        """Name the case in pytest's output."""
        return f"{self.stage}: {self.fault}"

    def row(self) -> list[str]:
        """Return the case's row in the table, in the order of `HEADINGS`."""
        error = f"`{self.error.__name__}`: " if self.error else ""
        return [self.stage, self.fault, self.ends, self.how, f"{error}{self.sees}"]


HEADINGS = ["stage", "fault", "ends", "how", "what you see"]
