"""What `make test-cluster` does about servers that are not installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def test_missing_servers_are_named_where_they_cannot_be_installed(tmp_path: Path) -> None:
    """Without apt-get it stops, and says which command installs what it needs."""
    (tmp_path / "id").symlink_to(str(shutil.which("id")))
    script = Path(__file__).with_name("install.sh")
    finished = subprocess.run(
        ["/bin/bash", str(script)], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 1
    assert "sudo apt-get install --no-install-recommends postgresql redis-server" in finished.stderr
