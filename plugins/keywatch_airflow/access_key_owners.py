"""The step of DAG `access_key_owners`: a table of owners into the report store."""

from __future__ import annotations

import logging

from keywatch.access_keys.owners import read_owner_table
from keywatch.report.owners import take_owners
from keywatch_airflow.policy import owners_file
from keywatch_airflow.report_store import report_writer

log = logging.getLogger(__name__)


def take(table: str | None) -> str:
    """Take a table of owners in whole, in place of the one that was there.

    Args:
        table: CSV, as the run's form has it; None for the file that Airflow's configuration names.

    Returns:
        What changed, for a person.

    Raises:
        OwnerTableError: A line is not usable; nothing was taken.
        ConfigurationError: There is no table.
        StoreUnavailableError: The store cannot be written.
    """
    data, name = (table.encode("utf-8"), "The table of the form") if table and table.strip() else owners_file()
    taken = take_owners(report_writer(), read_owner_table(data, name))
    said = (
        f"{taken.users} users have an owner: {taken.added} are new, {taken.changed} have another one, {taken.removed} "
        f"are no longer in the table. {taken.keys} keys have their owner from it; nobody is known for {taken.unowned}."
    )
    log.info("%s", said)
    return said
