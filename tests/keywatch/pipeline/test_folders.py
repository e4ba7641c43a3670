"""Where a run's files lie, and for how long."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keywatch.pipeline.folders import RunFolder, remove_expired_runs
from tests.keywatch.pipeline.staged import ACCOUNTS, begun, raw_row, stage_account

NOW = datetime(2024, 3, 31, tzinfo=UTC)
WEEK = timedelta(days=7)


@given(st.text(max_size=200), st.text(max_size=200))
def test_run_folder_has_a_safe_name_of_its_own(one: str, other: str) -> None:
    """Any run id makes a name that every store takes; different run ids make different names."""
    names = [RunFolder(Path("/staging"), run_id).name for run_id in (one, other)]

    assert all(re.fullmatch(r"[A-Za-z0-9._-]{9,89}", name) for name in names)
    assert (names[0] == names[1]) == (one == other)


def test_run_folder_is_readable() -> None:
    """Whoever looks into the staging area recognises the run."""
    name = RunFolder(Path("/staging"), "manual__2024-03-01T00:00:00+00:00").name

    assert name.startswith("manual__2024-03-01T00-00-00-00-00-")


def test_batch_folder_gives_back_an_outcome(tmp_path: Path) -> None:
    """How an account's reading ended is read as it was written; of another account nothing is known."""
    run = begun(tmp_path)
    outcome = stage_account(run, ACCOUNTS[0], [raw_row(ACCOUNTS[0], "alice")], status="partial", reason="denied")

    assert run.batch(0).outcome(ACCOUNTS[0]) == outcome
    assert run.batch(0).outcome(ACCOUNTS[1]) is None


def test_batch_folder_takes_a_note_cut_short_for_none(tmp_path: Path) -> None:
    """A note cut short in writing says nothing."""
    run = begun(tmp_path)
    stage_account(run, ACCOUNTS[0], [])
    path = run.batch(0).folder / "raw" / f"{ACCOUNTS[0]}.json"
    path.write_bytes(path.read_bytes()[:20])

    assert run.batch(0).outcome(ACCOUNTS[0]) is None


def test_dead_letters_appear_with_the_first(tmp_path: Path) -> None:
    """A run without rejected rows has no file of them."""
    run = begun(tmp_path)
    with run.dead_letters("nothing") as letters:
        pass

    assert letters.by_subject == {}
    assert not (tmp_path / "dead-letters").exists()


def test_dead_letters_written_before_an_error_stay(tmp_path: Path) -> None:
    """An error after a letter does not take it away."""
    run = begun(tmp_path)

    def fail_midway() -> None:
        with run.dead_letters("load") as letters:
            letters.add(ACCOUNTS[0], "too large", "{}")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_midway()

    (file,) = (tmp_path / "dead-letters" / run.name).iterdir()
    assert file.read_text() == '{"subject":"111111111111","reason":"too large","row":"{}"}\n'


def test_expired_runs_are_removed_and_nothing_else(tmp_path: Path) -> None:
    """Runs older than the time to keep go, with everything in them; younger ones and dead letters stay."""
    current = begun(tmp_path, "current", "2024-03-31T00:00:00Z")
    old = begun(tmp_path, "old", "2024-03-23T23:59:59Z")
    young = begun(tmp_path, "young", "2024-03-24T00:00:00Z")
    stage_account(old, ACCOUNTS[0], [raw_row(ACCOUNTS[0], "alice")])
    with old.dead_letters("load") as letters:
        letters.add(ACCOUNTS[0], "too large", "{}")

    assert remove_expired_runs(current, WEEK, NOW) == [old.name]
    assert {current.name, young.name} == {path.name for path in (tmp_path / "runs").iterdir()}
    assert (tmp_path / "dead-letters" / old.name / "load.ndjson").exists()


@pytest.mark.parametrize("keep", [timedelta(0), WEEK])
def test_expired_runs_never_include_the_current(keep: timedelta, tmp_path: Path) -> None:
    """A run that is cleared weeks later, or keeps nothing, still has its own files in the end."""
    current = begun(tmp_path, "current", "2024-01-01T00:00:00Z")

    assert remove_expired_runs(current, keep, NOW) == []
    assert current.folder.exists()


@pytest.mark.parametrize("note", [None, b"", b"{", b"[]", b"{}", b'{"listed_at":null}', b'{"listed_at":"long ago"}'])
def test_expired_runs_never_include_what_cannot_be_read(note: bytes | None, tmp_path: Path) -> None:
    """A folder whose age cannot be told is kept: it may be a run that is being made, or not a run's at all."""
    current = begun(tmp_path, "current")
    strange = tmp_path / "runs" / "strange"
    strange.mkdir()
    if note is not None:
        (strange / "run.json").write_bytes(note)
    (tmp_path / "runs" / "a file").touch()

    assert remove_expired_runs(current, WEEK, NOW) == []
    assert strange.exists()


def test_expired_runs_take_a_time_without_zone(tmp_path: Path) -> None:
    """A note written by hand, without a time zone, does not stop the run that cleans up."""
    current = begun(tmp_path, "current")
    by_hand = begun(tmp_path, "by hand", "2024-01-01T00:00:00")

    assert remove_expired_runs(current, WEEK, NOW) == [by_hand.name]


def test_expired_runs_of_an_empty_staging_area_are_none(tmp_path: Path) -> None:
    """Where nothing was staged there is nothing to remove."""
    assert remove_expired_runs(RunFolder(tmp_path, "current"), WEEK, NOW) == []
