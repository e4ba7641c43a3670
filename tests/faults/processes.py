"""What goes wrong with the processes of a run, and with whoever starts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from localcloud import Fault, FaultKind
from tests.faults.case import Case, Ends

STAGES: Final = ("list_accounts", "audit.extract", "audit.transform", "audit.load", "publish", "verdict")


@dataclass(frozen=True, kw_only=True)
class KillCase(Case):
    """SIGKILL for the process of a task, at its first try.

    Attributes:
        task: The task's id.
        hold: Keeps the task busy; None kills it as soon as it is there.
        stored: Rows of keys that must be stored before.
        process: Whether the task's own process is killed.
        supervisor: Whether Airflow's process is killed that started it.
        copies: Chunks that may be stored twice.
    """

    task: str
    hold: Fault | None = None
    stored: int = 0
    process: bool = True
    supervisor: bool = False
    copies: int = 0


def _killed(
    task: str, fault: str, how: str = "the task's next try", sees: str = "one red try, and a green one", **more: object
) -> KillCase:
    given = {"ends": Ends.SURVIVED, "stage": task.removeprefix("audit."), "fault": fault, "how": how, "sees": sees}
    return KillCase(task=task, **(given | more))  # type: ignore[arg-type]


SLOW_IAM: Final = Fault(FaultKind.DELAY, action="ListUsers", seconds=2, count=None)
SLOW_POSTS: Final = Fault(
    FaultKind.DELAY, action="POST logs", log_type="AWS_Access_Key_Report", seconds=0.2, count=None
)
NO_POST: Final = Fault(FaultKind.DELAY, action="POST logs", log_type="AWS_Access_Key_Report", seconds=30)
RESUMED: Final = "the task's next try, which sends what has no receipt"
COUNTED: Final = "one red try, and a green one; records in flight at that moment are counted in `perhaps_twice`"

KILLS: Final = (
    _killed("list_accounts", "killed"),
    _killed("audit.extract", "killed while it reads", hold=SLOW_IAM),
    _killed("audit.transform", "killed"),
    _killed("audit.load", "killed while it sends", RESUMED, COUNTED, hold=SLOW_POSTS, stored=10, copies=2),
    _killed(
        "audit.load",
        "killed after a chunk was stored and before its receipt was written",
        "the task's next try, which sends that chunk again",
        "one red try, and a green one; the chunk's records are counted in `perhaps_twice`",
        hold=NO_POST,
        stored=1,
        copies=2,
    ),
    _killed(
        "audit.load",
        "killed together with its supervisor",
        f"{RESUMED}, once Airflow misses its heartbeat",
        COUNTED,
        hold=SLOW_POSTS,
        stored=10,
        supervisor=True,
        copies=2,
    ),
    _killed("publish", "killed"),
    _killed("verdict", "killed"),
)


@dataclass(frozen=True, kw_only=True)
class AgainCase(Case):
    """A run, or a part of it, that is made again or beside another."""


def _again(stage: str, fault: str, how: str, sees: str) -> AgainCase:
    return AgainCase(stage=stage, fault=fault, ends=Ends.SURVIVED, how=how, sees=sees)


ORPHAN: Final = _again(
    "load",
    "its supervisor killed, while its process lives on and sends beside the next try",
    "it stops as soon as the next try begins, which sends what has no receipt",
    "one red try, and a green one; what it had under way is counted in `perhaps_twice`",
)
CLEARED: Final = _again("whole run", "cleared and run again", "receipts cover every record", "nothing is sent again")
LOAD_CLEARED: Final = _again("load", "cleared and run again", "receipts cover every record", "nothing is sent again")
FORGOTTEN: Final = _again(
    "whole run",
    "cleared and run again, after its staged files were removed",
    "everything is read and sent again, with the same `RecordId`s",
    "every record twice in the table and once in `AccessKeys()`; not counted, for the receipts are gone",
)
SIDE_BY_SIDE: Final = _again(
    "whole run",
    "another run of the same accounts at the same time",
    "each run has its own staged files and receipts",
    "every record once of each run, with the same `RecordId`, and once in `AccessKeys()`",
)

CASES: Final[tuple[Case, ...]] = (*KILLS, ORPHAN, CLEARED, LOAD_CLEARED, FORGOTTEN, SIDE_BY_SIDE)
