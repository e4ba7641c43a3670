"""Values that follow one another at even steps: those of `range`, and the bins of `make-series`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from localcloud.kql.data import KqlError, family
from localcloud.kql.expressions import WHOLE
from localcloud.kql.scope import Expression

MOST: Final = 2**20
"""How many values there may be, as in a series of Kusto's."""


@dataclass(frozen=True)
class Steps:
    """Numbers or moments from a first one on.

    Attributes:
        kind: of the values.
        start: the first value.
        end: no value is above it.
        step: from one to the next.
        count: how many there are.
    """

    kind: str
    start: Any
    end: Any
    step: Any
    count: int

    def values(self) -> list[Any]:
        """Give all values."""
        return [self.start + number * self.step for number in range(self.count)]

    def number(self, value: Any) -> int | None:  # noqa: ANN401 - a number or moment
        """Give the number of the last value that is not above this one; None if this is not between start and end."""
        if value is None or not self.start <= value < self.end:
            return None
        return min(int((value - self.start) // self.step), self.count - 1)


def stepped(what: str, start: Expression, end: Expression, step: Expression, *, inclusive: bool) -> Steps:
    """Give the values from a constant to another.

    Args:
        what: the operator, for messages.
        start: the first value.
        end: no value is above it.
        step: from one value to the next.
        inclusive: whether `end` can be the last value.

    Raises:
        KqlError: the three do not belong together, or there are too many values.
    """
    kind = _kind(what, start, end, step)
    first, last, size = (each.value({}) for each in (start, end, step))
    if None in (first, last, size):
        raise KqlError(f"{what} from {start.text} to {end.text} step {step.text}: one of them is null")
    if size <= size - size:
        raise KqlError(f"{what} takes a step above zero, not {step.text}")
    first = float(first) if kind == "real" else first
    count = max((last - first) // size + 1 if inclusive else -((first - last) // size), 0)
    if count > MOST:
        raise KqlError(f"{what} would give {int(count)} values; {MOST} are allowed")
    return Steps(kind, first, last, size, int(count))


def _kind(what: str, start: Expression, end: Expression, step: Expression) -> str:
    kinds = [each.kind for each in (start, end, step)]
    if kinds == ["datetime", "datetime", "timespan"]:
        return "datetime"
    if {family(kind) for kind in kinds} == {"number"}:
        return "long" if WHOLE.issuperset(kinds) else "real"
    raise KqlError(f"{what} goes from a moment to another by time spans, or by numbers, not as {', '.join(kinds)}")
