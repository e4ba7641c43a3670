"""What a Bicep file consists of: declarations, and the expressions in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal, TypeAlias

from tests.bicep.errors import Place


@dataclass(frozen=True)
class Constant:
    """`null`, `true`, `false` or a number."""

    place: Place
    value: int | bool | None


@dataclass(frozen=True)
class Text:
    """A quoted text; the parts that are no `str` are interpolated."""

    place: Place
    parts: tuple[str | Expression, ...]

    @property
    def plain(self) -> str | None:
        """The text, or None if anything is interpolated."""
        plain = [part for part in self.parts if isinstance(part, str)]
        return "".join(plain) if len(plain) == len(self.parts) else None


@dataclass(frozen=True)
class Name:
    """The name of a parameter, variable, resource, module or local variable."""

    place: Place
    name: str


@dataclass(frozen=True)
class Array:
    """`[a, b]`."""

    place: Place
    items: tuple[Expression, ...]


@dataclass(frozen=True)
class Entry:
    """A property of an object; an interpolated key is no `str`."""

    place: Place
    key: Text
    value: Expression


@dataclass(frozen=True)
class Object:
    """`{ key: value }`."""

    place: Place
    entries: tuple[Entry, ...]

    def get(self, key: str) -> Expression | None:
        """Return the value of a plain key."""
        return next((entry.value for entry in self.entries if entry.key.plain == key), None)

    def without(self, keys: frozenset[str]) -> Object:
        """Return what is left without some plain keys."""
        return Object(self.place, tuple(entry for entry in self.entries if entry.key.plain not in keys))


@dataclass(frozen=True)
class Loop:
    """`[for item in source: body]`."""

    place: Place
    item: str
    index: str | None
    source: Expression
    body: Expression


@dataclass(frozen=True)
class Conditional:
    """`if (condition) body`, of a resource or a module."""

    place: Place
    condition: Expression
    body: Expression


@dataclass(frozen=True)
class Lambda:
    """`x => body`."""

    place: Place
    parameter: str
    body: Expression


@dataclass(frozen=True)
class Call:
    """`function(arguments)`."""

    place: Place
    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Member:
    """`base.name`, or `base.?name`, which is null if there is none."""

    place: Place
    base: Expression
    name: str
    safe: bool


@dataclass(frozen=True)
class Index:
    """`base[key]`, or `base[?key]`, which is null if there is none."""

    place: Place
    base: Expression
    key: Expression
    safe: bool


@dataclass(frozen=True)
class Unary:
    """`!operand` or `-operand`."""

    place: Place
    operator: str
    operand: Expression


@dataclass(frozen=True)
class Binary:
    """`left operator right`."""

    place: Place
    left: Expression
    operator: str
    right: Expression


@dataclass(frozen=True)
class Choice:
    """`condition ? then : otherwise`."""

    place: Place
    condition: Expression
    then: Expression
    otherwise: Expression


Expression: TypeAlias = (
    Constant
    | Text
    | Name
    | Array
    | Object
    | Loop
    | Conditional
    | Lambda
    | Call
    | Member
    | Index
    | Unary
    | Binary
    | Choice
)


@dataclass(frozen=True)
class Type:
    """A type of a parameter or an output: `string[]?` has `lists=1` and is nullable."""

    place: Place
    name: str
    lists: int
    nullable: bool

    def __str__(self) -> str:
        return self.name + "[]" * self.lists + "?" * self.nullable


@dataclass(frozen=True)
class Decorator:
    """`@name(arguments)`."""

    place: Place
    name: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True)
class Param:
    """`param name type = default`."""

    place: Place
    name: str
    decorators: tuple[Decorator, ...]
    type: Type
    default: Expression | None

    @property
    def required(self) -> bool:
        """Whether a deployment has to give it."""
        return self.default is None and not self.type.nullable


@dataclass(frozen=True)
class Var:
    """`var name = value`."""

    place: Place
    name: str
    decorators: tuple[Decorator, ...]
    value: Expression


@dataclass(frozen=True)
class ResourceDeclaration:
    """`resource name 'type@version' = body`."""

    place: Place
    name: str
    decorators: tuple[Decorator, ...]
    type: str
    api_version: str
    existing: bool
    value: Expression


@dataclass(frozen=True)
class ModuleDeclaration:
    """`module name 'path' = body`."""

    place: Place
    name: str
    decorators: tuple[Decorator, ...]
    path: str
    value: Expression


@dataclass(frozen=True)
class Output:
    """`output name type = value`."""

    place: Place
    name: str
    decorators: tuple[Decorator, ...]
    type: Type
    value: Expression


Symbol: TypeAlias = Param | Var | ResourceDeclaration | ModuleDeclaration
TargetScope = Literal["subscription", "resourceGroup"]


@dataclass(frozen=True)
class BicepFile:
    """A file as it was written."""

    path: Path
    target_scope: TargetScope
    symbols: tuple[Symbol, ...]
    outputs: tuple[Output, ...]

    @property
    def params(self) -> dict[str, Param]:
        """Its parameters, by name."""
        return {each.name: each for each in self.symbols if isinstance(each, Param)}


def children(node: Expression | Entry) -> Iterator[Expression | Entry]:
    """Find the expressions that an expression is made of."""
    for field in fields(node):
        value = getattr(node, field.name)
        for each in value if isinstance(value, tuple) else [value]:
            if isinstance(each, Expression | Entry):
                yield each


def instance(value: Expression) -> tuple[Loop | None, Expression | None, Object]:
    """Take apart what a resource or a module is declared with.

    Returns:
        Its loop and its condition, if any, and the object that describes it.

    Raises:
        TypeError: There is no object in it.
    """
    loop = value if isinstance(value, Loop) else None
    inner = loop.body if loop else value
    condition = inner.condition if isinstance(inner, Conditional) else None
    body = inner.body if isinstance(inner, Conditional) else inner
    if not isinstance(body, Object):
        raise TypeError("A resource or a module is described by an object.")
    return loop, condition, body
