"""A policy's text into a policy, or into errors that name the line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from keywatch.access_keys.policy.fields import IN_WORDS
from keywatch.access_keys.policy.model import Path, Policy
from keywatch.access_keys.policy.yaml_lines import Lines, YamlError, read_yaml
from keywatch.errors import PolicyError

LARGEST: Final = 4_000_000
"""Bytes of a policy."""

SHOWN: Final = 20
"""Errors that a message lists."""

SHOWN_OF_VALUE: Final = 60
"""Characters of a value that a message repeats."""

DEFAULT: Final = files("keywatch.access_keys.policy") / "default.yaml"
"""The policy of whoever has none: what the CIS benchmark asks for, and nobody is asked for anything."""


def read_policy(data: bytes, name: str) -> Policy:
    """Read a policy.

    Args:
        data: The file, YAML in UTF-8.
        name: Of the file, for messages.

    Raises:
        PolicyError: It is not usable; the message names each line and what to do.
    """
    if len(data) > LARGEST:
        raise PolicyError(f"{name} has {len(data):,} bytes, and a policy at most {LARGEST:,}. Use patterns.")
    try:
        content, lines = read_yaml(data.decode("utf-8-sig"))
    except YamlError as error:
        raise PolicyError(f"{name} is not usable. Line {error.line}: {error}.") from error
    except UnicodeDecodeError as error:
        raise PolicyError(f"{name} is not UTF-8 at byte {error.start}. Save it as UTF-8.") from error
    try:
        policy = Policy.model_validate(content)
    except ValidationError as error:
        wrong = [(lines.of(each["loc"]), _said(each, lines)) for each in error.errors(include_url=False)]
        raise PolicyError(_message(name, wrong)) from error
    if found := list(policy.contradictions()):
        wrong = [(lines.of(path), f"{_written(path, lines)}: {what}") for path, what in found]
        raise PolicyError(_message(name, wrong))
    return policy


def default_policy() -> Policy:
    """Return the policy of whoever has none.

    Raises:
        PolicyError: The file that comes with this package has been changed.
    """
    return read_policy(DEFAULT.read_bytes(), "The policy that comes with Keywatch")


def _message(name: str, wrong: list[tuple[int, str]]) -> str:
    shown = [f"- line {line}: {said}" for line, said in sorted(wrong)[:SHOWN]]
    more = [f"- and {len(wrong) - SHOWN} more"] * (len(wrong) > SHOWN)
    return "\n".join([f"{name} is not usable. Correct it:", *shown, *more])


def _said(error: ErrorDetails, lines: Lines) -> str:
    """Say where an error is, and what."""
    where = _written(error["loc"], lines)
    return f"{where}: {_what(error)}" if where else _what(error)


def _what(error: ErrorDetails) -> str:
    """Put an error into words."""
    last, context = str(error["loc"][-1]) if error["loc"] else "", error.get("ctx", {})
    match error["type"]:
        case "missing":
            said = f"{last} is missing"
        case "extra_forbidden":
            said = _no_such_field(last)
        case "union_tag_not_found":
            said = "kind is missing"
        case "union_tag_invalid" if context.get("tag") == "None":
            said = "kind is empty"
        case "union_tag_invalid":
            kinds = [each.strip("' ") for each in str(context.get("expected_tags")).split(",")]
            guess = _guess(str(context.get("tag")), kinds)
            said = f"there is no kind {context.get('tag')!r}{guess}; kinds: {', '.join(kinds)}"
        case "string_pattern_mismatch" if error["input"]:
            said = f"{str(error['input'])[:SHOWN_OF_VALUE]!r} does not fit: {IN_WORDS[context['pattern']]}"
        case "greater_than_equal" | "less_than_equal" if last == "version":
            said = "it has to be 1"
        case kind if kind in PLAIN_WORDS:
            said = "it is empty" if error["input"] in (None, "") else PLAIN_WORDS[kind]
        case _:
            said = error["msg"].removeprefix("Value error, ")
    return f"{said[:1].lower()}{said[1:]}"


PLAIN_WORDS: Final = {
    "bool_type": "it takes true or false, without quotation marks",
    "date_type": "a day is written 2027-03-31, without quotation marks",
    "int_from_float": "it takes a whole number, without quotation marks",
    "int_type": "it takes a whole number, without quotation marks",
    "model_attributes_type": "fields with values are expected here, not one value",
    "model_type": "fields with values are expected here, such as version: 1",
    "string_pattern_mismatch": "it is empty",
    "string_too_short": "it is empty",
    "string_type": "one text is expected here",
    "tuple_type": "a list is expected here, such as [a, b]",
}
"""What is said of a value of another kind."""


def _guess(name: str, names: Iterable[str]) -> str:
    return "".join(f"; did you mean {each}?" for each in get_close_matches(name, list(names), 1))


def _no_such_field(name: str) -> str:
    if name in _field_names():
        return "it has no place here; the policy's reference says where it belongs"
    return f"there is no such field{_guess(name, _field_names())}"


def _written(path: Path, lines: Lines) -> str:
    """Write where in the document something is, such as `rules[2].days`."""
    text = ""
    found: Path = ()
    for step in path:
        if (*found, step) not in lines.by_path:
            continue
        found = (*found, step)
        text += f"[{step}]" if isinstance(step, int) else f".{step}" * bool(text) or step
    return text


@cache
def _field_names() -> tuple[str, ...]:
    return tuple(dict.fromkeys(_properties(Policy.model_json_schema())))


def _properties(schema: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(schema, dict):
        for name, value in schema.items():
            yield from value if name == "properties" else ()
            yield from _properties(value)
