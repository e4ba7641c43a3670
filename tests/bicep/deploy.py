"""Works out what a Bicep file deploys, its modules included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bicep.errors import BicepError, Place
from tests.bicep.evaluate import NO_LOCALS, Evaluator, Locals
from tests.bicep.functions import Surroundings, group_scope, is_value, resource_id
from tests.bicep.parameters import fits, from_text, read_parameters, violated
from tests.bicep.program import OWN_OF_RESOURCES, Program, load, problems, unused
from tests.bicep.syntax import (
    Expression,
    ModuleDeclaration,
    Name,
    Object,
    Output,
    Param,
    ResourceDeclaration,
    Symbol,
    Var,
    instance,
)
from tests.bicep.values import (
    Deployment,
    Module,
    ModuleHandle,
    Placed,
    Resource,
    ResourceHandle,
    Scope,
    Value,
    kind_of,
)

GROUPS: Final = "Microsoft.Resources/resourceGroups"


@dataclass(frozen=True)
class Target:
    """What a main file is deployed to: made up, but in the shape that Azure has it.

    Attributes:
        tenant: The tenant's id.
        subscription: The subscription's id.
        group: The resource group, for a file that goes to one.
        location: Where that is.
    """

    tenant: str = "11111111-aaaa-4aaa-8aaa-111111111111"
    subscription: str = "22222222-bbbb-4bbb-8bbb-222222222222"
    group: str = "rg-keywatch"
    location: str = "westeurope"

    def tenant_scope(self) -> Scope:
        """Return the tenant."""
        return Scope("tenant", "", {"tenantId": self.tenant})

    def subscription_scope(self) -> Scope:
        """Return the subscription."""
        id_ = f"/subscriptions/{self.subscription}"
        facts = {"id": id_, "subscriptionId": self.subscription, "tenantId": self.tenant, "displayName": "Keywatch"}
        return Scope("subscription", id_, facts)

    def group_scope(self) -> Scope:
        """Return the resource group."""
        return group_scope(self.subscription_scope(), self.group, self.location)


def evaluate(
    main: Path, parameters: Path | None = None, given: Mapping[str, Value] | None = None, target: Target | None = None
) -> Deployment:
    """Work out what a Bicep file deploys.

    Args:
        main: The file.
        parameters: A parameter file.
        given: Further parameters by name, which win over those of the file.
        target: What it is deployed to.

    Raises:
        BicepError: The first mistake in its names, its parameters, or anything that has to be worked out.
    """
    return deploy(checked(main), parameters, given or {}, target or Target())


def checked(main: Path) -> Program:
    """Read a Bicep file and its modules.

    Raises:
        BicepError: The first mistake in its names, among others.
    """
    program = load(main)
    for problem in (*problems(program), *unused(program)):
        raise problem
    return program


def deploy(program: Program, parameters: Path | None, given: Mapping[str, Value], target: Target) -> Deployment:
    """Work out what a program deploys whose names are right; see `evaluate`."""
    main = program.file
    for name in given:
        if name not in main.params:
            raise BicepError(Place(main.path, 1), f"{main.path.name} has no parameter {name!r}.")
    from_file = read_parameters(parameters, main) if parameters else {}
    is_group = main.target_scope == "resourceGroup"
    scope = target.group_scope() if is_group else target.subscription_scope()
    return _File(program, {**from_file, **given}, scope, target).deployment()


def given_as_text(program: Program, given: Mapping[str, str]) -> dict[str, Value]:
    """Return the parameters that a command line gives.

    Raises:
        BicepError: One does not exist, or is not of its type.
    """
    return {name: from_text(program.file, name, value) for name, value in given.items()}


class _File:
    """One file with its parameters, at one scope."""

    def __init__(self, program: Program, given: Mapping[str, Value], scope: Scope, target: Target) -> None:
        file = program.file
        self._program = program
        self._given = given
        self._scope = scope
        self._target = target
        group = scope if scope.kind == "resourceGroup" else None
        around = Surroundings(file.path.parent, target.tenant_scope(), target.subscription_scope(), group)
        self._evaluator = Evaluator(around, self._symbol)
        self._declared: dict[str, Symbol] = {each.name: each for each in file.symbols}
        self._known: dict[str, Value] = {}
        self._in_work: list[str] = []

    def deployment(self) -> Deployment:
        file = self._program.file
        handles = [each for declared in file.symbols for each in _flat(self._worked_out(declared))]
        own = tuple(each.resource for each in handles if isinstance(each, ResourceHandle) and each.deployed)
        modules = tuple(each.module for each in handles if isinstance(each, ModuleHandle) and each.module)
        outputs = {each.name: self._output(each) for each in file.outputs}
        return Deployment(file.path, self._scope, own, modules, outputs, tuple(self._evaluator.references))

    def _symbol(self, name: Name) -> Value:
        if name.name in self._in_work:
            raise BicepError(name.place, f"{name.name} depends on itself.")
        return self._worked_out(self._declared[name.name])

    def _worked_out(self, declared: Symbol) -> Value:
        if declared.name not in self._known:
            self._in_work.append(declared.name)
            self._known[declared.name] = self._work_out(declared)
            self._in_work.pop()
        return self._known[declared.name]

    def _work_out(self, declared: Symbol) -> Value:
        match declared:
            case Param():
                return self._param(declared)
            case Var():
                return self._evaluator.value(declared.value)
            case ResourceDeclaration() | ModuleDeclaration():
                return self._instances(declared)

    def _param(self, param: Param) -> Value:
        if param.name in self._given:
            value = self._given[param.name]
        elif param.default:
            value = self._evaluator.value(param.default)
        elif param.type.nullable:
            value = None
        else:
            raise BicepError(param.place, f"The parameter {param.name} has to be given.")
        limits = {each.name: self._evaluator.value(each.arguments[0]) for each in param.decorators if each.arguments}
        for complaint in violated(param, value, limits):
            raise BicepError(param.place, complaint)
        return value

    def _output(self, output: Output) -> Value:
        value = self._evaluator.value(output.value)
        if not fits(value, output.type):
            raise BicepError(output.place, f"{output.name} has to be {output.type}, not {kind_of(value)}.")
        return value

    def _instances(self, declared: ResourceDeclaration | ModuleDeclaration) -> Value:
        loop, condition, body = instance(declared.value)
        if not loop:
            return self._instance(declared, condition, body, NO_LOCALS)
        return [self._instance(declared, condition, body, each) for each in self._evaluator.rounds(loop, NO_LOCALS)]

    def _instance(
        self,
        declared: ResourceDeclaration | ModuleDeclaration,
        condition: Expression | None,
        body: Object,
        local: Locals,
    ) -> ResourceHandle | ModuleHandle:
        deployed = condition is None or self._evaluator.truth(condition, local)
        if isinstance(declared, ResourceDeclaration):
            return ResourceHandle(self._resource(declared, body, local, deployed=deployed), deployed)
        return ModuleHandle(declared.name, self._module(declared, body, local) if deployed else None)

    def _resource(self, declared: ResourceDeclaration, body: Object, local: Locals, *, deployed: bool) -> Resource:
        scope, name, id_ = self._identity(declared, body, local)
        self._depends(body, local)
        properties: Value = Placed(declared.place, {}, {})
        if deployed and not declared.existing:
            properties = self._evaluator.value(body.without(OWN_OF_RESOURCES), local)
        assert isinstance(properties, Placed)
        _no_handles(properties)
        kind, version = declared.type, declared.api_version
        file, line = declared.place.file, declared.place.line
        return Resource(file, line, declared.name, kind, version, name, scope, id_, properties, declared.existing)

    def _identity(self, declared: ResourceDeclaration, body: Object, local: Locals) -> tuple[str, str, str]:
        """Return the id of a resource's scope, its name and its id."""
        name_of = body.get("name")
        assert name_of
        name = self._evaluator.text(name_of, local)
        parent_of = body.get("parent")
        if parent_of:
            parent = self._parent(parent_of, declared, local)
            kind = declared.type.rpartition("/")[2]
            if "/" in name and not name.startswith("<"):
                raise BicepError(name_of.place, "What has a parent is named without it.")
            return parent.scope, f"{parent.name}/{name}", f"{parent.id}/{kind}/{name}"
        scope = self._resource_scope(declared, body, local)
        try:
            return scope, name, resource_id(scope, declared.type, name.split("/"))
        except ValueError as error:
            raise BicepError(name_of.place, f"{error}.") from error

    def _parent(self, node: Expression, declared: ResourceDeclaration, local: Locals) -> Resource:
        parent = self._evaluator.value(node, local)
        if not isinstance(parent, ResourceHandle):
            raise BicepError(node.place, "A parent is a resource.")
        if parent.resource.type != declared.type.rpartition("/")[0]:
            raise BicepError(node.place, f"{parent.resource.type} is no parent of {declared.type}.")
        return parent.resource

    def _resource_scope(self, declared: ResourceDeclaration, body: Object, local: Locals) -> str:
        node = body.get("scope")
        if not node:
            return self._scope.id
        value = self._evaluator.value(node, local)
        scope = self._as_scope(value)
        if isinstance(value, ResourceHandle) and not scope:
            return value.resource.id
        if not scope:
            raise BicepError(node.place, f"A scope is expected, not {kind_of(value)}.")
        if not declared.existing and scope != self._scope:
            raise BicepError(node.place, "What is deployed to another scope than the file's needs a module.")
        return scope.id

    def _as_scope(self, value: Value) -> Scope | None:
        if isinstance(value, Scope):
            return value
        if not (isinstance(value, ResourceHandle) and value.resource.type == GROUPS):
            return None
        location = value.resource.body.get("location")
        return group_scope(self._target.subscription_scope(), value.resource.name, location)

    def _depends(self, body: Object, local: Locals) -> None:
        node = body.get("dependsOn")
        if not node:
            return
        value = self._evaluator.value(node, local)
        for each in value if isinstance(value, list) else [value]:
            if not all(isinstance(one, ResourceHandle | ModuleHandle) for one in _flat(each)):
                raise BicepError(node.place, "dependsOn is an array of resources and modules.")

    def _module(self, declared: ModuleDeclaration, body: Object, local: Locals) -> Module:
        program = self._program.modules[declared.name]
        name_of = body.get("name")
        name = self._evaluator.text(name_of, local) if name_of else ""
        scope = self._module_scope(body, local)
        if scope.kind != program.file.target_scope:
            target = program.file.target_scope
            raise BicepError(declared.place, f"{declared.path} is for a {target}; this scope is a {scope.kind}.")
        self._depends(body, local)
        params_of = body.get("params")
        params = self._evaluator.value(params_of, local) if params_of else {}
        assert isinstance(params, dict)
        self._module_params(declared, program, params)
        return Module(declared.name, name, _File(program, params, scope, self._target).deployment())

    def _module_params(self, declared: ModuleDeclaration, program: Program, params: Mapping[str, Value]) -> None:
        places = params.places if isinstance(params, Placed) else {}
        for name, value in params.items():
            param = program.file.params[name]
            for complaint in violated(param, value, {}):
                raise BicepError(places.get(name, declared.place), complaint)

    def _module_scope(self, body: Object, local: Locals) -> Scope:
        node = body.get("scope")
        if not node:
            return self._scope
        scope = self._as_scope(self._evaluator.value(node, local))
        if not scope:
            raise BicepError(node.place, "A module goes to a subscription or a resource group.")
        return scope


def _flat(value: Value) -> Iterator[Value]:
    yield from value if isinstance(value, list) else [value]


def _no_handles(body: Placed) -> None:
    """Refuse a resource where a value is wanted."""
    for key, value in body.items():
        _no_handle(value, body.places.get(key, body.place))


def _no_handle(value: Value, place: Place) -> None:
    if not is_value(value):
        raise BicepError(place, "A resource, a module or a scope is no value; use one of its properties.")
    if isinstance(value, dict):
        places = value.places if isinstance(value, Placed) else {}
        for key, each in value.items():
            _no_handle(each, places.get(key, place))
    elif isinstance(value, list):
        for each in value:
            _no_handle(each, place)
