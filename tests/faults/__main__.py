"""`python -m tests.faults`: writes docs/faults.md."""

from __future__ import annotations

from tests.faults.matrix import DOCUMENT, document

DOCUMENT.write_text(document(), encoding="utf-8")
