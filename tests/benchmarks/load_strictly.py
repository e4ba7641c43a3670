"""Loading into the local cloud, which checks tokens, sizes and columns, and stores every row: did all arrive once?"""

from __future__ import annotations

import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

from keywatch.log_analytics.logs_ingestion import IngestionEndpoint
from localcloud import LocalCloud, Seed
from tests.benchmarks.harness import report, stopwatch
from tests.benchmarks.load import prepared
from tests.benchmarks.records import records
from tests.expected import KEYS_TABLE
from tests.keywatch.credentials.reach import CLOUD, credential
from tests.keywatch.reach import transport_to


def main(way: str, size: str) -> None:
    """Load in one way, then compare what is stored with what was sent."""
    with LocalCloud(seed=Seed(accounts=1, users=1)) as cloud, tempfile.TemporaryDirectory() as folder:
        os.environ |= cloud.identity_environment()
        send = prepared(way, int(size), strict_endpoint(cloud), Path(folder))
        with stopwatch() as watch:
            send()
        posts = [post for post in cloud.requests(action="POST logs") if f"{post.log_type}_CL" == KEYS_TABLE]
        stored = Counter(row["RecordId_s"] for row in cloud.query(f"{KEYS_TABLE} | project RecordId_s"))
    sent = Counter(record["RecordId"] for record in records(int(size)))
    report(
        watch,
        requests=len(posts),
        bytes=sum(post.body_bytes for post in posts),
        missing=(sent - stored).total(),
        surplus=(stored - sent).total(),
    )


def strict_endpoint(cloud: LocalCloud) -> IngestionEndpoint:
    """Describe the local cloud's rule."""
    return IngestionEndpoint(
        url=cloud.logs_ingestion.endpoint,
        rule_id=cloud.logs_ingestion.rule_id,
        credential=credential(cloud),
        scope=CLOUD.monitor_scope,
        hosts=CLOUD.ingestion_hosts,
        transport=transport_to(cloud),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
