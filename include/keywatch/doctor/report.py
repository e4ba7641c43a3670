"""What was found, for people and for tickets."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final

from keywatch.doctor.model import Result, State

COLORS: Final = {State.PASSED: "32", State.FAILED: "31;1", State.SKIPPED: "2"}
STEP_WIDTH: Final = 13
NARROWEST: Final = 30
WIDEST: Final = 160


class Text:
    """Writes results as lines, aligned and wrapped.

    Args:
        width: Columns of the terminal.
        color: Whether it shows colours.
    """

    def __init__(self, width: int, *, color: bool) -> None:
        self._width = min(width, WIDEST)
        self._color = color

    def heading(self, conn_id: str, kind: str | None) -> str:
        """Return the first line."""
        return f"Connection {conn_id}{f', of type {kind}' if kind else ''}\n"

    def lines(self, result: Result) -> str:
        """Return the lines of one step."""
        label = result.state.upper() if result.state is State.FAILED else result.state
        head = f"{label:<8} {result.step:<{STEP_WIDTH}} {result.milliseconds:>6} ms  "
        said = [f"{result.subject}: {result.finding}", *([f"-> {result.remedy}"] if result.remedy else [])]
        room = max(self._width - len(head), NARROWEST)
        wrapped = [line for text in said for line in textwrap.wrap(text, room, break_on_hyphens=False)]
        lines = [head + wrapped[0], *(" " * len(head) + line for line in wrapped[1:])]
        return self._painted("\n".join(line.rstrip() for line in lines), result.state, len(label))

    def ending(self, results: Sequence[Result]) -> str:
        """Return the last paragraph: the cause, which is the first step that failed, and what to do."""
        counts = ", ".join(f"{sum(each.state is state for each in results)} {state}" for state in State)
        sentence = conclusion(results)
        return "\n" + "\n".join(textwrap.wrap(f"{sentence} ({counts})", self._width, break_on_hyphens=False))

    def _painted(self, text: str, state: State, length: int) -> str:
        if not self._color:
            return text
        return f"\x1b[{COLORS[state]}m{text[:length]}\x1b[0m{text[length:]}"


def conclusion(results: Sequence[Result]) -> str:
    """Name the cause: the first step that failed, and what to do."""
    first = next((each for each in results if each.state is State.FAILED), None)
    if first is None:
        return "This connection works."
    return f"The cause is at step {first.step} of {first.subject}: {first.finding} {first.remedy or ''}".rstrip()


def ok(results: Iterable[Result]) -> bool:
    """Tell whether no step failed."""
    return all(each.state is not State.FAILED for each in results)


def document(
    conn_id: str, kind: str | None, started: datetime, version: str, results: Sequence[Result]
) -> dict[str, object]:
    """Return everything as a document whose names stay what they are.

    Args:
        conn_id: The connection.
        kind: Its type; None if there is no such connection.
        started: When the examination began, UTC.
        version: Keywatch's.
        results: In their order.
    """
    return {
        "connection": conn_id,
        "type": kind,
        "started": started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "version": version,
        "ok": ok(results),
        "steps": [
            {
                "step": each.step,
                "subject": each.subject,
                "state": str(each.state),
                "milliseconds": each.milliseconds,
                "finding": each.finding,
                "remedy": each.remedy,
                "details": dict(each.details),
            }
            for each in results
        ],
    }


def as_json(values: dict[str, object]) -> str:
    """Write such a document."""
    return json.dumps(values, indent=2, ensure_ascii=False)


def authorities(results: Iterable[Result]) -> Iterator[str]:
    """Yield the certificate authorities, as PEM and once each, that were presented and are not trusted."""
    seen: set[str] = set()
    for each in results:
        pem = each.details.get("authority_pem")
        if isinstance(pem, str) and pem not in seen:
            seen.add(pem)
            yield pem
