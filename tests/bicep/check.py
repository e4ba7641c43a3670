"""Holds what is deployed against what Microsoft's SDKs say of the resources."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.bicep.deploy import Target, deploy, given_as_text
from tests.bicep.errors import BicepError, Place
from tests.bicep.kinds import ALSO_ALLOWED, KINDS, NAMINGS
from tests.bicep.models import Group, ListOf, MapOf, Scalar, Shape, Structure, api_versions, at, read, sent
from tests.bicep.program import load, problems, unused
from tests.bicep.roles import role_problems
from tests.bicep.values import Deployment, Placed, Reference, Resource, Runtime, UnfitError, Value, kind_of

DURATION: Final = r"P(?=.)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+S)?)?"
TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
PLACEHOLDER: Final = re.compile(r"<[\w-]+/[^<>]*>")
FITS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "str": lambda value: isinstance(value, str),
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "bool": lambda value: isinstance(value, bool),
    "any": lambda _: True,
    "duration": lambda value: isinstance(value, str) and bool(re.fullmatch(DURATION, value)),
    "time": lambda value: isinstance(value, str) and bool(re.fullmatch(TIME, value)),
}
WORDS: Final = {
    "str": "a text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "duration": "a duration such as PT5M",
    "time": "a time such as 2030-01-02T03:04:05Z",
}
WITHIN: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "max_length": lambda value, limit: len(value) <= limit,
    "min_length": lambda value, limit: len(value) >= limit,
    "maximum": lambda value, limit: value <= limit,
    "minimum": lambda value, limit: value >= limit,
    "pattern": lambda value, limit: re.search(limit, value) is not None,
}


def findings(
    main: Path, parameters: Path | None = None, given: Mapping[str, str] | None = None, target: Target | None = None
) -> tuple[Deployment | None, list[BicepError]]:
    """Work out what a Bicep file deploys, and find what is wrong with it.

    Args:
        main: The file.
        parameters: A parameter file.
        given: Further parameters as text, by name: a string as it is, all else as JSON.
        target: What it is deployed to.

    Returns:
        What it deploys, unless that cannot be worked out, and all that is wrong.
    """
    idle: list[BicepError] = []
    try:
        program = load(main)
        idle = list(unused(program))
        wrong = list(problems(program))
        if wrong:
            return None, _unique([*wrong, *idle])
        deployment = deploy(program, parameters, given_as_text(program, given or {}), target or Target())
    except BicepError as error:
        return None, _unique([error, *idle])
    return deployment, _unique([*check(deployment), *idle])


def _unique(found: list[BicepError]) -> list[BicepError]:
    unique = {str(each): each for each in found}
    return sorted(unique.values(), key=lambda each: each.place)


def check(deployment: Deployment) -> Iterator[BicepError]:
    """Find what is wrong with what is deployed."""
    ids: set[str] = set()
    for resource in deployment.resources:
        yield from check_resource(resource)
        if not resource.existing and resource.id.lower() in ids:
            yield BicepError(resource.place, f"{resource.name} is deployed twice.")
        if not resource.existing:
            ids.add(resource.id.lower())
    for reference in deployment.all_references:
        yield from check_reference(reference)
    yield from role_problems(deployment.resources)


def check_resource(resource: Resource) -> Iterator[BicepError]:
    """Find what is wrong with one resource."""
    kind = KINDS.get(resource.type)
    if not kind:
        yield BicepError(resource.place, f"No SDK is known for the resource type {resource.type}.")
        return
    versions = api_versions(kind)
    if resource.api_version not in versions:
        known = ", ".join(versions)
        yield BicepError(resource.place, f"{resource.type} has no API version {resource.api_version}, but {known}.")
        return
    if resource.existing:
        return
    yield from _name(resource)
    if scope_kind(resource.scope) not in kind.scopes:
        yield BicepError(resource.place, f"{resource.type} is not deployed to a {scope_kind(resource.scope)}.")
    yield from _Body(resource).problems()


def scope_kind(scope: str) -> str:
    """Return on which level of Azure an id is: `subscription`, `resourceGroup` or `resource`."""
    if "/providers/" in scope:
        return "resource"
    return "resourceGroup" if "/resourceGroups/" in scope else "subscription"


def _name(resource: Resource) -> Iterator[BicepError]:
    naming = NAMINGS.get(resource.type)
    name = resource.name.rsplit("/", maxsplit=1)[-1]
    if naming and not PLACEHOLDER.search(resource.name) and not re.fullmatch(naming.pattern, name):
        yield BicepError(resource.place, f"The name {name!r} is not {naming.rule}.")


def check_reference(reference: Reference) -> Iterator[BicepError]:
    """Find what is asked for of a deployed resource, but does not exist."""
    runtime = reference.runtime
    kind = KINDS.get(runtime.type)
    if not kind or runtime.api_version not in api_versions(kind):
        return
    structure = read(runtime.type, runtime.api_version)
    outer, last = runtime.path[:-1], runtime.path[-1]
    if at(structure, outer) and not at(structure, runtime.path):
        inside = ".".join(map(str, (runtime.type, *outer)))
        yield BicepError(reference.place, f"{inside} has no {last!r}.")


class _Body:
    """Compares the body of a resource with a model."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    def problems(self) -> Iterator[BicepError]:
        resource = self._resource
        yield from self._value(sent(resource.type, resource.api_version), resource.body, (), resource.place)

    def _value(self, shape: Shape, value: Value, path: tuple[str, ...], place: Place) -> Iterator[BicepError]:
        if isinstance(value, Runtime):
            yield from self._runtime(shape, value, path, place)
        elif isinstance(shape, Scalar):
            yield from self._scalar(shape, value, path, place)
        elif isinstance(shape, ListOf):
            yield from self._list(shape, value, path, place)
        elif not isinstance(value, dict):
            yield self._wrong(path, place, f"is an object, not {kind_of(value)}")
        elif isinstance(shape, MapOf):
            for key, each in value.items():
                yield from self._value(shape.item, each, (*path, key), _place_of(value, key, place))
        else:
            yield from self._group(shape, value, path, place)

    def _list(self, shape: ListOf, value: Value, path: tuple[str, ...], place: Place) -> Iterator[BicepError]:
        if not isinstance(value, list):
            yield self._wrong(path, place, f"is an array, not {kind_of(value)}")
            return
        for position, each in enumerate(value):
            inner = each.place if isinstance(each, Placed) else place
            yield from self._value(shape.item, each, (*path, f"[{position}]"), inner)

    def _group(
        self, shape: Group | Structure, value: Mapping[str, Value], path: tuple[str, ...], place: Place
    ) -> Iterator[BicepError]:
        try:
            group = shape.group(value) if isinstance(shape, Structure) else shape
        except UnfitError as error:
            yield self._wrong(path, place, f"is not known: {error}")
            return
        for key, each in value.items():
            yield from self._property(group, key, each, path, _place_of(value, key, place))
        for key, known in group.properties.items():
            if known.required and not known.readonly and value.get(key) is None:
                yield self._wrong((*path, key), place, "is required")
            elif key not in value and isinstance(known.shape, Group) and known.shape.needs_something:
                yield from self._group(known.shape, {}, (*path, key), place)

    def _property(
        self, group: Group, key: str, value: Value, path: tuple[str, ...], place: Place
    ) -> Iterator[BicepError]:
        known = group.properties.get(key)
        if not known and not group.others:
            yield self._wrong((*path, key), place, f"does not exist: {group.name} has {', '.join(group.properties)}")
        elif known and known.readonly:
            yield self._wrong((*path, key), place, "is read-only")
        elif value is not None:
            shape = known.shape if known else group.others
            assert shape
            yield from self._value(shape, value, (*path, key), place)

    def _scalar(self, shape: Scalar, value: Value, path: tuple[str, ...], place: Place) -> Iterator[BicepError]:
        if not FITS[shape.type](value):
            yield self._wrong(path, place, f"is {WORDS[shape.type]}, not {value!r}")
            return
        if isinstance(value, str) and PLACEHOLDER.search(value):
            return
        if shape.allowed and value not in shape.allowed and not self._also_allowed(path, value):
            yield self._wrong(path, place, f"is one of {', '.join(map(str, shape.allowed))}, not {value!r}")
        for name, limit in shape.limits.items():
            if name in WITHIN and not WITHIN[name](value, limit):
                yield self._wrong(path, place, f"is {value!r}, against {name} {limit}")

    def _also_allowed(self, path: tuple[str, ...], value: Value) -> bool:
        pattern = ALSO_ALLOWED.get((self._resource.type, re.sub(r"\[\d+\]", "[]", _written(path))))
        return pattern is not None and bool(re.fullmatch(pattern, str(value)))

    def _runtime(self, shape: Shape, value: Runtime, path: tuple[str, ...], place: Place) -> Iterator[BicepError]:
        kind = KINDS.get(value.type)
        if not kind or value.api_version not in api_versions(kind):
            return
        given = at(read(value.type, value.api_version), value.path)
        if isinstance(given, Scalar) and isinstance(shape, Scalar):
            wrong = given.type != shape.type and "any" not in {given.type, shape.type}
        else:
            wrong = given is not None and type(given) is not type(shape)
        if wrong:
            yield self._wrong(path, place, f"is of another type than {value}")

    def _wrong(self, path: tuple[str, ...], place: Place, what: str) -> BicepError:
        return BicepError(place, f"{_written(path)} of {self._resource.symbol} {what}.")


def _written(path: tuple[str, ...]) -> str:
    return ".".join(path).replace(".[", "[")


def _place_of(value: Mapping[str, Value], key: str, otherwise: Place) -> Place:
    return value.places.get(key, otherwise) if isinstance(value, Placed) else otherwise
