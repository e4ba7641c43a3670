"""The sections of a benchmark run as text, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.benchmarks.harness import Demand, Figure, Note, Row

CASE: Final = "case"
WHOLE: Final = 100
TENTHS: Final = 10
HUNDREDTHS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Section:
    """What one benchmark gave.

    Attributes:
        name: The benchmark's name.
        title: What it measures, in a line.
        notes: What a reader has to know first.
        rows: What was measured.
    """

    name: str
    title: str
    notes: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def take(self, item: Note | Row) -> None:
        """Add what a benchmark yielded."""
        if isinstance(item, Note):
            self.notes.append(item.text)
        else:
            self.rows.append(item)

    @property
    def headings(self) -> list[str]:
        """The headings of all rows, in order of appearance."""
        return [CASE, *dict.fromkeys(heading for row in self.rows for heading in row.figures)]

    @property
    def demands(self) -> list[tuple[str, Demand]]:
        """Every demand, with the case that it is made of."""
        return [(row.case, demand) for row in self.rows for demand in row.demands]

    def cells(self) -> list[list[str]]:
        """Return the table's lines, headings first."""
        figures = self.headings[1:]
        lines = [[row.case, *(shown(row.figures.get(heading)) for heading in figures)] for row in self.rows]
        return [self.headings, *lines]

    def as_json(self) -> dict[str, Any]:
        """Return the section for a program."""
        return {"title": self.title, "notes": self.notes, "rows": [row.as_json() for row in self.rows]}


def shown(figure: Figure) -> str:
    """Write a figure with as many digits as mean something."""
    if figure is None or isinstance(figure, str):
        return figure or ""
    if isinstance(figure, int) or abs(figure) >= WHOLE:
        return f"{figure:,.0f}"
    if abs(figure) >= TENTHS:
        return f"{figure:.1f}"
    return f"{figure:.2f}" if abs(figure) >= HUNDREDTHS or not figure else f"{figure:.3f}"


def judged(case: str, demand: Demand) -> tuple[str, str, str, str]:
    """Return a demand's cells: what, figure, limit, verdict."""
    sense = "at least" if demand.at_least else "at most"
    return (
        f"{case}: {demand.what}",
        "none" if demand.value is None else shown(demand.value),
        f"{sense} {shown(demand.limit)}",
        "met" if demand.met else "NOT MET",
    )


def as_text(header: str, sections: Iterable[Section]) -> str:
    """Lay the sections out for a terminal."""
    return "\n\n".join([header, *(_section_text(section) for section in sections)])


def _section_text(section: Section) -> str:
    lines = [f"{section.name}: {section.title}", *(f"  {note}" for note in section.notes), ""]
    lines += _aligned(section.cells())
    if section.demands:
        lines += ["", *_aligned([list(judged(*each)) for each in section.demands])]
    return "\n".join(lines)


def _aligned(lines: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def as_markdown(header: str, sections: Iterable[Section]) -> str:
    """Lay the sections out for a README."""
    return "\n\n".join([header, *(_section_markdown(section) for section in sections)]) + "\n"


def _section_markdown(section: Section) -> str:
    first, *rest = section.cells()
    parts = [f"**{section.name}**: {section.title}. {' '.join(section.notes)}".rstrip(), _pipes(first, rest)]
    if section.demands:
        verdicts = [list(judged(*each)) for each in section.demands]
        parts.append(_pipes(["demand", "measured", "limit", ""], verdicts))
    return "\n\n".join(parts)


def _pipes(headings: list[str], lines: list[list[str]]) -> str:
    rule = ["---", *(["--:"] * (len(headings) - 1))]
    return "\n".join(f"| {' | '.join(line)} |" for line in [headings, rule, *lines])
