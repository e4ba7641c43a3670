"""What is said of new findings: to everybody in one digest, or to each owner."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final

from keywatch.access_keys.policy.model import SEVERITIES, Notify, is_as_severe
from keywatch.report.read_findings import FindingRow
from keywatch_airflow.notice import Notice, url_of_run

SHOWN: Final = 50
"""Findings that a notice lists."""

EVENT: Final = "findings"


@dataclass(slots=True)
class _Gathered:
    """New findings, of which the worst are kept and all are counted."""

    severities: Counter[str] = field(default_factory=Counter)
    rules: Counter[str] = field(default_factory=Counter)
    shown: list[FindingRow] = field(default_factory=list)

    def add(self, row: FindingRow) -> None:
        self.severities[row.severity] += 1
        self.rules[row.rule] += 1
        self.shown.append(row)
        if len(self.shown) > 2 * SHOWN:
            self.cut()

    def cut(self) -> None:
        """Keep the worst, the oldest keys first."""
        self.shown.sort(key=lambda row: (SEVERITIES.index(row.severity), row.key.created or row.first_found, row.id))
        del self.shown[SHOWN:]


def notices(rows: Iterable[FindingRow], notify: Notify, dag_id: str, run_id: str) -> Iterator[Notice]:
    """Yield what is to be said of findings that are new; nothing if none is severe enough.

    Args:
        rows: New findings, by owner.
        notify: Who is told, and of what.
        dag_id: The DAG.
        run_id: Its run.
    """
    severe = (row for row in rows if is_as_severe(row.severity, notify.severity))
    if notify.to == "digest":
        yield from _notice(severe, dag_id, run_id)
    elif notify.to == "owners":
        for owner, of_owner in groupby(severe, key=lambda row: row.key.owner or ""):
            yield from _notice(of_owner, dag_id, run_id, owner)


def _notice(rows: Iterable[FindingRow], dag_id: str, run_id: str, owner: str | None = None) -> Iterator[Notice]:
    found = _Gathered()
    for row in rows:
        found.add(row)
    found.cut()
    if not found.shown:
        return
    total = found.severities.total()
    url = url_of_run(dag_id, run_id)
    title = f"{total} new {'finding' if total == 1 else 'findings'} about access keys{_whose(owner)}"
    yield Notice(EVENT, dag_id, run_id, url, title, _text(found, url, owner), owner or "")


def _whose(owner: str | None) -> str:
    if owner is None:
        return ""
    return f" of {owner}" if owner else " without an owner"


def _text(found: _Gathered, url: str, owner: str | None) -> str:
    counted = ", ".join(f"{found.severities[each]} {each}" for each in SEVERITIES if found.severities[each])
    rules = [f"  {count} by rule {rule}" for rule, count in found.rules.most_common()]
    listed = [_line(row, with_owner=owner is None) for row in found.shown]
    left = found.severities.total() - len(found.shown)
    more = [f"  and {left} more, on Airflow's page Access keys"] * bool(left)
    return "\n".join([f"{counted}:", *rules, "", "The worst:" if left else "All of them:", *listed, *more, "", url])


def _line(row: FindingRow, *, with_owner: bool) -> str:
    key = row.key
    account = f"{key.account_name} ({key.account_id})" if key.account_name else key.account_id
    owner = f", owner {key.owner or 'nobody'}" if with_owner else ""
    return f"  {row.severity}: {key.access_key_id or 'key'} of {key.user_name} in {account}{owner}: {row.reason}"
