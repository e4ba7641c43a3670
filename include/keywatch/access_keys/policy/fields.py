"""The kinds of values that a policy is made of."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StringConstraints


class PolicyPart(BaseModel):
    """A part of a policy: immutable, and without fields that nobody knows."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


def _account_text(value: Any) -> Any:  # noqa: ANN401 - whatever the file holds
    """Take a number without quotation marks for an account, as YAML reads it where it does not begin with 0."""
    return str(value) if type(value) is int else value


Severity = Literal["critical", "high", "medium", "low"]

Days = Annotated[StrictInt, Field(ge=0, le=36_500)]
Name = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=256, pattern=r"^[^\x00-\x1f]+$")]
Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=1_000)]
UserPattern = Annotated[str, StringConstraints(strict=True, pattern=r"^(?:[\w+=,.@*?-]{1,128}|<root_account>)$")]
RuleId = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
AccountId = Annotated[
    str,
    BeforeValidator(_account_text, json_schema_input_type=str | int),
    StringConstraints(strict=True, pattern=r"^[0-9]{12}$"),
]
KeyId = Annotated[str, StringConstraints(strict=True, pattern=r"^k[A-Z2-7]{26}$")]


IN_WORDS: Final = {
    r"^[^\x00-\x1f]+$": "it has a line break or a control character",
    r"^(?:[\w+=,.@*?-]{1,128}|<root_account>)$": (
        "a user's name as IAM has it, without path or ARN, in which * and ? may stand for others; the root user is "
        "<root_account>"
    ),
    r"^[a-z0-9][a-z0-9-]{0,62}$": "an id is of small letters, digits and hyphens",
    r"^[0-9]{12}$": "an account has 12 digits, and no pattern",
    r"^k[A-Z2-7]{26}$": "a KeyId is k and 26 letters and digits, as KeyId_s has it",
}
"""What it means that a value does not fit a pattern."""


def fits_one(name: str, patterns: Iterable[str]) -> bool:
    """Tell whether a name fits one of some patterns, in which `*` stands for any characters and `?` for one."""
    return any(fnmatchcase(name, pattern.replace("[", "[[]")) for pattern in patterns)
