"""Values that are known to be secret, found again wherever they stand and however they are written.

A recording may know thousands of them and looks for them in every text, so it does not look for one after the other:
of each form, the pieces of `PIECE` characters that begin at its first `STEP` characters are kept; of a text, only every
`STEP`th piece is looked up. A form of `LONG` characters or more cannot stand in a text without one of its pieces being
looked up.
"""

from __future__ import annotations

import base64
import html
import re
from functools import lru_cache
from itertools import chain
from typing import Final
from urllib.parse import quote_plus, unquote

REMOVED: Final = "*removed*"
"""What stands in place of a secret: the same in a URL, a form, JSON, XML and a header."""

PIECE: Final = 8
STEP: Final = 8
LONG: Final = PIECE + STEP - 1

SHORTEST: Final = 8
"""Shorter values are removed where their name stands, and not looked for elsewhere: they would be found in words."""

SHORTEST_GIVEN: Final = 4
LONGEST_WORD: Final = 16
"""A value of letters alone, and of fewer than these, is taken for a word."""

CUT: Final = 16
"""Characters at the end of a text that are the beginning of a secret, and so taken for one that was cut."""

MOST_VALUES: Final = 10_000
"""So many values are learnt; later ones are still removed where they are recognised, but not looked for elsewhere.

The first are kept, as what a task signs in with comes first. So the memory of a long recording has a bound.
"""

MOST_ESCAPES: Final = 4
"""How often a text may have been escaped."""

LAST_OF_JSON: Final = 0xFFFF
JSON_ESCAPE: Final = re.compile(r"(?<!\\)\\++(?:u(?P<code>[0-9A-Fa-f]{4})|(?P<letter>[\"/nrtbf']))")
"""An escape, after any number of backslashes: looked for where those begin, as from each it would take very long."""

BACKSLASHES: Final = r"(?:(?<!\\)\\++|(?<=\\))"
"""All backslashes before an escaped character, or none where they have been taken for a part of the secret."""

JSON_LETTERS: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
JSON_LETTERS_OF: Final = {meant: letter for letter, meant in JSON_LETTERS.items()}
XML_NAMES: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}

RUN_OR_CHARACTER: Final = re.compile(r"\\+|[^\\]", re.DOTALL)
DIGEST: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
PLAIN_URL: Final = re.compile(r"https?://[^?#@]*")


