"""What expressions are worth: JSON, and what is only known once something is deployed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from tests.bicep.errors import Place

Value: TypeAlias = object
"""JSON with `Placed` objects, or a `Runtime`, `Scope`, `ResourceHandle` or `ModuleHandle`."""


class UnfitError(ValueError):
    """A value is not what it has to be; whoever knows where it stands says so with a `BicepError`."""


ScopeKind = Literal["tenant", "subscription", "resourceGroup"]


class Placed(dict[str, Value]):
    """An object that knows where each of its properties was written.

    Attributes:
        place: Where the object begins.
        places: Where its properties are, as far as they were written in a Bicep file.
    """

    def __init__(self, place: Place, entries: Mapping[str, Value], places: Mapping[str, Place]) -> None:
        super().__init__(entries)
        self.place = place
        self.places = dict(places)


@dataclass(frozen=True)
class Runtime:
    """Stands for what a resource has once it is deployed.

    Attributes:
        type: The resource's.
        api_version: The one it is read with.
        resource: Its id.
        path: Members, and list positions as numbers.
    """

    type: str
    api_version: str
    resource: str
    path: tuple[str | int, ...]

    def __str__(self) -> str:
        steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return f"<{self.type.split('/')[-1]}/{self.resource.split('/')[-1]}{steps}>"

    def step(self, key: str | int) -> Runtime:
        """Return what stands for a part of it."""
        return Runtime(self.type, self.api_version, self.resource, (*self.path, key))


@dataclass(frozen=True)
class Reference:
    """A place where something of a deployed resource is asked for."""

    place: Place
    runtime: Runtime


@dataclass(frozen=True)
class Scope:
    """What a deployment goes to.

    Attributes:
        kind: Which level of Azure it is on.
        id: The resource id; empty for the tenant.
        facts: What the function that returns it tells.
    """

    kind: ScopeKind
    id: str
    facts: Mapping[str, Value] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Resource:
    """A resource as it is sent to Azure, or as it is read if it exists already.

    Attributes:
        file: Where it is declared.
        line: Where it is declared.
        symbol: What the file calls it.
        type: The resource type.
        api_version: The API version.
        name: With those of its parents, as in `workspace/table`.
        scope: The id of what it is deployed to: a subscription, a resource group, or a resource that it extends.
        id: The resource id.
        body: All properties but Bicep's own: `name`, `parent`, `scope` and `dependsOn`.
        existing: Whether it is only referred to.
    """

    file: Path
    line: int
    symbol: str
    type: str
    api_version: str
    name: str
    scope: str
    id: str
    body: Placed
    existing: bool

    @property
    def place(self) -> Place:
        """Where it is declared."""
        return Place(self.file, self.line)


@dataclass(frozen=True)
class Module:
    """A module of a deployment.

    Attributes:
        symbol: What the file calls it.
        name: The name of its deployment; empty if Bicep makes one up.
        deployment: What it deploys.
    """

    symbol: str
    name: str
    deployment: Deployment


@dataclass(frozen=True)
class Deployment:
    """What a Bicep file deploys.

    Attributes:
        file: The file.
        scope: What it is deployed to.
        own: The resources that the file itself declares.
        modules: The modules that it deploys.
        outputs: Its outputs, by name.
        references: Where it asks for something of a deployed resource.
    """

    file: Path
    scope: Scope
    own: tuple[Resource, ...]
    modules: tuple[Module, ...]
    outputs: Mapping[str, Value]
    references: tuple[Reference, ...]

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Its resources, then those of its modules."""
        return (*self.own, *(each for module in self.modules for each in module.deployment.resources))

    @property
    def all_references(self) -> tuple[Reference, ...]:
        """Its references, then those of its modules."""
        return (*self.references, *(each for module in self.modules for each in module.deployment.all_references))


@dataclass(frozen=True)
class ResourceHandle:
    """What the symbol of a resource stands for.

    Attributes:
        resource: The resource.
        deployed: Whether its condition holds.
    """

    resource: Resource
    deployed: bool


@dataclass(frozen=True)
class ModuleHandle:
    """What the symbol of a module stands for; without a module if its condition does not hold."""

    symbol: str
    module: Module | None


def text(value: Value) -> str:
    """Return what a value is within a text.

    Raises:
        UnfitError: It is a truth value, whose spelling depends on who writes it, or nothing that has a text.
    """
    if isinstance(value, bool):
        raise UnfitError("A truth value has no agreed spelling in a text; choose one with a ternary")
    if value is None:
        return ""
    return str(value) if isinstance(value, str | int | float | Runtime) else json_text(value)


def json_text(value: Value) -> str:
    """Return a value as JSON, as compact as Resource Manager writes it.

    Raises:
        UnfitError: There is a resource, a module or a scope in it.
    """
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_placeholder)


def _placeholder(value: Value) -> str:
    if isinstance(value, Runtime):
        return str(value)
    raise UnfitError("A resource, a module or a scope is no value; use one of its properties")


def kind_of(value: Value) -> str:
    """Return the name of a value's type, as Bicep has it."""
    if value is None:
        return "null"
    names = {bool: "bool", int: "int", float: "number", str: "string", list: "array", Placed: "object", dict: "object"}
    return names.get(type(value), "any" if isinstance(value, Runtime) else type(value).__name__)
