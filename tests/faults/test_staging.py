"""Staged files that are lost, cut short, altered, or find no room."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from keywatch.report.query import KeyQuery
from localcloud import LocalCloud
from tests.faults.audit import Audit, Delivered, raised
from tests.faults.case import Ends
from tests.faults.staging import CASES, SmallDisk, StagingCase
from tests.keywatch.report.stores import reader_of

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("case", CASES, ids=str)
def test_harm_to_a_staged_file_loses_nothing(case: StagingCase, cloud: LocalCloud, tmp_path: Path) -> None:
    """Whatever happens to a staged file, the error names it, and what the error asks for brings every key in."""
    SmallDisk.full_for.clear()
    audit = Audit(cloud, lambda: SmallDisk(tmp_path), tmp_path / "report.db")
    audit.run_until(case.after)
    before = sent(cloud)
    case.harm(audit)

    if case.ends is Ends.REFUSED:
        error = raised(audit)
        assert type(error) is case.error
        assert case.words in str(error)
        assert str(tmp_path) in str(error)
    assert len(audit.failed) == case.red
    SmallDisk.full_for.clear()
    if case.mend:
        case.mend(audit)
    if case.clear:
        audit.clear(case.clear)
    published = audit.run()

    delivered = Delivered.of(audit)
    assert (delivered.missing, delivered.surplus) == (set(), set())
    assert delivered.copies <= (published["perhaps_twice"] if case.counted else published["accepted"])
    if case.clear in ("load", "publish"):
        assert sent(cloud) == before
    assert reader_of(tmp_path).count(KeyQuery()) == published["keys"]


def sent(cloud: LocalCloud) -> Counter[str]:
    """Count how often each key's record was sent."""
    posts = cloud.requests(action="POST logs", log_type="AWS_Access_Key_Report")
    return Counter(record_id for post in posts for record_id in post.record_ids)
