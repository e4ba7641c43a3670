"""The policy and the table of owners, where Airflow's configuration says that they are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from airflow.sdk.configuration import conf

from keywatch.access_keys.owners import LARGEST, OwnerBook
from keywatch.access_keys.policy.model import OwnerPattern, Policy
from keywatch.access_keys.policy.read import default_policy, read_policy
from keywatch.errors import ConfigurationError, KeywatchError, StagingUnavailableError
from keywatch.pipeline.list_accounts import OwnersOf
from keywatch.staging import read_file
from keywatch_airflow.report_store import report_reader
from keywatch_airflow.settings import SECTION

log = logging.getLogger(__name__)

POLICY: Final = "policy"
OWNERS: Final = "owners"


def configured_policy() -> Policy:
    """Return the policy that `[keywatch] policy` names, or the one that comes with Keywatch.

    Raises:
        PolicyError: It is not usable; the message names each line.
        ConfigurationError: There is no such file.
        StagingUnavailableError: It cannot be read at the moment.
    """
    name = conf.get(SECTION, POLICY, fallback="")
    return read_policy(_file(POLICY, name), name) if name else default_policy()


def owners_file() -> tuple[bytes, str]:
    """Return the file that `[keywatch] owners` names, and its name.

    Raises:
        ConfigurationError: None is named, or there is no such file.
        StagingUnavailableError: It cannot be read at the moment.
    """
    name = conf.get(SECTION, OWNERS, fallback="")
    if not name:
        raise ConfigurationError(
            "There is no table of owners: paste one into the run's form, or set [keywatch] owners to a file's path."
        )
    return _file(OWNERS, name), name


def owners_of_accounts() -> OwnersOf:
    """Return who answers for whose keys: by the table in the report store, then by the policy's patterns.

    A policy that is not usable stops no report: its patterns are left out, and that is logged; `access_key_findings`
    fails of it.
    """
    patterns = _patterns()

    def owners_of(account_ids: Sequence[str]) -> OwnerBook:
        return OwnerBook(_table(account_ids), patterns)

    return owners_of


def _table(account_ids: Sequence[str]) -> dict[tuple[str, str], str]:
    try:
        return report_reader().owners(account_ids)
    except KeywatchError as error:  # of a schema, which the end of this very run mends, or of a store out of reach
        log.error("No owner is found in the table of owners: %s", error)  # noqa: TRY400 - the message says it all
        return {}


def _patterns() -> tuple[OwnerPattern, ...]:
    try:
        return configured_policy().owners
    except Exception as error:  # noqa: BLE001 - nothing that is wrong with a policy may stop a report
        log.error("No owner is found by a pattern of the policy, for it cannot be used: %s", error)  # noqa: TRY400 - the message says it all
        return ()


def _file(option: str, name: str) -> bytes:
    from airflow.sdk import ObjectStoragePath

    try:
        path = ObjectStoragePath(name)
        size = path.stat().st_size
        data = read_file(path) if size <= LARGEST else b""
    except StagingUnavailableError:
        raise
    except Exception as error:  # whatever the file system or an object store's client has to say
        raise ConfigurationError(
            f"{name}, which [keywatch] {option} names, cannot be read ({type(error).__name__}: {error}). Correct "
            "it, or see that every worker may read it."
        ) from error
    if size > LARGEST:
        raise ConfigurationError(f"{name}, which [keywatch] {option} names, has more than {LARGEST:,} bytes.")
    return data
