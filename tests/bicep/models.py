"""What Microsoft's SDKs say a resource has: properties with their names on the wire, types and limits.

The SDKs have two styles of models. The older has the tables `_attribute_map` and `_validation`; the newer has fields
with annotations.
"""

from __future__ import annotations

import re
import sys
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeAlias

from tests.bicep.kinds import KINDS, Kind
from tests.bicep.values import UnfitError

WIRE_TYPES: Final[Mapping[str, str]] = {
    "str": "str",
    "int": "int",
    "bool": "bool",
    "float": "float",
    "object": "any",
    "duration": "duration",
    "iso-8601": "time",
    "base64": "str",
    "unix-time": "int",
}
ANNOTATED: Final[Mapping[Any, str]] = {str: "str", int: "int", bool: "bool", float: "float"}


@dataclass(frozen=True)
class Scalar:
    """A value without parts; `any` may have some.

    Attributes:
        type: One of the values of `WIRE_TYPES`.
        allowed: The values that an enumeration knows; empty for any.
        limits: `max_length`, `minimum` and the like.
    """

    type: str
    allowed: tuple[Any, ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ListOf:
    """An array."""

    item: Shape


@dataclass(frozen=True)
class MapOf:
    """An object with any keys."""

    item: Shape


@dataclass(frozen=True)
class Property:
    """A property of an object.

    Attributes:
        shape: What it is.
        required: Whether it has to be set.
        readonly: Whether only Azure sets it.
    """

    shape: Shape
    required: bool
    readonly: bool


@dataclass(frozen=True)
class Group:
    """An object whose properties are all known.

    Attributes:
        name: What a message calls it.
        properties: By name.
        others: What further properties are, if there may be any.
    """

    name: str
    properties: Mapping[str, Property]
    others: Shape | None = None

    @property
    def needs_something(self) -> bool:
        """Whether anything in it is required."""
        return any(
            each.required or (isinstance(each.shape, Group) and each.shape.needs_something)
            for each in self.properties.values()
        )


@dataclass(frozen=True)
class Structure:
    """An object that a class of an SDK describes, which is looked at when it is needed: some contain themselves.

    Attributes:
        model: The class.
        models: The module with the classes that it refers to.
    """

    model: Any
    models: ModuleType

    def group(self, value: Mapping[str, Any]) -> Group:
        """Return what an object has, which may depend on one of its properties.

        Raises:
            UnfitError: That property has a value that the SDK does not know.
        """
        for attribute, subtypes in _subtypes(self.model).items():
            key = _attributes(self.model)[attribute]["key"].replace("\\.", ".")
            if key in value:
                if value[key] not in subtypes:
                    raise UnfitError(f"{key!r} is one of {', '.join(subtypes)}, not {value[key]!r}")
                return Structure(getattr(self.models, subtypes[value[key]]), self.models).group(value)
        return _group(self.model, self.models)


Shape: TypeAlias = Scalar | ListOf | MapOf | Group | Structure


def api_versions(kind: Kind) -> list[str]:
    """Return the API versions of a resource type that an SDK speaks."""
    spec = find_spec(kind.package)
    folders = [Path(each) for each in (spec.submodule_search_locations if spec else None) or []]
    pattern = f"v*/operations/{kind.operations}.py" if kind.versioned else f"operations/{kind.operations}.py"
    sources = [file for folder in folders for file in folder.glob(pattern)]
    found = {version for file in sources for version in _versions_in(file)}
    return sorted(found)


@cache
def _versions_in(source: Path) -> frozenset[str]:
    return frozenset(re.findall(r'"api-version", "([\w-]+)"', source.read_text(encoding="utf-8")))


def sent(resource_type: str, api_version: str) -> Structure:
    """Return what a resource has when it is sent."""
    return _structure(resource_type, api_version, KINDS[resource_type].sent)


def read(resource_type: str, api_version: str) -> Structure:
    """Return what a resource has when it is read."""
    return _structure(resource_type, api_version, KINDS[resource_type].read)


@cache
def _structure(resource_type: str, api_version: str, model: str) -> Structure:
    kind = KINDS[resource_type]
    version = f".v{api_version.replace('-', '_')}" if kind.versioned else ""
    models = import_module(f"{kind.package}{version}.models")
    return Structure(getattr(models, model), models)


def at(shape: Shape, path: tuple[str | int, ...]) -> Shape | None:
    """Return what is at a path within a shape; None if nothing is."""
    for step in path:
        inner = _step(shape, step)
        if not inner:
            return None
        shape = inner
    return shape


def _step(shape: Shape, step: str | int) -> Shape | None:
    if isinstance(shape, Scalar):
        return shape if shape.type == "any" else None
    if isinstance(shape, ListOf):
        return shape.item if isinstance(step, int) else None
    if isinstance(step, int):
        return None
    if isinstance(shape, MapOf):
        return shape.item
    group = shape.group({}) if isinstance(shape, Structure) else shape
    found = group.properties.get(step)
    return found.shape if found else group.others


def _attributes(model: type) -> Mapping[str, Mapping[str, str]]:
    attributes: Mapping[str, Mapping[str, str]] = getattr(model, "_attribute_map", {})
    return attributes


def _subtypes(model: type) -> Mapping[str, Mapping[str, str]]:
    """Return the models that a model itself stands for, not those of its base, which it inherits."""
    subtypes: Mapping[str, Mapping[str, str]] = vars(model).get("_subtype_map", {})
    return subtypes


@cache
def _group(model: Any, models: ModuleType) -> Group:  # noqa: ANN401 - a class of either style
    properties: dict[tuple[str, ...], Property] = {}
    others: Shape | None = None
    for path, each in _older(model, models) if _attributes(model) else _newer(model, models):
        if path == ("",):
            others = each.shape.item if isinstance(each.shape, MapOf) else each.shape
        else:
            properties[path] = each
    return _nested(model.__name__, properties, others)


def _nested(name: str, properties: Mapping[tuple[str, ...], Property], others: Shape | None) -> Group:
    """Make groups of paths: an SDK flattens what is `properties` on the wire."""
    found: dict[str, Property] = {}
    for first in dict.fromkeys(path[0] for path in properties):
        inner = {path[1:]: each for path, each in properties.items() if path[0] == first}
        flat = inner.pop((), None)
        found[first] = flat or Property(_nested(f"{name}.{first}", inner, None), required=False, readonly=False)
    return Group(name, found, others)


def _older(
    model: Any,  # noqa: ANN401 - a class of the older style
    models: ModuleType,
) -> Iterator[tuple[tuple[str, ...], Property]]:
    hints = typing.get_type_hints(model.__init__, {**vars(sys.modules[model.__module__]), "_models": models})
    validation: Mapping[str, Mapping[str, Any]] = getattr(model, "_validation", {})
    for attribute, described in _attributes(model).items():
        rules = dict(validation.get(attribute, {}))
        readonly, required = bool(rules.pop("readonly", False)), bool(rules.pop("required", False))
        rules.pop("constant", None)
        path = tuple(step.replace("\\.", ".") for step in re.split(r"(?<!\\)\.", described["key"]))
        shape = _wire_shape(described["type"], models, tuple(_known(hints.get(attribute))), rules)
        yield path, Property(shape, required, readonly)


def _wire_shape(written: str, models: ModuleType, allowed: tuple[Any, ...], limits: Mapping[str, Any]) -> Shape:
    if written.startswith("["):
        return ListOf(_wire_shape(written[1:-1], models, allowed, {}))
    if written.startswith("{"):
        return MapOf(_wire_shape(written[1:-1], models, allowed, {}))
    if written in WIRE_TYPES:
        return Scalar(WIRE_TYPES[written], allowed, limits)
    return Structure(getattr(models, written), models)


def _known(hint: Any) -> Iterator[Any]:  # noqa: ANN401 - any annotation
    """Find the values of the enumeration in an annotation."""
    if isinstance(hint, type) and issubclass(hint, Enum):
        yield from (each.value for each in hint)
    for inner in typing.get_args(hint):
        yield from _known(inner)


def _newer(
    model: Any,  # noqa: ANN401 - a class of the newer style
    models: ModuleType,
) -> Iterator[tuple[tuple[str, ...], Property]]:
    names: dict[str, Any] = {"_models": models}
    for base in model.__mro__:
        names = {**vars(sys.modules[base.__module__]), **names}
    hints = typing.get_type_hints(model, names)
    model.__new__(model)  # which is when such a class finds its own fields
    fields: Mapping[str, Any] = getattr(model, "_attr_to_rest_field", {})
    for attribute, each in fields.items():
        hint = hints[attribute]
        optional = type(None) in typing.get_args(hint)
        readonly = each._visibility == ["read"]
        yield (each._rest_name,), Property(_annotated_shape(hint, models), not optional and not readonly, readonly)


def _annotated_shape(hint: Any, models: ModuleType) -> Shape:  # noqa: ANN401 - any annotation
    inner = [each for each in typing.get_args(hint) if each is not type(None)]
    origin = typing.get_origin(hint)
    if origin is list:
        return ListOf(_annotated_shape(inner[0], models))
    if origin is dict:
        return MapOf(_annotated_shape(inner[1], models))
    allowed = tuple(_known(hint))
    if allowed or hint in ANNOTATED:
        return Scalar(ANNOTATED.get(hint, "str"), allowed)
    if inner:
        return _annotated_shape(inner[0], models)
    return Structure(hint, models) if hasattr(hint, "_is_model") else Scalar("any")
