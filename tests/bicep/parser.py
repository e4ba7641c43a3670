"""Turns the words of a Bicep file into declarations and expressions, with Bicep's precedence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.bicep.errors import BicepError, Place
from tests.bicep.syntax import (
    Array,
    BicepFile,
    Binary,
    Call,
    Choice,
    Conditional,
    Constant,
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
    TargetScope,
    Text,
    Type,
    Unary,
    Var,
    instance,
)
from tests.bicep.texts import multi_line, parts
from tests.bicep.tokens import Lexeme, lexemes, read

CONSTANTS: Final = {"null": None, "true": True, "false": False}
PRECEDENCE: Final = (("??",), ("||",), ("&&",), ("==", "!="), ("+",))
"""From the loosest to the tightest; a ternary is looser than all, and every one associates to the left."""
TYPES: Final = {"string", "int", "bool", "object", "array"}
SCOPES: Final[dict[str, TargetScope]] = {"subscription": "subscription", "resourceGroup": "resourceGroup"}


class Words:
    """The words of a file, read one after another."""

    def __init__(self, words: list[Lexeme]) -> None:
        self._words = words
        self._position = 0

    @property
    def next(self) -> Lexeme:
        """The word that is not taken yet."""
        return self._words[self._position]

    @property
    def after_next(self) -> Lexeme:
        """The word after the next."""
        return self._words[min(self._position + 1, len(self._words) - 1)]

    def take(self) -> Lexeme:
        """Take a word."""
        word = self.next
        if word.kind != "end":
            self._position += 1
        return word

    def found(self, *texts: str) -> Lexeme | None:
        """Take the next word if it is one of these signs or keywords."""
        is_one = self.next.kind in {"name", "sign"} and self.next.text in texts
        return self.take() if is_one else None

    def expect(self, text: str) -> Lexeme:
        """Take a sign or a keyword that has to be there."""
        word = self.found(text)
        if not word:
            raise self.unexpected(repr(text))
        return word

    def name(self) -> Lexeme:
        """Take a name."""
        if self.next.kind != "name" or "." in self.next.text:
            raise self.unexpected("A name")
        return self.take()

    def skip_lines(self) -> bool:
        """Skip newlines and comments, and tell whether there were any."""
        before = self._position
        while self.next.kind == "newline":
            self.take()
        return self._position > before

    def end_line(self) -> None:
        """Skip newlines, of which there has to be one."""
        if not self.skip_lines() and self.next.kind != "end":
            raise self.unexpected("The end of the line")

    def unexpected(self, expected: str) -> BicepError:
        """Make an error about the next word."""
        given = "the line ends" if self.next.kind in {"newline", "end"} else f"there is {self.next.text!r}"
        return BicepError(self.next.place, f"{expected} is expected, but {given}.")


class ExpressionParser:
    """Reads expressions."""

    def __init__(self, words: Words) -> None:
        self.words = words

    def expression(self) -> Expression:
        """Read an expression."""
        condition = self._binary(0)
        if not self.words.found("?"):
            return condition
        then = self.expression()
        self.words.expect(":")
        return Choice(condition.place, condition, then, self.expression())

    def text(self) -> Text:
        """Read a text."""
        word = self.words.take()
        if word.kind == "lines":
            return Text(word.place, (multi_line(word),))
        if word.kind != "text":
            raise BicepError(word.place, f"A text is expected, but there is {word.text!r}.")
        inner = [part if isinstance(part, str) else _interpolated(part.source, word.place) for part in parts(word)]
        return Text(word.place, tuple(inner))

    def _binary(self, level: int) -> Expression:
        if level == len(PRECEDENCE):
            return self._unary()
        left = self._binary(level + 1)
        while operator := self.words.found(*PRECEDENCE[level]):
            left = Binary(left.place, left, operator.text, self._binary(level + 1))
        return left

    def _unary(self) -> Expression:
        operator = self.words.found("!", "-")
        if operator:
            return Unary(operator.place, operator.text, self._unary())
        return self._accessed(self._primary())

    def _accessed(self, base: Expression) -> Expression:
        while True:
            if self.words.found("."):
                safe = bool(self.words.found("?"))
                name = self.words.name()
                base = Member(name.place, base, name.text, safe)
            elif bracket := self.words.found("["):
                safe = bool(self.words.found("?"))
                base = Index(bracket.place, base, self.expression(), safe)
                self.words.expect("]")
            else:
                return base

    def _primary(self) -> Expression:
        word = self.words.next
        if word.kind in {"text", "lines"}:
            return self.text()
        if word.kind == "number":
            return Constant(word.place, int(self.words.take().text))
        if word.kind == "name":
            return self._named()
        readers: dict[str, Callable[[], Expression]] = {"(": self._parenthesised, "[": self._array, "{": self.object}
        if word.text not in readers:
            raise self.words.unexpected("A value")
        return readers[word.text]()

    def _named(self) -> Expression:
        name = self.words.name()
        if name.text in CONSTANTS:
            return Constant(name.place, CONSTANTS[name.text])
        if self.words.found("("):
            return Call(name.place, name.text, self.arguments())
        if self.words.found("=>"):
            return Lambda(name.place, name.text, self.expression())
        return Name(name.place, name.text)

    def arguments(self) -> tuple[Expression, ...]:
        """Read what stands in parentheses that are open already."""
        found: list[Expression] = []
        self.words.skip_lines()
        while not self.words.found(")"):
            if found:
                self.words.expect(",")
                self.words.skip_lines()
            found.append(self.expression())
            self.words.skip_lines()
        return tuple(found)

    def _parenthesised(self) -> Expression:
        self.words.expect("(")
        inner = self.expression()
        self.words.expect(")")
        return inner

    def _array(self) -> Expression:
        bracket = self.words.expect("[")
        self.words.skip_lines()
        if self.words.found("for"):
            return self._loop(bracket.place)
        items: list[Expression] = []
        while not self.words.found("]"):
            items.append(self.expression())
            self._separator("]")
        return Array(bracket.place, tuple(items))

    def _separator(self, closing: str) -> None:
        separated = bool(self.words.found(","))
        if not self.words.skip_lines() and not separated and self.words.next.text != closing:
            raise self.words.unexpected("A new line")

    def _loop(self, place: Place) -> Loop:
        index = None
        if self.words.found("("):
            item = self.words.name().text
            self.words.expect(",")
            index = self.words.name().text
            self.words.expect(")")
        else:
            item = self.words.name().text
        self.words.expect("in")
        source = self.expression()
        self.words.expect(":")
        body = self.conditional()
        self.words.skip_lines()
        self.words.expect("]")
        return Loop(place, item, index, source, body)

    def conditional(self) -> Expression:
        """Read an expression, or an object that an `if` stands before."""
        word = self.words.next
        if not (word.text == "if" and self.words.after_next.text == "("):
            return self.expression()
        self.words.take()
        return Conditional(word.place, self._parenthesised(), self.object())

    def object(self) -> Object:
        """Read an object.

        Raises:
            BicepError: It has the same key twice, among others.
        """
        brace = self.words.expect("{")
        self.words.skip_lines()
        entries: list[Entry] = []
        while not self.words.found("}"):
            entry = self._entry()
            if entry.key.plain is not None and entry.key.plain in {each.key.plain for each in entries}:
                raise BicepError(entry.place, f"{entry.key.plain!r} is there twice.")
            entries.append(entry)
            self._separator("}")
        return Object(brace.place, tuple(entries))

    def _entry(self) -> Entry:
        word = self.words.next
        key = self.text() if word.kind == "text" else Text(word.place, (self.words.name().text,))
        self.words.expect(":")
        return Entry(word.place, key, self.expression())


def _interpolated(source: str, place: Place) -> Expression:
    words = Words(lexemes(f"var interpolated = {source}\n", place))
    for expected in ("var", "interpolated", "="):
        words.expect(expected)
    inner = ExpressionParser(words).expression()
    words.end_line()
    return inner


class FileParser(ExpressionParser):
    """Reads declarations."""

    def file(self, path: Path) -> BicepFile:
        """Read a whole file."""
        scope: TargetScope = "resourceGroup"
        symbols: list[Symbol] = []
        outputs: list[Output] = []
        self.words.skip_lines()
        while self.words.next.kind != "end":
            if self.words.found("targetScope"):
                scope = self._target_scope()
            else:
                declared = self._declaration()
                outputs.append(declared) if isinstance(declared, Output) else symbols.append(declared)
            self.words.end_line()
        return BicepFile(path, scope, tuple(symbols), tuple(outputs))

    def _target_scope(self) -> TargetScope:
        self.words.expect("=")
        text = self.text()
        if text.plain not in SCOPES:
            raise BicepError(text.place, f"Only {' and '.join(SCOPES)} can be read as a target scope.")
        return SCOPES[text.plain]

    def _declaration(self) -> Symbol | Output:
        decorators = tuple(self._decorators())
        keyword = self.words.name()
        readers: dict[str, Callable[[Place, str, tuple[Decorator, ...]], Symbol | Output]] = {
            "param": self._param,
            "var": self._var,
            "resource": self._resource,
            "module": self._module,
            "output": self._output,
        }
        if keyword.text not in readers:
            raise BicepError(keyword.place, f"{keyword.text!r} is not supported here.")
        return readers[keyword.text](keyword.place, self.words.name().text, decorators)

    def _decorators(self) -> list[Decorator]:
        found: list[Decorator] = []
        while self.words.found("@"):
            name = self.words.name()
            self.words.expect("(")
            found.append(Decorator(name.place, name.text, self.arguments()))
            self.words.end_line()
        return found

    def _param(self, place: Place, name: str, decorators: tuple[Decorator, ...]) -> Param:
        kind = self._type()
        default = self.expression() if self.words.found("=") else None
        return Param(place, name, decorators, kind, default)

    def _type(self) -> Type:
        name = self.words.name()
        if name.text not in TYPES:
            raise BicepError(name.place, f"The type {name.text!r} is not supported.")
        lists = 0
        while self.words.found("["):
            self.words.expect("]")
            lists += 1
        return Type(name.place, name.text, lists, bool(self.words.found("?")))

    def _var(self, place: Place, name: str, decorators: tuple[Decorator, ...]) -> Var:
        self.words.expect("=")
        return Var(place, name, decorators, self.expression())

    def _output(self, place: Place, name: str, decorators: tuple[Decorator, ...]) -> Output:
        kind = self._type()
        self.words.expect("=")
        return Output(place, name, decorators, kind, self.expression())

    def _resource(self, place: Place, name: str, decorators: tuple[Decorator, ...]) -> ResourceDeclaration:
        kind, _, version = self._plain().partition("@")
        if not version or "/" not in kind:
            raise BicepError(place, "A resource is declared as 'provider/type@API version'.")
        existing = bool(self.words.found("existing"))
        return ResourceDeclaration(place, name, decorators, kind, version, existing, self._instance())

    def _module(self, place: Place, name: str, decorators: tuple[Decorator, ...]) -> ModuleDeclaration:
        return ModuleDeclaration(place, name, decorators, self._plain(), self._instance())

    def _plain(self) -> str:
        text = self.text()
        if text.plain is None:
            raise BicepError(text.place, "Nothing can be interpolated here.")
        return text.plain

    def _instance(self) -> Expression:
        place = self.words.expect("=").place
        value = self.conditional()
        try:
            instance(value)
        except TypeError as error:
            raise BicepError(place, str(error)) from error
        return value


def parse(path: Path) -> BicepFile:
    """Read a Bicep file.

    Raises:
        BicepError: It is missing, or not Bicep, or in a part of Bicep that is not supported.
    """
    return FileParser(Words(read(path))).file(path)