class KnownSecrets:
    """The secrets of one recording, kept in memory alone. Threads share it: every change to it is one operation."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self._pieces: dict[str, list[str]] = {}
        self._short: list[tuple[str, str]] = []
        self._digests: set[int] = set()

    def give(self, value: str) -> None:
        """Remember what somebody says is a secret."""
        value = value.strip()
        if len(value) >= SHORTEST_GIVEN:
            self._remember(value)

    def learn(self, value: str) -> None:
        """Remember what was removed for its name or its looks, unless it may be found anywhere: a word, a plain URL."""
        value = value.strip()
        if len(self._seen) >= MOST_VALUES:
            return
        is_word = value.isalpha() and len(value) < LONGEST_WORD
        if len(value) >= SHORTEST and not is_word and REMOVED not in value and not PLAIN_URL.fullmatch(value):
            self._remember(value)

    def remove(self, text: str) -> tuple[str, int]:
        """Return a text without the secrets, and how many stood there."""
        count = 0
        for form in self._candidates(text):
            found = text.count(form)
            text = text.replace(form, REMOVED)
            start = text.rfind(form[:CUT])
            if start >= 0 and len(text) - start >= CUT and form.startswith(text[start:]):
                found += 1
                text = text[:start] + REMOVED
            count += found
        if self._digests:
            cleaned = DIGEST.sub(self._without_digest, text)
            count += cleaned.count(REMOVED) - text.count(REMOVED)
            text = cleaned
        return self._remove_escaped(text, count)

    def without_cut_end(self, text: str) -> tuple[str, int]:
        """Return a text that was cut without the beginning of a secret at its end, and how many stood there.

        What is left of a secret may be too short for `remove` to look for.
        """
        for at in range(max(0, len(text) - CUT), len(text) - SHORTEST + 1):
            end = text[at:]
            known = chain(tuple(self._pieces.get(end[:PIECE], ())), (part for part, _ in tuple(self._short)))
            if any(form.startswith(end) for form in known):
                return text[:at] + REMOVED, 1
        return text, 0

    def _remove_escaped(self, text: str, count: int) -> tuple[str, int]:
        """Remove what stands there with some of its characters escaped, in whatever way."""
        plain = unescaped(text)
        if plain == text:
            return text, count
        there = [form for form in self._candidates(plain) if unescaped(form) in plain]
        for form in there:
            text, found = escaped(form).subn(REMOVED, text)
            count += found
        plain = unescaped(text) if there else ""
        if any(unescaped(form) in plain for form in there):  # and nobody knows how it is written
            return REMOVED, count + 1
        return text, count

    def _candidates(self, text: str) -> list[str]:
        """Return the forms of secrets that may stand in a text, the longest first."""
        pieces = self._pieces
        hit = {piece for at in range(0, len(text) - PIECE + 1, STEP) if (piece := text[at : at + PIECE]) in pieces}
        found = set(chain.from_iterable(tuple(pieces[piece]) for piece in hit))
        found.update(form for part, form in tuple(self._short) if part in text)
        return sorted(found, key=len, reverse=True)

    def _without_digest(self, match: re.Match[str]) -> str:
        return REMOVED if hash(match[0]) in self._digests else match[0]

    def _remember(self, value: str) -> None:
        mark = hash(value)
        if mark in self._seen:
            return
        if DIGEST.fullmatch(value):  # one for each request to AWS: a number takes less room than pieces
            self._digests.add(mark)
        else:
            for form in forms(value) | forms(unescaped(value)):
                self._keep(form)
        self._seen.add(mark)

    def _keep(self, form: str) -> None:
        """Let a form be found as it is, and where it was escaped and no longer is."""
        plain = unescaped(form)
        if min(len(form), len(plain)) < SHORTEST_GIVEN:
            return
        for written in {form, plain}:
            if len(written) < LONG:
                self._short.append((written, form))
                continue
            for at in range(STEP):
                self._pieces.setdefault(written[at : at + PIECE], []).append(form)


def forms(value: str) -> set[str]:
    """Return a value as it is, in hex, and in Base64 as part of something longer."""
    data = value.encode("utf-8", "surrogatepass")
    found = {value, quote_plus(data), data.hex(), data.hex().upper()}
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data).decode()
        # What depends on what stands before or after is left out.
        inner = whole[(before * 8 + 5) // 6 : (before + len(data)) * 8 // 6]
        if len(inner) >= SHORTEST:
            found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return found


def unescaped(text: str) -> str:
    """Return a text with every escape undone: of URLs, of JSON and of XML, also where one is within another.

    No backslash is left, so that it does not matter how often one was escaped.
    """
    for _ in range(MOST_ESCAPES):
        before = text
        if "%" in text:
            text = unquote(text, errors="surrogateescape")
        if "\\" in text:
            text = JSON_ESCAPE.sub(_of_json, text)
        if "&" in text:
            text = html.unescape(text)
        if text == before:
            break
    return text.replace("\\", "")


def _of_json(match: re.Match[str]) -> str:
    return chr(int(match["code"], 16)) if match["code"] else JSON_LETTERS.get(match["letter"], match["letter"])


def escaped(form: str) -> re.Pattern[str]:
    """Return a pattern for a text, whichever of its characters are escaped, and in whatever way."""
    return re.compile("".join(map(_escaped, RUN_OR_CHARACTER.findall(form))))


@lru_cache(maxsize=512)
def _escaped(character: str) -> str:
    if character.startswith("\\"):  # how many there are tells nothing: each escaping doubles them
        return r"(?:(?<!\\)\\++|(?:%(?:25)*(?i:5c)|&(?:amp;)*#(?:0*92|[xX]0*5[cC]);|(?<!\\)\\++u005[cC])+)"
    percent = "".join(f"%(?:25)*(?i:{byte:02x})" for byte in character.encode("utf-8", "surrogatepass"))
    letter = JSON_LETTERS_OF.get(character, character)
    names = "".join(f"|{name}" for name, meant in XML_NAMES.items() if meant == character)
    number = ord(character)
    code = rf"{BACKSLASHES}u(?i:{number:04x})|" if number <= LAST_OF_JSON else ""
    entity = rf"&(?:amp;)*(?:#0*{number}|#[xX]0*(?i:{number:x}){names});"
    return rf"(?:{re.escape(character)}|{percent}|{code}{BACKSLASHES}{re.escape(letter)}|{entity})"
