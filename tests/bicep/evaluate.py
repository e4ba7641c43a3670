"""Works out expressions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import singledispatchmethod
from typing import Final, NoReturn

from tests.bicep.errors import BicepError, Place
from tests.bicep.functions import FUNCTIONS, Surroundings, is_value
from tests.bicep.syntax import (
    Array,
    Binary,
    Call,
    Choice,
    Conditional,
    Constant,
    Expression,
    Index,
    Lambda,
    Loop,
    Member,
    Name,
    Object,
    Text,
    Unary,
)
from tests.bicep.values import (
    ModuleHandle,
    Placed,
    Reference,
    Resource,
    ResourceHandle,
    Runtime,
    Scope,
    Value,
    kind_of,
    text,
)

Locals = Mapping[str, Value]
NO_LOCALS: Final[Locals] = {}


class Evaluator:
    """Works out the expressions of one file.

    Attributes:
        references: Where something of a deployed resource was asked for.
    """

    def __init__(self, around: Surroundings, symbol: Callable[[Name], Value]) -> None:
        self._around = around
        self._symbol = symbol
        self.references: list[Reference] = []

    def value(self, node: Expression, local: Locals = NO_LOCALS) -> Value:
        """Work out an expression.

        Args:
            node: The expression.
            local: The variables of the loops and lambdas that it is in.

        Raises:
            BicepError: It cannot be worked out, or Resource Manager could not.
        """
        worked_out: Value = self._value(node, local)
        return worked_out

    def truth(self, node: Expression, local: Locals) -> bool:
        """Work out a condition.

        Raises:
            BicepError: It is neither true nor false.
        """
        value = self.value(node, local)
        if not isinstance(value, bool):
            _refuse(node.place, f"A condition is true or false, not {_shown(value)}.")
        return value

    def text(self, node: Expression, local: Locals) -> str:
        """Work out a text.

        Raises:
            BicepError: It is something else.
        """
        value = self.value(node, local)
        if not isinstance(value, str | Runtime):
            _refuse(node.place, f"A text is expected, not {_shown(value)}.")
        return str(value)

    def rounds(self, loop: Loop, local: Locals) -> list[Locals]:
        """Return what the variables of a loop are in each of its rounds.

        Raises:
            BicepError: It does not go over an array.
        """
        source = self.value(loop.source, local)
        if not isinstance(source, list):
            _refuse(loop.source.place, f"A loop goes over an array, not {_shown(source)}.")
        index = [loop.index] if loop.index else []
        return [{**local, loop.item: item, **dict.fromkeys(index, at)} for at, item in enumerate(source)]

    @singledispatchmethod
    def _value(self, node: Expression, _: Locals) -> Value:
        _refuse(node.place, "This cannot stand here.")

    @_value.register
    def _constant(self, node: Constant, _: Locals) -> Value:
        return node.value

    @_value.register
    def _text(self, node: Text, local: Locals) -> Value:
        try:
            return "".join(part if isinstance(part, str) else text(self.value(part, local)) for part in node.parts)
        except ValueError as error:
            raise BicepError(node.place, f"{error}.") from error

    @_value.register
    def _name(self, node: Name, local: Locals) -> Value:
        return local[node.name] if node.name in local else self._symbol(node)

    @_value.register
    def _array(self, node: Array, local: Locals) -> Value:
        return [self.value(item, local) for item in node.items]

    @_value.register
    def _object(self, node: Object, local: Locals) -> Value:
        entries: dict[str, Value] = {}
        places: dict[str, Place] = {}
        for entry in node.entries:
            key = self.text(entry.key, local)
            if key in entries:
                _refuse(entry.place, f"{key!r} is there twice.")
            entries[key] = self.value(entry.value, local)
            places[key] = entry.place
        return Placed(node.place, entries, places)

    @_value.register
    def _loop(self, node: Loop, local: Locals) -> Value:
        if isinstance(node.body, Conditional):
            _refuse(node.body.place, "Only loops of resources and modules have a condition; use filter().")
        return [self.value(node.body, each) for each in self.rounds(node, local)]

    @_value.register
    def _lambda(self, node: Lambda, local: Locals) -> Value:
        return lambda item: self.value(node.body, {**local, node.parameter: item})

    @_value.register
    def _call(self, node: Call, local: Locals) -> Value:
        arguments = [self.value(each, local) for each in node.arguments]
        try:
            return FUNCTIONS[node.function].call(self._around, *arguments)
        except OSError as error:
            raise BicepError(node.place, f"{node.function} cannot read {arguments[0]!r}.") from error
        except ValueError as error:
            raise BicepError(node.place, f"{node.function}: {error}.") from error

    @_value.register
    def _unary(self, node: Unary, local: Locals) -> Value:
        if node.operator == "!":
            return not self.truth(node.operand, local)
        return -self._number(node.operand, local)

    def _number(self, node: Expression, local: Locals) -> int:
        value = self.value(node, local)
        if isinstance(value, bool) or not isinstance(value, int):
            _refuse(node.place, f"A number is expected, not {_shown(value)}.")
        return value

    @_value.register
    def _binary(self, node: Binary, local: Locals) -> Value:
        match node.operator:
            case "??":
                left = self.value(node.left, local)
                return self.value(node.right, local) if left is None else left
            case "||":
                return self.truth(node.left, local) or self.truth(node.right, local)
            case "&&":
                return self.truth(node.left, local) and self.truth(node.right, local)
            case "+":
                return self._number(node.left, local) + self._number(node.right, local)
        return self._same(node, local) == (node.operator == "==")

    def _same(self, node: Binary, local: Locals) -> bool:
        left, right = self.value(node.left, local), self.value(node.right, local)
        for value in (left, right):
            if isinstance(value, Runtime) or not is_value(value):
                _refuse(node.place, f"{_shown(value)} cannot be compared before it is deployed.")
        return kind_of(left) == kind_of(right) and left == right

    @_value.register
    def _choice(self, node: Choice, local: Locals) -> Value:
        return self.value(node.then if self.truth(node.condition, local) else node.otherwise, local)

    @_value.register
    def _member(self, node: Member, local: Locals) -> Value:
        return self._step(node, self.value(node.base, local), node.name)

    @_value.register
    def _index(self, node: Index, local: Locals) -> Value:
        key = self.value(node.key, local)
        if isinstance(key, bool) or not isinstance(key, str | int):
            _refuse(node.place, f"An index is a number or a text, not {_shown(key)}.")
        return self._step(node, self.value(node.base, local), key)

    def _step(self, node: Member | Index, base: Value, key: str | int) -> Value:
        if isinstance(base, Runtime):
            return self._asked(node.place, base.step(key))
        if isinstance(base, list) and isinstance(key, int):
            return _picked(node, base, key)
        if isinstance(key, str):
            if isinstance(base, ResourceHandle):
                return self._of_resource(node, base, key)
            members = _members(node, base)
            if members is not None and (key in members or node.safe):
                return members.get(key)
        if base is None and node.safe:
            return None
        return _refuse(node.place, f"There is no {key!r} in {_shown(base)}.")

    def _of_resource(self, node: Member | Index, handle: ResourceHandle, key: str) -> Value:
        resource = handle.resource
        if key in FIXED:
            return FIXED[key](resource)
        if not handle.deployed:
            return None if node.safe else _refuse(node.place, f"{resource.symbol} is not deployed here.")
        return self._asked(node.place, Runtime(resource.type, resource.api_version, resource.id, (key,)))

    def _asked(self, place: Place, runtime: Runtime) -> Runtime:
        self.references.append(Reference(place, runtime))
        return runtime


FIXED: Final[Mapping[str, Callable[[Resource], str]]] = {
    "id": lambda resource: resource.id,
    "name": lambda resource: resource.name.split("/")[-1],
    "type": lambda resource: resource.type,
    "apiVersion": lambda resource: resource.api_version,
}
"""What is known of a resource before it is deployed."""


def _members(node: Member | Index, base: Value) -> Mapping[str, Value] | None:
    if isinstance(base, dict):
        return base
    if isinstance(base, Scope):
        return base.facts
    if not isinstance(base, ModuleHandle):
        return None
    if base.module:
        return {"name": base.module.name, "outputs": dict(base.module.deployment.outputs)}
    return {} if node.safe else _refuse(node.place, f"{base.symbol} is not deployed here.")


def _picked(node: Member | Index, items: Sequence[Value], at: int) -> Value:
    if 0 <= at < len(items):
        return items[at]
    return None if node.safe else _refuse(node.place, f"There is no [{at}] in an array of {len(items)}.")


def _shown(value: Value) -> str:
    if isinstance(value, ResourceHandle):
        return f"the resource {value.resource.symbol}"
    return str(value) if isinstance(value, Runtime) else kind_of(value)


def _refuse(place: Place, message: str) -> NoReturn:
    raise BicepError(place, message)
