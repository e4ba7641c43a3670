"""Bicep's functions, as far as they are supported."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bicep.values import ModuleHandle, Placed, ResourceHandle, Runtime, Scope, UnfitError, Value, json_text, text

Implementation = Callable[..., Value]
NAMESPACE: Final = uuid.UUID("11111111-2222-5333-8444-555555555555")


@dataclass(frozen=True)
class Surroundings:
    """Where a file is worked out.

    Attributes:
        folder: What its paths are relative to.
        tenant: The tenant.
        subscription: The subscription.
        group: The resource group, if it is deployed to one.
    """

    folder: Path
    tenant: Scope
    subscription: Scope
    group: Scope | None


@dataclass(frozen=True)
class Function:
    """A function, and how many arguments it takes.

    Attributes:
        call: Takes the surroundings and the arguments; raises ValueError or OSError if it cannot.
        least: How many arguments it needs.
        most: How many it takes; None for any number.
    """

    call: Implementation
    least: int
    most: int | None

    def takes(self, count: int) -> bool:
        """Tell whether it takes that many arguments."""
        return count >= self.least and (self.most is None or count <= self.most)


FUNCTIONS: Final[dict[str, Function]] = {}


def _function(name: str, least: int, most: int | None) -> Callable[[Implementation], Implementation]:
    def register(call: Implementation) -> Implementation:
        FUNCTIONS[name] = Function(call, least, most)
        return call

    return register


def _text(value: Value) -> str:
    if isinstance(value, str | Runtime):
        return str(value)
    raise UnfitError("A text is expected")


def _number(value: Value) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise UnfitError("A number is expected")


def _list(value: Value) -> list[Value]:
    if isinstance(value, list):
        return value
    raise UnfitError("An array is expected")


def _known(value: Value) -> Value:
    if isinstance(value, Runtime):
        raise UnfitError(f"{value} is only known once it is deployed")
    return value


def _loaded(around: Surroundings, path: Value) -> str:
    return (around.folder / _text(path)).read_bytes().decode("utf-8")


@_function("loadTextContent", 1, 1)
def _load_text_content(around: Surroundings, path: Value) -> str:
    return _loaded(around, path)


@_function("loadJsonContent", 1, 1)
def _load_json_content(around: Surroundings, path: Value) -> Value:
    loaded: Value = json.loads(_loaded(around, path))
    return loaded


@_function("any", 1, 1)
def _any(_: Surroundings, value: Value) -> Value:
    return value


@_function("string", 1, 1)
def _string(_: Surroundings, value: Value) -> str:
    return text(value)


@_function("union", 1, None)
def _union(_: Surroundings, *given: Value) -> Value:
    if all(isinstance(each, dict) for each in given):
        merged = given[0]
        for each in given[1:]:
            merged = _merged(merged, each)
        return merged
    found: list[Value] = []
    for item in (item for each in given for item in _list(each)):
        if item not in found:
            found.append(item)
    return found


def _merged(left: Value, right: Value) -> Value:
    if not (isinstance(left, dict) and isinstance(right, dict)):
        return right
    entries = {**left, **{key: _merged(left.get(key), value) for key, value in right.items()}}
    placed = [each for each in (left, right) if isinstance(each, Placed)]
    if not placed:
        return entries
    places = {key: place for each in placed for key, place in each.places.items()}
    return Placed(placed[-1].place, entries, places)


@_function("concat", 1, None)
def _concat(_: Surroundings, *given: Value) -> Value:
    if any(isinstance(each, list) for each in given):
        return [item for each in given for item in _list(each)]
    return "".join(text(each) for each in given)


@_function("length", 1, 1)
def _length(_: Surroundings, value: Value) -> int:
    if isinstance(value, str | list | dict):
        return len(value)
    raise UnfitError(f"{_known(value)} has no length")


@_function("empty", 1, 1)
def _empty(_: Surroundings, value: Value) -> bool:
    return value is None or _length(_, value) == 0


@_function("contains", 2, 2)
def _contains(_: Surroundings, container: Value, item: Value) -> bool:
    _known(item)
    if isinstance(container, dict):
        return _text(item).lower() in {key.lower() for key in container}
    if isinstance(container, str):
        return text(item) in container
    return item in _list(_known(container))


@_function("map", 2, 2)
def _map(_: Surroundings, items: Value, each: Value) -> list[Value]:
    return [_called(each, item) for item in _list(items)]


@_function("filter", 2, 2)
def _filter(_: Surroundings, items: Value, wanted: Value) -> list[Value]:
    return [item for item in _list(items) if _called(wanted, item) is True]


def _called(function: Value, item: Value) -> Value:
    if not callable(function):
        raise UnfitError("A lambda is expected")
    called: Value = function(item)
    return called


@_function("toLower", 1, 1)
def _to_lower(_: Surroundings, given: Value) -> str:
    return _text(given).lower()


@_function("replace", 3, 3)
def _replace(_: Surroundings, given: Value, old: Value, new: Value) -> str:
    return _text(given).replace(_text(old), _text(new))


@_function("range", 2, 2)
def _range(_: Surroundings, start: Value, count: Value) -> list[int]:
    return list(range(_number(start), _number(start) + _number(count)))


@_function("guid", 1, None)
def _guid(_: Surroundings, *given: Value) -> str:
    """Return an id that depends on the arguments alone; not the one that Resource Manager makes of them."""
    return str(uuid.uuid5(NAMESPACE, json_text([_text(each) for each in given])))


@_function("tenant", 0, 0)
def _tenant(around: Surroundings) -> Scope:
    return around.tenant


@_function("subscription", 0, 0)
def _subscription(around: Surroundings) -> Scope:
    return around.subscription


@_function("resourceGroup", 0, 1)
def _resource_group(around: Surroundings, name: Value = None) -> Scope:
    if name is not None:
        return group_scope(around.subscription, _text(name))
    if around.group is None:
        raise UnfitError("There is no resource group in a deployment to a subscription")
    return around.group


def group_scope(subscription: Scope, name: str, location: Value = None) -> Scope:
    """Return a resource group as a scope.

    Args:
        subscription: The subscription that it is in.
        name: The name of the group.
        location: Where it is, if that is known.
    """
    id_ = f"{subscription.id}/resourceGroups/{name}"
    kind = "Microsoft.Resources/resourceGroups"
    where = f"<resourceGroups/{name}.location>" if location is None else location
    return Scope("resourceGroup", id_, {"id": id_, "name": name, "type": kind, "location": where, "tags": {}})


@_function("subscriptionResourceId", 2, None)
def _subscription_resource_id(around: Surroundings, *given: Value) -> str:
    kind, *names = (_text(each) for each in given)
    return resource_id(around.subscription.id, kind, names)


def resource_id(scope: str, kind: str, names: Sequence[str]) -> str:
    """Return a resource id.

    Args:
        scope: The id of what the resource is in.
        kind: The resource type.
        names: One name for each part of the type but the provider.

    Raises:
        UnfitError: There are more or fewer names.
    """
    provider, *types = kind.split("/")
    if len(types) != len(names):
        raise UnfitError(f"{kind} is named by {len(types)}, not by {len(names)}")
    steps = "".join(f"/{each}/{name}" for each, name in zip(types, names, strict=True))
    is_group = kind == "Microsoft.Resources/resourceGroups"
    return f"{scope}{steps}" if is_group else f"{scope}/providers/{provider}{steps}"


def is_value(value: Value) -> bool:
    """Tell whether something may be a property, parameter or output."""
    return not isinstance(value, Scope | ResourceHandle | ModuleHandle) and not callable(value)
