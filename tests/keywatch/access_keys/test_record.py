"""Ids and times of the records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from keywatch.access_keys.record import shorten
from keywatch.columns import iso_time, stable_id


def test_shorten_keeps_the_first_and_the_last_four() -> None:
    """A key id keeps eight of its characters."""
    assert shorten("AKIAIOSFODNN7EXAMPLE") == "AKIA...MPLE"


def test_iso_time_is_utc_to_the_second() -> None:
    """Any time zone becomes UTC with Z, and fractions go."""
    moment = datetime(2024, 1, 1, 1, 2, 3, 999_999, tzinfo=timezone(timedelta(hours=2)))

    assert iso_time(moment) == "2023-12-31T23:02:03Z"
    assert iso_time(datetime(2024, 2, 29, tzinfo=UTC)) == "2024-02-29T00:00:00Z"


def test_stable_id_is_known() -> None:
    """The ids of stored rows never change: this one was computed with coreutils' sha256sum and base32."""
    assert stable_id("k", "aws", "123456789012") == "k" + "MKATDW3ZIGFNQXCR26WUS63BSA"


@given(st.lists(st.text(st.characters(exclude_categories=())), min_size=1))
def test_stable_id_is_no_guid(parts: list[str]) -> None:
    """Of any parts, an id is a letter and 26 base32 characters, which nothing takes for a GUID or a number."""
    made = stable_id("r", *parts)

    assert made[0] == "r"
    assert len(made) == 27
    assert set(made[1:]) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
