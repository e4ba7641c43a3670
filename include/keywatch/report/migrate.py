"""The store's schema: which one it has, and how it becomes the one that this version knows."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, column, inspect, select, table, text

from keywatch.errors import StoreSchemaError
from keywatch.report.engine import SCHEMA


def migrate(engine: Engine, revision: str = "head") -> None:
    """Give a store the schema of this version, in one transaction; what is in it stays.

    Args:
        engine: For writing.
        revision: The schema to reach.

    Raises:
        StoreSchemaError: The store is a later version's.
    """
    with engine.begin() as connection:
        # Whoever may create no schema may find it there: PostgreSQL asks who does it, even where it is not needed.
        if connection.dialect.name == "postgresql" and not inspect(connection).has_schema(SCHEMA):
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        current = current_revision(connection)
        _refuse_later(current)
        if current == _revisions()[0]:
            return
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def check_schema(connection: Connection) -> bool:
    """See that a store has the schema of this version.

    Returns:
        False if there is nothing in it yet.

    Raises:
        StoreSchemaError: It has another.
    """
    current = current_revision(connection)
    if current is None:
        return False
    _refuse_later(current)
    head = _revisions()[0]
    if current != head:
        raise StoreSchemaError(
            f"The report store has schema {current}, and this version of Keywatch needs {head}. The next run of "
            "access_key_report migrates it; nothing is lost."
        )
    return True


def current_revision(connection: Connection) -> str | None:
    """Tell which schema a store has; None if none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(select(column("version_num")).select_from(table("alembic_version")))
    return revision


def _refuse_later(revision: str | None) -> None:
    if revision is not None and revision not in _revisions():
        raise StoreSchemaError(
            f"The report store has schema {revision!r}, which a later version of Keywatch has given it. Install that "
            "version here too: in every worker, and where Airflow's API server runs."
        )


@cache
def _revisions() -> tuple[str, ...]:
    """List the schemas that this version knows, its own first."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("keywatch.report") / "migrations").replace("%", "%%"))
    return config
