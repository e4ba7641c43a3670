"""Results as lines for people and as a document for tickets."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from keywatch.doctor.model import Result, State
from keywatch.doctor.report import Text, as_json, authorities, conclusion, document, ok

GOOD = Result("dns", "a.example", State.PASSED, 12, "It is 10.0.0.1.", None, {})
BAD = Result("tls", "a.example", State.FAILED, 1234, "It is not trusted. " * 9, "Add its authority. " * 3, {"x": 1})
AFTER = Result("token", "application x", State.SKIPPED, 0, "Not tried, since it needs tls of a.example.", None, {})


@pytest.mark.parametrize("width", [70, 80, 120])
def test_lines_are_wrapped_and_aligned(width: int) -> None:
    """No line is wider than the terminal, and the text of all steps begins in one column."""
    text = Text(width, color=False)
    lines = "\n".join(map(text.lines, (GOOD, BAD, AFTER))).splitlines()

    assert max(map(len, lines)) <= width
    assert {lines[0].index("a.example")} == {len(line) - len(line.lstrip()) for line in lines if line.startswith(" ")}
    assert lines[1].startswith("FAILED   tls ")


def test_lines_of_a_narrow_terminal_are_still_readable() -> None:
    """A terminal that is too narrow for columns does not get one word a line."""
    assert len(Text(20, color=False).lines(GOOD).splitlines()) < 4


def test_remedy_stands_below_the_finding() -> None:
    """What to do is marked."""
    assert "-> Add its authority." in Text(80, color=False).lines(BAD)


def test_colors_only_where_they_are_shown() -> None:
    """Without colours there are no escape sequences, with them the state has one, and the columns stay."""
    assert "\x1b" not in Text(80, color=False).lines(BAD)
    painted = Text(80, color=True).lines(BAD)
    assert painted.startswith("\x1b[31;1mFAILED\x1b[0m ")
    assert painted.replace("\x1b[31;1m", "").replace("\x1b[0m", "") == Text(80, color=False).lines(BAD)


def test_ending_names_the_first_cause_and_what_to_do() -> None:
    """The last sentence is about the first step that failed."""
    ending = Text(200, color=False).ending([GOOD, BAD, AFTER])

    assert ending.strip().startswith("The cause is at step tls of a.example: It is not trusted.")
    assert "Add its authority." in ending
    assert "1 passed, 1 failed, 1 skipped" in ending.replace("\n", " ")


def test_ending_of_success_says_so() -> None:
    """Steps that there was no need for are no failure."""
    assert conclusion([GOOD, AFTER]) == "This connection works."
    assert ok([GOOD, AFTER])
    assert not ok([GOOD, BAD])


def test_document_has_stable_names() -> None:
    """A ticket's reader finds everything under the same names."""
    made = document("one", "aws", datetime(2026, 11, 28, 12, tzinfo=UTC), "0.1.0", [GOOD, BAD])
    read = json.loads(as_json(made))

    assert list(read) == ["connection", "type", "started", "version", "ok", "steps"]
    assert (read["connection"], read["type"], read["started"]) == ("one", "aws", "2026-11-28T12:00:00Z")
    assert read["ok"] is False
    assert read["steps"][0] == {
        "step": "dns",
        "subject": "a.example",
        "state": "passed",
        "milliseconds": 12,
        "finding": "It is 10.0.0.1.",
        "remedy": None,
        "details": {},
    }


def test_authorities_are_named_once_each() -> None:
    """One authority that was presented by several hosts is one to save."""
    results = [Result("tls", str(n), State.FAILED, 0, "", "", {"authority_pem": pem}) for n, pem in enumerate("aab")]

    assert list(authorities([GOOD, *results])) == ["a", "b"]
