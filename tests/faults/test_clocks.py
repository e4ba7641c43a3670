"""A clock that is an hour off, and is set right."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from localcloud import LocalCloud
from tests.faults.audit import Audit, Delivered, raised, utc_now
from tests.faults.clocks import CASES, ClockCase

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("case", CASES, ids=str)
def test_clock_that_is_off_is_named(case: ClockCase, cloud: LocalCloud, tmp_path: Path) -> None:
    """Who signs with a wrong clock is refused, told so, and delivers everything once the clock is right."""
    audit = Audit(cloud, lambda: tmp_path, tmp_path / "report.db", case.to)
    audit.run_until("list_accounts" if case.aws else "transform")
    cloud.set_aws_clock(case.aws)
    audit.clock = lambda: utc_now() + timedelta(seconds=case.worker)

    error = raised(audit)
    assert type(error) is case.error
    assert case.words in str(error)
    assert len(audit.failed) == 1
    cloud.set_aws_clock(0)
    audit.clock = utc_now
    published = audit.run()

    delivered = Delivered.of(audit)
    assert (delivered.missing, delivered.surplus, delivered.copies) == (set(), set(), 0)
    assert published["perhaps_twice"] == 0
