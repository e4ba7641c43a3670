"""`python -m tests.cluster FOLDER`: the cluster and a small local cloud, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from localcloud import LocalCloud, Seed
from tests.cluster.cluster import Cluster

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    folder = Path(sys.argv[1])
    with (
        LocalCloud(folder / "localcloud", Seed(auditor_key=False)) as cloud,
        Cluster(folder / "cluster", cloud) as cluster,
    ):
        sys.stdout.write(f"{cluster.url}, user admin, password {cluster.password}\n")
        sys.stdout.flush()
        signal.pause()
