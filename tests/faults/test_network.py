"""Every service that the audit asks, with everything that a network does: nothing is lost, and nothing uncounted."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from localcloud import LocalCloud
from tests.faults.audit import Audit, Delivered, raised
from tests.faults.case import Ends
from tests.faults.network import CASES, NetworkCase
from tests.faults.object_store import s3_staging

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_is_lost(
    case: NetworkCase, cloud: LocalCloud, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """However a service fails, every key is stored in the end, copies are counted, and the error is the right one."""
    staging = s3_staging(cloud, case.read_timeout) if case.target.on_s3 else lambda: tmp_path
    audit = Audit(cloud, staging, tmp_path / "report.db", case.target.to, read_timeout=case.read_timeout)
    cloud.inject(case.inject)

    if case.ends is Ends.REFUSED:
        error = raised(audit)
        assert type(error) is case.error
        assert case.end.words in str(error)
        cloud.clear_faults()
        if case.to_clear:
            audit.clear(case.to_clear)
    published = audit.run()

    delivered = Delivered.of(audit)
    served = [request for request in cloud.requests() if request.fault == case.inject.kind]
    assert served
    assert (delivered.missing, delivered.surplus) == (set(), set())
    assert delivered.copies <= published["perhaps_twice"]
    assert len(audit.failed) == case.end.red
    if case.ends is Ends.SURVIVED and not case.error:
        warned = any(
            record.levelno >= logging.WARNING for record in caplog.records if record.name.startswith("keywatch")
        )
        assert warned == ("a warning in the task's log" in case.sees)
    if case.ends is Ends.SURVIVED:
        assert (published["perhaps_twice"] > 0) == case.end.twice
        assert {type(error) for _, error in audit.failed} <= {case.error}
