"""What goes wrong with staged files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from keywatch.errors import (
    KeywatchError,
    StagingDamagedError,
    StagingGoneError,
    StagingUnavailableError,
    StoreUnavailableError,
)
from keywatch.staging import remove_tree
from tests.faults.audit import TRIES, Audit, Step
from tests.faults.case import Case, Ends


class SmallDisk(type(Path())):  # type: ignore[misc]
    """A path on a disk that has no room for some files.

    Attributes:
        full_for: Names of files that find no room.
    """

    full_for: ClassVar[set[str]] = set()

    def open(self, mode: str = "r", *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as pathlib's
        """Open the file; if there is no room for it, the device that says so of every byte (Linux, full(4))."""
        path = Path("/dev/full") if "w" in mode and self.name in self.full_for else Path(self)
        return path.open(mode, *arguments, **options)


@dataclass(frozen=True, kw_only=True)
class StagingCase(Case):
    """One harm to one staged file.

    Attributes:
        after: The step after which it is done.
        harm: Does it.
        clear: The step that the error asks to clear with all behind it; None if the red one alone goes on.
        red: Tries that fail.
        words: A part of what the error says.
        counted: Whether copies are counted: not if the receipts are gone too.
        mend: What a person has to do before a step is cleared.
    """

    after: Step
    harm: Callable[[Audit], None]
    clear: Step | None = None
    red: int = 1
    words: str = ""
    counted: bool = True
    mend: Callable[[Audit], None] | None = None


def file_of(audit: Audit, name: str) -> Path:
    """Find a file of the run by its name in the table below."""
    first = audit.cloud.aws.account_ids[0]
    batch = Path(str(audit.folder.folder)) / "batch-0000"
    return {
        "raw rows": batch / "raw" / f"{first}.ndjson",
        "outcome": batch / "raw" / f"{first}.json",
        "records": batch / "records.ndjson",
        "run.json": batch.parent / "run.json",
        "audit rows": batch.parent / "audit.ndjson",
        "record of the records": batch / "records.json",
        "report store": audit.store,
    }[name]


def cut(name: str) -> Callable[[Audit], None]:
    """Leave half of a file, as a crash does."""

    def harm(audit: Audit) -> None:
        path = file_of(audit, name)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])

    return harm


def alter(name: str) -> Callable[[Audit], None]:
    """Change a byte of a file, and not its length."""

    def harm(audit: Audit) -> None:
        path = file_of(audit, name)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(bytes(content))

    return harm


def take(name: str) -> Callable[[Audit], None]:
    """Remove a file."""
    return lambda audit: file_of(audit, name).unlink()


def fill(name: str) -> Callable[[Audit], None]:
    """Leave no room for a file that is still to be written."""
    return lambda audit: SmallDisk.full_for.add(file_of(audit, name).name)


def take_run(audit: Audit) -> None:
    """Remove everything of the run, as retention does that is set too short."""
    remove_tree(audit.folder.folder)


def cut_store(audit: Audit) -> None:
    """Leave half of the report store, as a crashed file system does, and have it written again."""
    cut("report store")(audit)
    audit.clear("publish")


def spoil_receipts(audit: Audit) -> None:
    """Write something into every receipt, and cut what was in it."""
    folder = Path(str(audit.folder.folder)) / "batch-0000" / "receipts"
    receipts = [path for path in folder.rglob("*") if path.is_file()]
    assert receipts
    for path in receipts:
        path.write_bytes(b'{"first":')


def _full(stage: str, name: str, after: Step) -> StagingCase:
    return _refused(
        stage,
        f"no room for the {name}",
        StagingUnavailableError,
        after,
        fill(name),
        how=f"each of {TRIES} tries is in vain",
        sees="names the file, and says No space left on device",
        words="No space left on device",
        red=TRIES,
    )


def _refused(
    stage: str,
    fault: str,
    error: type[KeywatchError],
    after: Step,
    harm: Callable[[Audit], None],
    **more: Any,  # noqa: ANN401 - the case's own fields
) -> StagingCase:
    usual = {
        "how": "nothing is sent of a file that is not what was written",
        "sees": "names the file, and says that the whole run has to be cleared",
        "words": "Clear the whole run",
        "ends": Ends.REFUSED,
    }
    return StagingCase(stage=stage, fault=fault, error=error, after=after, harm=harm, **(usual | more))


GONE: Final = StagingGoneError
DAMAGED: Final = StagingDamagedError
RAW_AGAIN: Final = {"clear": "extract"}
RUN_AGAIN: Final = {"clear": "list_accounts"}

CASES: Final = (
    _full("extract", "raw rows", "list_accounts"),
    _full("extract", "outcome", "list_accounts"),
    _full("transform", "records", "extract"),
    _full("transform", "record of the records", "extract"),
    _full("publish", "audit rows", "load"),
    _refused(
        "publish",
        "the report store is no file",
        StoreUnavailableError,
        "load",
        lambda audit: audit.store.mkdir(),
        how=f"each of {TRIES} tries is in vain",
        sees="names the file, and says that it cannot be opened",
        words="unable to open database file",
        red=TRIES,
        mend=lambda audit: audit.store.rmdir(),
    ),
    _refused("transform", "raw rows cut short", DAMAGED, "extract", cut("raw rows"), **RAW_AGAIN),
    _refused("transform", "a byte of the raw rows altered", DAMAGED, "extract", alter("raw rows"), **RAW_AGAIN),
    _refused("transform", "raw rows removed", GONE, "extract", take("raw rows"), **RAW_AGAIN),
    _refused("transform", "an account's outcome cut short", GONE, "extract", cut("outcome"), **RAW_AGAIN),
    _refused("load", "records cut short", DAMAGED, "transform", cut("records"), clear="transform"),
    _refused("load", "a byte of the records altered", DAMAGED, "transform", alter("records"), clear="transform"),
    _refused("load", "records removed", GONE, "transform", take("records"), clear="transform"),
    _refused(
        "publish", "record of the records cut short", DAMAGED, "load", cut("record of the records"), clear="transform"
    ),
    _refused(
        "publish", "record of the records removed", GONE, "load", take("record of the records"), clear="transform"
    ),
    _refused("load", "the run's folder removed", GONE, "transform", take_run, **RUN_AGAIN),
    _refused("extract", "run.json cut short", DAMAGED, "list_accounts", cut("run.json"), **RUN_AGAIN),
    _refused("publish", "run.json cut short", DAMAGED, "load", cut("run.json"), **RUN_AGAIN),
    _refused(
        "publish",
        "the run's folder removed",
        GONE,
        "load",
        take_run,
        **RUN_AGAIN,
        sees="names the file, and says that the whole run has to be cleared; all is sent again then, "
        "uncounted, for the receipts are gone too",
        counted=False,
    ),
    StagingCase(
        stage="load, again",
        fault="receipts cut short",
        ends=Ends.SURVIVED,
        how="a receipt's name is all of it",
        sees="nothing: no record is sent again",
        after="load",
        harm=spoil_receipts,
        clear="load",
        red=0,
    ),
    _refused(
        "publish, again",
        "the report store cut short",
        StoreUnavailableError,
        "publish",
        cut_store,
        how=f"each of {TRIES} tries is in vain; once the file is removed, it is made anew",
        sees="names the file; what earlier runs had counted is gone with it",
        words="malformed",
        red=TRIES,
        mend=take("report store"),
        clear="publish",
    ),
)
