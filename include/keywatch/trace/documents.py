"""Secrets in JSON, XML and forms, found by the names of fields, elements and parameters."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus, unquote, unquote_plus

from keywatch.trace.known import MOST_ESCAPES, REMOVED
from keywatch.trace.names import (
    OF_KEYS,
    OF_VAULTS,
    PAIRED_NAMES,
    is_page_position,
    is_secret_label,
    is_secret_name,
    is_secret_parameter,
    is_secret_text,
)

Remove = Callable[[str, str], str]
"""Takes a name and a secret, and returns what stands in the secret's place."""

Scrub = Callable[[str], str]
"""Takes a text, and returns it without anything that looks like a secret or is known to be one."""

NOT_JSON: Final = (ValueError, RecursionError)

NOTHING: Final[tuple[object, ...]] = (None, "", [], {})

PAIR: Final = re.compile(
    r'"(?P<name>[^"\\]{0,100}(?:\\.[^"\\]{0,100}){0,20})"(?P<between>\s{0,100}:\s{0,100})'
    r'(?P<value>"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|-?[0-9][0-9.eE+-]*)',
    re.DOTALL,
)
"""A field of JSON and its value, if that is text or a number; at the end of what was cut, text may have no end."""

ELEMENT: Final = re.compile(
    r"<(?P<name>[A-Za-z_][\w:.-]*)(?P<rest>\s[^<>]*)?>(?P<value>[^<]*(?:<!\[CDATA\[.*?(?:\]\]>|\Z)[^<]*)*)(?=<|\Z)",
    re.DOTALL,
)
"""An element of XML that begins with text; at the end of what was cut, it may have no end."""

TAG: Final = re.compile(r"<[A-Za-z_][\w:.-]*\s[^<>]*>")
ATTRIBUTE: Final = re.compile(
    r"(?<![\w:.-])(?P<name>[\w:.-]{1,100})\s{0,20}=\s{0,20}(?P<quote>[\"'])(?P<value>[^\"'<>]*)"
)

STRONG: Final = re.compile(
    r"(?:access|refresh|id|session|security|bearer)_?token|client_?(?:secret|assertion)|secret_?access_?key"
    r"|pass(?:word|phrase)|private_?key|(?:primary|secondary|shared|account)_?key",
    re.IGNORECASE,
)
"""Names that stand before nothing but a secret."""

NOT_LEFT: Final = re.compile(
    r"[\w.-]{0,40}(?:Type|type|Endpoint|endpoint|Used|used|Changed|changed|Enabled|enabled|Rotation|rotation|supported)\b"
    r'|[\w.-]{0,40}[\\"\'\s]{0,8}(?:[=:>]|&gt;|%3[AaDdEe])[\\"\'\s]{0,8}(?:\*removed|null\b|true\b|false\b|[,}&<]|\Z)'
)
"""What follows such a name where no secret does, or none is left."""


