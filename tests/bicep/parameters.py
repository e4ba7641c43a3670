"""The parameters of a deployment: read from a file, and held against what a Bicep file declares."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.bicep.errors import BicepError, Place
from tests.bicep.functions import is_value
from tests.bicep.syntax import BicepFile, Param, Type
from tests.bicep.values import Runtime, Value, kind_of

SCHEMA: Final = "deploymentParameters.json"
HOLDS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "minLength": lambda value, limit: len(value) >= limit,
    "maxLength": lambda value, limit: len(value) <= limit,
    "minValue": lambda value, limit: value >= limit,
    "maxValue": lambda value, limit: value <= limit,
    "allowed": lambda value, of: all(each in of for each in (value if isinstance(value, list) else [value])),
}


def read_parameters(file: Path, declared: BicepFile) -> dict[str, Value]:
    """Read a parameter file.

    Args:
        file: JSON, as Resource Manager has it.
        declared: The Bicep file that the parameters are for.

    Raises:
        BicepError: It is no such file, or has a parameter that the Bicep file has not.
    """
    try:
        source = file.read_text(encoding="utf-8")
        content = json.loads(source)
    except OSError as error:
        raise BicepError(Place(file, 1), "There is no such file.") from error
    except json.JSONDecodeError as error:
        raise BicepError(Place(file, error.lineno), f"This is no JSON: {error.msg}.") from error
    if not (isinstance(content, dict) and SCHEMA in str(content.get("$schema"))):
        raise BicepError(Place(file, 1), f"The schema of a parameter file is {SCHEMA}.")
    given: dict[str, Value] = {}
    for name, each in content.get("parameters", {}).items():
        place = Place(file, _line_of(name, source))
        if name not in declared.params:
            raise BicepError(place, f"{declared.path.name} has no parameter {name!r}.")
        if not (isinstance(each, dict) and set(each) == {"value"}):
            raise BicepError(place, f"{name} has to have a value, and nothing else.")
        given[name] = each["value"]
    return given


def _line_of(name: str, source: str) -> int:
    match = re.search(rf"{re.escape(json.dumps(name))}\s*:", source)
    return source.count("\n", 0, match.start()) + 1 if match else 1


def from_text(declared: BicepFile, name: str, given: str) -> Value:
    """Return the value of a parameter that was given as text: a string as it is, all else as JSON.

    Raises:
        BicepError: There is no such parameter, or the text is no JSON.
    """
    param = declared.params.get(name)
    if not param:
        raise BicepError(Place(declared.path, 1), f"{declared.path.name} has no parameter {name!r}.")
    if param.type.name == "string" and not param.type.lists:
        return given
    try:
        value: Value = json.loads(given)
    except json.JSONDecodeError as error:
        raise BicepError(param.place, f"{name} has to be {param.type}, as JSON.") from error
    return value


def fits(value: Value, kind: Type) -> bool:
    """Tell whether a value is of a type; what is only known later may be of any."""
    if value is None:
        return kind.nullable
    if not is_value(value):
        return False
    return isinstance(value, Runtime) or _fits(value, kind.name, kind.lists)


def _fits(value: Value, name: str, lists: int) -> bool:
    if lists:
        return isinstance(value, list) and all(_fits(each, name, lists - 1) for each in value)
    return isinstance(value, Runtime) or kind_of(value) == name


def violated(param: Param, value: Value, limits: Mapping[str, Value]) -> Iterator[str]:
    """Find what a parameter's value must not be.

    Args:
        param: The parameter.
        value: Its value.
        limits: The arguments of its decorators, worked out.
    """
    if not fits(value, param.type):
        yield f"{param.name} has to be {param.type}, not {kind_of(value)}."
    elif value is not None and not isinstance(value, Runtime):
        for name, limit in limits.items():
            if name in HOLDS and not HOLDS[name](value, limit):
                yield f"{param.name} violates @{name}({json.dumps(limit)})."
