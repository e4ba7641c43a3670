"""JSON objects that every reader would read alike: what is ambiguous, endless or no number is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, Final, NoReturn

DEEPEST: Final = 16
"""Objects and lists in one another."""

TOO_DEEP: Final = f"it has more than {DEEPEST} objects and lists in one another"


class AmbiguousError(ValueError):
    """Readers of JSON differ on what it says."""


def read_object(encoded: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Args:
        encoded: As UTF-8.

    Returns:
        Its members, each name of every object in it once (RFC 7515, section 4; RFC 8725, section 2.4).

    Raises:
        ValueError: It is no UTF-8, no JSON, no object, or deeper than `DEEPEST`; or it has a name twice, a number that
            is none, or half a character.
    """
    try:
        value = json.loads(
            encoded.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite
        )
    except AmbiguousError:
        raise
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    except ValueError:  # whose words may be of the text
        raise ValueError("it is no JSON, as UTF-8") from None
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - of whoever sent it, not of the program
    _check(value)
    return value


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    whole = dict(members)
    if len(whole) != len(members):
        raise AmbiguousError("it has a name twice")
    return whole


def _no_number(_constant: str) -> NoReturn:
    raise AmbiguousError("it has a number that JSON does not know")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise AmbiguousError("it has a number that is too large")
    return value


def _check(value: dict[str, Any]) -> None:
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return
    raise ValueError(TOO_DEEP)


def _inside(value: object) -> Iterable[Any]:
    """Return what is in a value; UTF-8 has no form of half a surrogate pair (RFC 8259, section 8.2)."""
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise AmbiguousError("it has half a character") from None
    return ()
