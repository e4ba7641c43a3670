"""A Bicep file with all its modules, and what is wrong with their names, whatever the parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bicep.errors import BicepError
from tests.bicep.functions import FUNCTIONS
from tests.bicep.parser import parse
from tests.bicep.syntax import (
    BicepFile,
    Call,
    Decorator,
    Entry,
    Expression,
    Index,
    Lambda,
    Loop,
    Member,
    ModuleDeclaration,
    Name,
    Object,
    Output,
    Param,
    ResourceDeclaration,
    Symbol,
    Var,
    children,
    instance,
)

OWN_OF_RESOURCES: Final = frozenset({"name", "parent", "scope", "dependsOn"})
OWN_OF_MODULES: Final = frozenset({"name", "scope", "params", "dependsOn"})
KNOWN_AT_START: Final = {"id", "name", "type", "apiVersion"}
DECORATORS: Final[Mapping[str, tuple[int, frozenset[str]]]] = {
    "secure": (0, frozenset({"string", "object"})),
    "minLength": (1, frozenset({"string", "array"})),
    "maxLength": (1, frozenset({"string", "array"})),
    "minValue": (1, frozenset({"int"})),
    "maxValue": (1, frozenset({"int"})),
    "allowed": (1, frozenset({"string", "int", "bool", "array", "object"})),
}
"""Of parameters: how many arguments, and for which types. `description` goes with every declaration."""


@dataclass(frozen=True)
class Program:
    """A Bicep file, and the files of its modules by the modules' symbols."""

    file: BicepFile
    modules: Mapping[str, Program]


def load(path: Path, above: tuple[Path, ...] = ()) -> Program:
    """Read a Bicep file and its modules.

    Args:
        path: The file.
        above: The files that it is a module of.

    Raises:
        BicepError: One of them is missing, is not Bicep as far as that is supported, or is its own module.
    """
    file = parse(path)
    modules = {}
    for declared in file.symbols:
        if isinstance(declared, ModuleDeclaration):
            target = path.parent / declared.path
            if target.resolve() in {each.resolve() for each in (*above, path)}:
                raise BicepError(declared.place, f"{declared.path} is a module of itself.")
            if not target.is_file():
                raise BicepError(declared.place, f"There is no file {declared.path}.")
            modules[declared.name] = load(target, (*above, path))
    return Program(file, modules)


def problems(program: Program) -> Iterator[BicepError]:
    """Find what is wrong with a program's names, modules first."""
    for module in program.modules.values():
        yield from problems(module)
    yield from _Names(program).problems()


def unused(program: Program) -> Iterator[BicepError]:
    """Find parameters, variables and existing resources that nothing refers to, those of modules first."""
    for module in program.modules.values():
        yield from unused(module)
    symbols = program.file.symbols
    values = [value for each in (*symbols, *program.file.outputs) for value in _values(each)]
    used = {node.name for value in values for node in walk(value) if isinstance(node, Name)}
    for declared in symbols:
        existing = isinstance(declared, ResourceDeclaration) and declared.existing
        if (existing or isinstance(declared, Param | Var)) and declared.name not in used:
            yield BicepError(declared.place, f"{declared.name} is not used.")


def walk(node: Expression | Entry) -> Iterator[Expression | Entry]:
    """Find an expression and all that is in it."""
    yield node
    for child in children(node):
        yield from walk(child)