@dataclass(slots=True)
class Json:
    """Takes the secrets out of one JSON document.

    Attributes:
        remove: Takes a secret out.
        of_a_vault: Whether it comes from, or goes to, a vault: there, what is called `value` and the like is a secret,
            a digest to sign or a signature.
        is_changed: Whether anything was taken out.
    """

    remove: Remove
    of_a_vault: bool = False
    is_changed: bool = field(default=False, init=False)

    def redact(self, text: str) -> str:
        """Return the document without secrets; as it was, if it has none and nothing in it is escaped.

        Raises:
            ValueError: It is not JSON.
            RecursionError: It is too deep to be read.
        """
        value = self._unpaired(json.loads(text, object_pairs_hook=self._object))
        if not self.is_changed and "\\" not in text:
            return text
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Build an object. Fields of the same name are all looked at, though only the last one is kept."""
        is_labelled = _holds_a_secret(pairs)
        made = {name: self._field(name, value, is_labelled=is_labelled) for name, value in pairs}
        if made.get("kind") in ("Secret", "SecretList"):
            self._redact_kubernetes(made)
        return made

    def _field(self, name: str, value: Any, *, is_labelled: bool) -> Any:  # noqa: ANN401 - any JSON
        if value in NOTHING or isinstance(value, bool):
            return value
        if is_secret_name(name) and not (name == "authorization" and isinstance(value, dict)):
            return self._removed(name, value)
        if is_labelled and name.lower() == "value" and not isinstance(value, (dict, list)):
            return self._removed(name, value)
        if isinstance(value, str) and _is_secret_text(name, of_a_vault=self.of_a_vault):
            return self._removed(name, value)
        return self._unpaired(value)

    def _unpaired(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
        """Look into what has no name of its own, or none that says anything: texts that are JSON, also in lists."""
        if isinstance(value, str):
            return self._nested(value)
        return [self._unpaired(each) for each in value] if isinstance(value, list) else value

    def _redact_kubernetes(self, made: dict[str, Any]) -> None:
        """Take out what a Secret of Kubernetes holds. Those in a list do not say what they are."""
        items = made.get("items")
        for each in (made, *(items if isinstance(items, list) else ())):
            for name in ("data", "stringData"):
                if isinstance(each, dict) and each.get(name) not in (*NOTHING, REMOVED):
                    each[name] = self._removed(name, each[name])

    def _removed(self, name: str, value: Any) -> str:  # noqa: ANN401 - any JSON
        self.is_changed = True
        for leaf in _leaves(value):
            self.remove(name, leaf)
        return REMOVED

    def _nested(self, value: str) -> str:
        """Look into JSON that is the text of a field."""
        if not value.lstrip().startswith(("{", "[")):
            return value
        inner = Json(self.remove, self.of_a_vault)
        try:
            redacted = inner.redact(value)
        except NOT_JSON:
            return value
        self.is_changed = self.is_changed or inner.is_changed
        return redacted


def _is_secret_text(name: str, *, of_a_vault: bool) -> bool:
    """Tell whether a text is a secret, by a name that may mean something else where it has no text."""
    if of_a_vault and name.lower() in OF_VAULTS:
        return True
    return name == "key" or name in OF_KEYS or is_secret_text(name)


def _holds_a_secret(pairs: list[tuple[str, Any]]) -> bool:
    """Tell whether what an object calls `value` is a secret, by the fields beside it."""
    return any(
        name == "keyName"
        or (name.lower() in PAIRED_NAMES and is_secret_label(value))
        or (name == "Type" and value == "SecureString")
        for name, value in pairs
    )


def _leaves(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def redact_broken_json(text: str, remove: Remove, *, of_a_vault: bool) -> str:
    """Take the secrets out of what begins as JSON but was cut, or is several documents."""
    label = ""

    def replace(match: re.Match[str]) -> str:
        nonlocal label
        name = _unescaped(match["name"])
        value = match["value"]
        is_secret = is_secret_name(name) or (name.lower() == "value" and is_secret_label(label))
        if value.startswith('"'):
            is_secret = is_secret or _is_secret_text(name, of_a_vault=of_a_vault)
        label = _unescaped(value.strip('"')) if name.lower() in PAIRED_NAMES else ""
        if not is_secret or value == '""':
            return match[0]
        return f'"{match["name"]}"{match["between"]}"{remove(name, _unescaped(value.strip(chr(34))))}"'

    return PAIR.sub(replace, text)


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text


def redact_xml(text: str, remove: Remove) -> str:
    """Take the secrets out of XML: texts and attributes whose name, or the name beside them, says that they are one."""

    def replace(match: re.Match[str]) -> str:
        name = match["name"].rpartition(":")[2]
        value = match["value"]
        is_secret = is_secret_text(name) or _names_a_secret(match["rest"] or "")
        if not value.strip() or not is_secret:
            return match[0]
        plain = value.strip().removeprefix("<![CDATA[").removesuffix("]]>")
        return match[0].removesuffix(value) + remove(name, html.unescape(plain))

    return TAG.sub(lambda match: _tag(match[0], remove), ELEMENT.sub(replace, text))


def _names_a_secret(attributes: str) -> bool:
    """Tell whether an attribute is the name of a secret, which is beside it: `<add key="Password" value="...">`."""
    found = ATTRIBUTE.finditer(attributes)
    return any(each["name"].lower() in PAIRED_NAMES and is_secret_label(each["value"]) for each in found)


def _tag(tag: str, remove: Remove) -> str:
    """Take the secrets out of the attributes of an element."""
    is_labelled = _names_a_secret(tag)

    def replace(match: re.Match[str]) -> str:
        name, value = match["name"], match["value"]
        is_secret = is_secret_text(name) or (is_labelled and name.lower() == "value")
        if not value or not is_secret or value == REMOVED:
            return match[0]
        return match[0].removesuffix(value) + remove(name, html.unescape(value))

    return ATTRIBUTE.sub(replace, tag)


def redact_form(text: str, remove: Remove, scrub: Scrub) -> str:
    """Take the secrets out of a form, or of a URL's query."""
    return "&".join(_pair(pair, remove, scrub) for pair in text.split("&"))


def _pair(pair: str, remove: Remove, scrub: Scrub) -> str:
    name, equals, value = pair.partition("=")
    plain_name, plain = unquote_plus(name), unquote_plus(value)
    if plain and is_secret_parameter(plain_name):
        return f"{name}={remove(plain_name, plain)}"
    if is_page_position(plain_name):  # whoever looks at the whole sees the name beside it
        return pair
    return f"{scrub_quoted(name, scrub)}{equals}{scrub_quoted(_value(plain, value, remove), scrub)}"


def _value(plain: str, value: str, remove: Remove) -> str:
    """Look into JSON that is a parameter's value."""
    document = Json(remove)
    try:
        redacted = document.redact(plain) if plain.startswith(("{", "[")) else plain
    except NOT_JSON:
        return value
    return quote_plus(redacted, safe="*") if document.is_changed else value


def scrub_quoted(quoted: str, scrub: Scrub) -> str:
    """Take secrets out of a part of a URL or a form that are escaped in it, however often.

    Those that are not escaped are left to whoever looks at the whole.
    """
    for plain in _unquoted(quoted):
        scrubbed = scrub(plain)
        if scrubbed != plain:
            return quote_plus(scrubbed, safe="*", errors="replace")
    return quoted


def _unquoted(quoted: str) -> list[str]:
    """Return a text without its escapes, as a path has them and as a query: first without all, then layer by layer."""
    layers = [unquote_plus(quoted)] if "+" in quoted else []
    plain = quoted
    for _ in range(MOST_ESCAPES):
        plain, before = unquote(plain), plain
        if plain == before:
            break
        layers.append(plain)
    return layers[::-1]


def is_left(text: str) -> bool:
    """Tell whether the name of a secret still has something beside it that may be one."""
    return any(NOT_LEFT.match(text, match.end()) is None for match in STRONG.finditer(text))
