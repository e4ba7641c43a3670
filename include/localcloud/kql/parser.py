"""A place in a query, which the operators and expressions read on from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from localcloud.kql.data import KqlError
from localcloud.kql.lexer import Token, tokens

T = TypeVar("T")


class Parser:
    """Reads a query word by word.

    Raises:
        KqlError: something in it is no word; as every method does if the next word is not what it wants.
    """

    def __init__(self, kql: str) -> None:
        self._tokens = list(tokens(kql))
        self._position = 0

    @property
    def current(self) -> Token:
        """The next word."""
        return self._tokens[self._position]

    def peek(self, ahead: int = 1) -> Token:
        """Give a word further on, or the end."""
        return self._tokens[min(self._position + ahead, len(self._tokens) - 1)]

    def next(self) -> Token:
        """Take the next word; the end can be taken again and again."""
        token = self.current
        self._position = min(self._position + 1, len(self._tokens) - 1)
        return token

    def mark(self) -> int:
        """Give the place, to come back to."""
        return self._position

    def skip_part(self, mark: int) -> None:
        """Go back to a place, and pass over the table or the parentheses that begin there."""
        self._position = mark
        if self.current.kind == "name" or self.quoted() is not None:
            self.entity("a table")
        depth = 0
        while self.is_sign("(") or depth:
            if self.at_end():
                raise self.expected(")")
            depth += {"(": 1, ")": -1}.get(self.current.value, 0) if self.current.kind == "sign" else 0
            self.next()

    def at_end(self) -> bool:
        """Tell whether nothing is left."""
        return self.current.kind == "end"

    def is_sign(self, *signs: str) -> bool:
        """Tell whether the next word is one of these signs."""
        return self.current.kind == "sign" and self.current.value in signs

    def is_name(self, *names: str) -> bool:
        """Tell whether the next word is one of these names."""
        return self.current.kind == "name" and self.current.value in names

    def accept(self, sign: str) -> bool:
        """Take a sign if it is next."""
        return self.is_sign(sign) and bool(self.next())

    def accept_name(self, *names: str) -> str | None:
        """Take and give one of these names if it is next."""
        return str(self.next().value) if self.is_name(*names) else None

    def sign(self, sign: str) -> None:
        """Take a sign."""
        if not self.accept(sign):
            raise self.expected(sign)

    def name(self, what: str) -> str:
        """Take a name; `what` tells, in messages, of what."""
        if self.current.kind != "name":
            raise self.expected(what)
        return str(self.next().value)

    def quoted(self, ahead: int = 0) -> str | None:
        """Give the name in `['name']`, if that is there."""
        opening, name, closing = (self.peek(ahead + each) for each in range(3))
        if opening == Token("sign", "[") and name.kind == "text" and closing == Token("sign", "]"):
            return str(name.value)
        return None

    def entity(self, what: str) -> str:
        """Take the name of a table or column, which may be quoted as `['name']`."""
        name = self.quoted()
        if name is None:
            return self.name(what)
        self._position += 3
        return name

    def word(self, word: str) -> None:
        """Take this name."""
        if not self.accept_name(word):
            raise self.expected(word)

    def count(self) -> int:
        """Take a number of rows."""
        if self.current.kind != "int":
            raise self.expected("a number of rows")
        return int(self.next().value)

    def several(self, one: Callable[[], T]) -> list[T]:
        """Take one or more things with commas between them."""
        found = [one()]
        while self.accept(","):
            found.append(one())
        return found

    def listed(self, one: Callable[[], T]) -> list[T]:
        """Take a list in parentheses, which may be empty."""
        self.sign("(")
        found = [] if self.is_sign(")") else self.several(one)
        self.sign(")")
        return found

    def assigned(self) -> str | None:
        """Take `name =`, if that is next."""
        words = 1 if self.quoted() is None else 3
        if (words == 1 and self.current.kind != "name") or self.peek(words) != Token("sign", "="):
            return None
        name = self.entity("a name")
        self.next()
        return name

    def expected(self, what: str) -> KqlError:
        """Give the error that something else was to come."""
        return KqlError(f"Expected {what}, found {self.current.value!r}")


def known(name: str, names: Iterable[str], what: str) -> str:
    """Give a name back if it is one of those that there are.

    Raises:
        KqlError: it is not.
    """
    if name not in names:
        raise KqlError(f"{what} {name} is not played here; there are {', '.join(names)}")
    return name