class _Names:
    """Looks for what is wrong with the names of one file."""

    def __init__(self, program: Program) -> None:
        self._file = program.file
        self._modules = program.modules
        self._symbols = {each.name: each for each in program.file.symbols}

    def problems(self) -> Iterator[BicepError]:
        yield from self._twice()
        for declared in (*self._file.symbols, *self._file.outputs):
            yield from self._decorators(declared)
            for value in _values(declared):
                yield from self._unknown(value, frozenset())
            yield from self._declaration(declared)

    def _twice(self) -> Iterator[BicepError]:
        for several in (self._file.symbols, self._file.outputs):
            seen: set[str] = set()
            for declared in several:
                if declared.name in seen:
                    yield BicepError(declared.place, f"{declared.name} is declared twice.")
                seen.add(declared.name)

    def _decorators(self, declared: Symbol | Output) -> Iterator[BicepError]:
        for decorator in declared.decorators:
            complaint = _complaint(decorator, declared)
            if complaint:
                yield BicepError(decorator.place, complaint)

    def _unknown(self, node: Expression | Entry, local: frozenset[str]) -> Iterator[BicepError]:
        if isinstance(node, Name) and node.name not in local and node.name not in self._symbols:
            yield BicepError(node.place, f"{node.name} is not declared.")
        if isinstance(node, Call):
            yield from _call(node)
        new = _locals(node)
        yield from (
            BicepError(node.place, f"{name} is the name of something else already.")
            for name in new
            if name in self._symbols or name in local
        )
        if isinstance(node, Loop):
            yield from self._unknown(node.source, local)
            yield from self._unknown(node.body, local | new)
            return
        for child in children(node):
            yield from self._unknown(child, local | new)

    def _declaration(self, declared: Symbol | Output) -> Iterator[BicepError]:
        if isinstance(declared, ResourceDeclaration | ModuleDeclaration):
            own = OWN_OF_RESOURCES if isinstance(declared, ResourceDeclaration) else OWN_OF_MODULES
            yield from self._known_at_start(declared.value, own - {"params", "dependsOn"})
        if isinstance(declared, ResourceDeclaration):
            yield from _resource(declared)
        if isinstance(declared, ModuleDeclaration):
            yield from self._module(declared)
        if isinstance(declared, Output):
            yield from self._secrets(declared)
        if isinstance(declared, Var | Output):
            yield from _loops_within(declared.value)
        if isinstance(declared, Param) and declared.default:
            yield from self._default(declared.default)
        for value in _values(declared):
            yield from self._outputs(value)

    def _known_at_start(self, value: Expression, own: frozenset[str]) -> Iterator[BicepError]:
        loop, condition, body = instance(value)
        settled = [each.value for each in body.entries if each.key.plain in own]
        for needed in (loop and loop.source, condition, *settled):
            late = needed and self._late(needed)
            if needed and late:
                yield BicepError(needed.place, f"{late} is not known before the deployment starts.")

    def _late(self, value: Expression | Entry) -> str | None:
        for node in walk(value):
            if isinstance(node, Member) and (late := self._late_member(node)):
                return late
            symbol = self._symbols.get(node.name) if isinstance(node, Name) else None
            if isinstance(symbol, Var) and symbol.value is not value and (late := self._late(symbol.value)):
                return late
        return None

    def _late_member(self, member: Member) -> str | None:
        base = member.base.base if isinstance(member.base, Index) else member.base
        symbol = self._symbols.get(base.name) if isinstance(base, Name) else None
        late = (isinstance(symbol, ModuleDeclaration) and member.name != "name") or (
            isinstance(symbol, ResourceDeclaration) and member.name not in KNOWN_AT_START
        )
        return f"{symbol.name}.{member.name}" if symbol and late else None

    def _module(self, declared: ModuleDeclaration) -> Iterator[BicepError]:
        _, _, body = instance(declared.value)
        for entry in body.entries:
            if entry.key.plain not in OWN_OF_MODULES:
                yield BicepError(entry.place, f"A module has no {entry.key.plain!r}.")
        params = body.get("params") or Object(body.place, ())
        if not isinstance(params, Object):
            yield BicepError(params.place, "The parameters of a module are given by an object.")
            return
        wanted = self._modules[declared.name].file.params
        for entry in params.entries:
            if entry.key.plain not in wanted:
                yield BicepError(entry.place, f"{declared.path} has no parameter {entry.key.plain!r}.")
        for name, param in wanted.items():
            if param.required and params.get(name) is None:
                yield BicepError(declared.place, f"{declared.path} needs the parameter {name!r}.")

    def _outputs(self, value: Expression) -> Iterator[BicepError]:
        for node in walk(value):
            if not (isinstance(node, Member) and isinstance(node.base, Member) and node.base.name == "outputs"):
                continue
            base = node.base.base.base if isinstance(node.base.base, Index) else node.base.base
            module = self._modules.get(base.name) if isinstance(base, Name) else None
            if module and node.name not in {each.name for each in module.file.outputs}:
                yield BicepError(node.place, f"{module.file.path.name} has no output {node.name!r}.")

    def _default(self, default: Expression) -> Iterator[BicepError]:
        for node in walk(default):
            if isinstance(node, Name) and isinstance(
                self._symbols.get(node.name), (Var, ResourceDeclaration, ModuleDeclaration)
            ):
                yield BicepError(node.place, "The default of a parameter depends on nothing but other parameters.")

    def _secrets(self, declared: Output) -> Iterator[BicepError]:
        for node in walk(declared.value):
            symbol = self._symbols.get(node.name) if isinstance(node, Name) else None
            if symbol and any(each.name == "secure" for each in symbol.decorators):
                yield BicepError(node.place, f"An output tells the secret {symbol.name}.")


def _values(declared: Symbol | Output) -> Iterator[Expression]:
    if isinstance(declared, Param):
        if declared.default:
            yield declared.default
    else:
        yield declared.value
    for decorator in declared.decorators:
        yield from decorator.arguments


def _locals(node: Expression | Entry) -> frozenset[str]:
    if isinstance(node, Lambda):
        return frozenset({node.parameter})
    if isinstance(node, Loop):
        return frozenset({node.item} | ({node.index} if node.index else set()))
    return frozenset()


def _loops_within(value: Expression) -> Iterator[BicepError]:
    """Find loops that are not the whole value: Bicep refuses them, but in the properties of a resource or a module."""
    for node in walk(value):
        if isinstance(node, Loop) and node is not value:
            yield BicepError(node.place, "Within the value of a variable or an output, `map` stands for a loop.")


def _call(call: Call) -> Iterator[BicepError]:
    function = FUNCTIONS.get(call.function)
    if not function:
        yield BicepError(call.place, f"The function {call.function} is not supported.")
    elif not function.takes(len(call.arguments)):
        yield BicepError(call.place, f"{call.function} does not take {len(call.arguments)} arguments.")


def _complaint(decorator: Decorator, declared: Symbol | Output) -> str | None:
    given = len(decorator.arguments)
    if decorator.name == "description":
        return None if given == 1 else "@description has one argument."
    if decorator.name not in DECORATORS:
        return f"The decorator @{decorator.name} is not supported."
    count, types = DECORATORS[decorator.name]
    if given != count:
        return f"@{decorator.name} has {count} arguments."
    kind = declared.type if isinstance(declared, Param) else None
    name = "array" if kind and kind.lists else kind and kind.name
    return None if name in types else f"@{decorator.name} is not for this."


def _resource(declared: ResourceDeclaration) -> Iterator[BicepError]:
    _, _, body = instance(declared.value)
    if body.get("name") is None:
        yield BicepError(declared.place, f"{declared.name} has no name.")
    for entry in body.entries:
        if declared.existing and entry.key.plain not in OWN_OF_RESOURCES - {"dependsOn"}:
            yield BicepError(entry.place, f"{entry.key.plain!r} of an existing resource cannot be set.")
