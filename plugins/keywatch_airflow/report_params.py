"""The parameters of DAG `access_key_report`: what its form asks, and what its steps get."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final, Literal, TypedDict

from airflow.sdk import Param

from keywatch.errors import ConfigurationError

ACCOUNT_IDS: Final = {"type": "string", "pattern": r"^[0-9]{12}(?!\n)$"}


class ReportParams(TypedDict):
    """The parameters of a run, as its form gives them."""

    organization: bool
    accounts: list[str] | None
    exclude: list[str] | None
    role_name: str | None
    aws_conn_id: str
    destination_conn_id: str | None
    copy_conn_id: str | None
    lookup: Literal["exact", "report"]
    oldest_report_hours: int
    owner_tag: str | None
    chunk_limit: int | None
    concurrency: int
    accounts_at_once: int
    in_flight: int
    batch_size: int
    trace: bool


def report_params(**defaults: object) -> dict[str, Param]:
    """Make the form.

    Args:
        defaults: Values that a parameter has unless a run gives another, as a scheduled run does not; by name.

    Raises:
        ValueError: There is no parameter of that name.
    """
    return with_defaults(_form(), defaults)


def with_defaults(form: dict[str, Param], defaults: Mapping[str, object]) -> dict[str, Param]:
    """Give parameters of a form other values to begin with, by name.

    Raises:
        ValueError: There is no parameter of that name.
    """
    if unknown := sorted(defaults.keys() - form.keys()):
        raise ValueError(f"There is no parameter {', '.join(unknown)}. There are: {', '.join(form)}.")
    for name, value in defaults.items():
        form[name].value = value
    return form


def check_names(params: Mapping[str, object], known: Iterable[str]) -> None:
    """Refuse parameters that a run does not have: a misspelt one would be ignored otherwise.

    Raises:
        ConfigurationError: One is not known.
    """
    known = list(known)
    for name in params:
        if name not in known:
            guess = "".join(f" Did you mean `{each}`?" for each in get_close_matches(name, known, 1))
            raise ConfigurationError(f"The run has no parameter `{name}`.{guess} It takes: {', '.join(known)}.")


def destination_params() -> dict[str, Param]:
    """Make the parameters that say where rows go."""
    return {
        "destination_conn_id": Param(
            "azure_logs_ingestion_default",
            type=["null", "string"],
            title="Destination connection",
            description="Where the rows go: of type Azure Log Analytics (Logs Ingestion) or (Data Collector). Empty: "
            "nowhere but to Airflow's page Access keys.",
        ),
        "copy_conn_id": Param(
            None, type=["null", "string"], title="Copy to", description="Another destination that gets the same rows."
        ),
    }


def delivery_params() -> dict[str, Param]:
    """Make the parameters that say how rows are sent."""
    return {
        "chunk_limit": Param(
            None,
            type=["null", "integer"],
            minimum=200,
            title="Chunk limit (bytes)",
            description="The most bytes of one request before compression. Empty: what suits the destination.",
        ),
        "in_flight": Param(
            8, type="integer", minimum=1, maximum=64, title="In flight", description="Chunks sent side by side."
        ),
    }


def trace_param() -> dict[str, Param]:
    """Make the parameter by which the requests of a run are written down."""
    return {
        "trace": Param(
            default=False,
            type="boolean",
            title="Trace",
            description="Write every request and response of each task as a HAR file into the staging area, without "
            "secrets (docs/debugging.md).",
        )
    }


def _form() -> dict[str, Param]:
    return {
        "organization": Param(
            default=False,
            type="boolean",
            title="Whole organisation",
            description="Audit every account that AWS Organizations lists. Needs a role to assume.",
        ),
        "accounts": Param(
            None,
            type=["null", "array"],
            items=ACCOUNT_IDS,
            title="AWS accounts",
            description="12-digit account ids, one a line: the only ones to audit. Empty: all of the organisation or, "
            "without it, the AWS connection's own account.",
        ),
        "exclude": Param(
            None,
            type=["null", "array"],
            items=ACCOUNT_IDS,
            title="Accounts to leave out",
            description="12-digit account ids, one a line. They are listed as skipped.",
        ),
        "role_name": Param(
            None,
            type=["null", "string"],
            pattern=r"^[A-Za-z0-9_+=,.@/-]{1,512}(?!\n)$",
            title="Role to assume",
            description="The role's name in every account but the connection's own, such as KeywatchAudit.",
        ),
        "aws_conn_id": Param(
            "aws_default", type="string", minLength=1, title="AWS connection", description="A connection of type aws."
        ),
        **destination_params(),
        "lookup": Param(
            "exact",
            type="string",
            enum=["exact", "report"],
            title="Last use",
            description="exact: IAM is asked about every key. report: the credential report says when most keys were "
            "last used, which takes half as many calls; it may be some hours old.",
        ),
        "oldest_report_hours": Param(
            4,
            type="integer",
            minimum=4,
            maximum=168,
            title="Oldest report (hours)",
            description="With lookup report: an older one is made anew. IAM makes one every 4 hours at most.",
        ),
        "owner_tag": Param(
            None,
            type=["null", "string"],
            maxLength=128,
            title="Owner tag",
            description="The tag of IAM users that names who answers for their keys; takes one more call for each user "
            "who has a key. Empty: no tag is read.",
        ),
        **delivery_params(),
        "concurrency": Param(
            32,
            type="integer",
            minimum=1,
            maximum=256,
            title="Concurrency",
            description="Users of one account that are read side by side.",
        ),
        "accounts_at_once": Param(
            4,
            type="integer",
            minimum=1,
            maximum=32,
            title="Accounts at once",
            description="Accounts of one batch that are read side by side. IAM limits each on its own.",
        ),
        "batch_size": Param(
            20, type="integer", minimum=1, maximum=500, title="Batch size", description="Accounts in one batch."
        ),
        **trace_param(),
    }
