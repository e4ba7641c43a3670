"""The tables and the data collection rule that are deployed: from files at the start, then by whoever asks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from localcloud.declared_columns import DefinitionError
from localcloud.definitions import Stream, read_rule, read_table
from localcloud.store import Store

INFRA: Final = Path(__file__).resolve().parents[1] / "infra"
"""The definitions that are deployed at the start."""
TABLES: Final = "tables"
RULE: Final = "data_collection_rule.json"


class DataCollection:
    """One data collection rule, with an endpoint of its own, and the declared tables of all workspaces.

    Attributes:
        workspace: the workspace that the rule sends to.
        streams: what the rule takes, by name.
    """

    def __init__(self, store: Store, workspace: str, infra: Path = INFRA) -> None:
        self._store = store
        self._home = workspace
        self._infra = infra
        self.reset()

    def reset(self) -> None:
        """Deploy the files again, to a store that holds no table."""
        self.workspace = self._home
        self.streams: dict[str, Stream] = {}
        tables = [_read(file) for file in sorted((self._infra / TABLES).glob("*.json"))]
        rule = self._infra / RULE
        self.deploy(self._home, tables, _read(rule) if rule.exists() else None)

    def deploy(
        self, workspace: str, tables: Sequence[Mapping[str, Any]] = (), rule: Mapping[str, Any] | None = None
    ) -> None:
        """Create or change tables of a workspace, then have the rule send there.

        Changing a table does not check the rule again, as little as Azure does: values without a column are dropped.

        Args:
            workspace: the workspace's id.
            tables: bodies of requests that create a table.
            rule: the body of a request that creates the rule; None leaves it as it is.

        Raises:
            DefinitionError: Azure would refuse one of them; those before it are deployed.
        """
        for body in tables:
            table = read_table(body)
            try:
                self._store.declare(workspace, table.name, table.columns)
            except ValueError as error:
                raise DefinitionError(f"InvalidParameter: {error}") from error
        if rule is not None:
            known: Iterable[str] = self._store.declared(workspace)
            self.streams = read_rule(rule, {name: self._store.columns(workspace, name) for name in known})
            self.workspace = workspace


def _read(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8")))
