"""The matrix itself."""

from __future__ import annotations

from collections import Counter

from tests.faults.case import Ends
from tests.faults.matrix import DOCUMENT, MATRIX, document


def test_document_shows_the_matrix() -> None:
    """docs/faults.md is what `make generate` writes."""
    assert document() == DOCUMENT.read_text(encoding="utf-8")


def test_no_case_stands_for_two() -> None:
    """Every case has a name of its own, and says what happens."""
    names = Counter(map(str, MATRIX))

    assert [name for name, count in names.items() if count > 1] == []
    assert all(all(case.row()) for case in MATRIX)


def test_refusal_has_an_error() -> None:
    """Who refuses says so with an error of ours."""
    assert [str(case) for case in MATRIX if case.ends is Ends.REFUSED and case.error is None] == []
