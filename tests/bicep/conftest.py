"""The example as files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bicep.example import (
    ALERTS,
    ITEMS,
    LOGS,
    MAIN,
    RULE,
    VAULT,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a main file, its modules, and what these load."""
    (tmp_path / "modules").mkdir()
    files = {
        "main.bicep": MAIN,
        "modules/logs.bicep": LOGS,
        "modules/alerts.bicep": ALERTS,
        "one.kql": "One_CL\n",
        "rule.json": json.dumps(RULE),
        "items.json": json.dumps(ITEMS),
        "vault.bicep": VAULT,
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path
