"""YAML with the line of everything in it, and without what surprises: no aliases, no key twice, no octal numbers.

Scalars mean what YAML's core schema says (YAML 1.2, section 10.3.2), and a date besides: `012345670123` is text, and so
is `on`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import yaml

Path = tuple[str | int, ...]
"""Where in a document something is: names of fields, and places in lists, from 0."""

PLAIN: Final = "tag:yaml.org,2002:"
DEEPEST: Final = 50
"""How deep lists and fields may lie in one another: far above what is needed, far below what takes long to read."""

NULLS: Final = ("", "~", "null", "Null", "NULL")
BOOLEANS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


HINTS: Final = {
    "expected alphabetic or numeric character": "put a text that begins with * or & in quotation marks",
    "mapping values are not allowed here": "put a text with a colon in quotation marks, or look at the indentation",
    "expected <block end>": "look at the indentation",
    "'\\t' that cannot start any token": "indent with blanks, not with tabs",
}
"""What usually helps, by what PyYAML says."""


class YamlError(ValueError):
    """A text is not YAML that is read here.

    Attributes:
        line: From 1.
    """

    def __init__(self, what: str, line: int) -> None:
        super().__init__(what)
        self.line = line


@dataclass(frozen=True, slots=True)
class Lines:
    """The line of each part of a document, from 1."""

    by_path: dict[Path, int] = field(default_factory=dict)

    def of(self, path: Path) -> int:
        """Return the line of a part; of one that is not there, the line of what it should be in.

        Steps that are not in the document, such as the kind that a validator chose, are passed over.
        """
        found: Path = ()
        for step in path:
            if (*found, step) in self.by_path:
                found = (*found, step)
        return self.by_path[found]


def read_yaml(text: str) -> tuple[Any, Lines]:
    """Read one document.

    Returns:
        What is in it, of dictionaries, lists, texts, integers, booleans, dates and None; and its lines.

    Raises:
        YamlError: It is no YAML, or holds what is not read here.
    """
    try:
        _refuse_odd(yaml.parse(text, yaml.SafeLoader))
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = str(error.problem or error.context)
        hint = "".join(f"; {hint}" for words, hint in HINTS.items() if words in said)
        raise YamlError(f"{said}{hint}", mark.line + 1 if mark else 1) from error
    except yaml.YAMLError as error:
        raise YamlError("it holds a character that YAML does not take", 1) from error
    except YamlError:
        raise
    except (ValueError, OverflowError) as error:  # such as of "\UFFFFFFFF", which PyYAML takes for a character
        raise YamlError("it holds a character or a number that is out of all bounds", 1) from error
    lines = Lines({(): 1})
    return (None if node is None else _value(node, (), lines)), lines


def _refuse_odd(events: Iterator[yaml.Event]) -> None:
    depth = 0
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            raise YamlError("an alias is not read here: put a text that begins with * in quotation marks", _line(event))
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise YamlError("it is nested too deeply", _line(event))


def _value(node: yaml.Node, path: Path, lines: Lines) -> Any:  # noqa: ANN401 - whatever the document holds
    lines.by_path.setdefault(path, _line(node))
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_value(each, (*path, number), lines) for number, each in enumerate(node.value)]
    return _scalar(node)


def _mapping(node: yaml.MappingNode, path: Path, lines: Lines) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise YamlError("the name of a field is not a text", _line(key))
        if key.value in values:
            raise YamlError(f"{key.value} is there twice", _line(key))
        lines.by_path[(*path, key.value)] = _line(key)
        values[key.value] = _value(value, (*path, key.value), lines)
    return values


def _scalar(node: yaml.Node) -> str | int | bool | date | None:
    text = str(node.value)
    if getattr(node, "style", None) is not None:
        return text
    if not node.tag.startswith(PLAIN):
        raise YamlError(f"the tag {node.tag} is not read here", _line(node))
    if text in NULLS:
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    if INTEGER.fullmatch(text):
        return int(text)
    if DATE.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise YamlError(f"{text} is no day of the calendar", _line(node)) from error
    return text


def _line(part: yaml.Node | yaml.Event) -> int:
    return part.start_mark.line + 1 if part.start_mark else 1
