"""What looks like a secret, whatever its name, in any text.

Every pattern takes time in proportion to the text: none can try the same characters over and over.
"""

from __future__ import annotations

import base64
import re
import string
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Final

from keywatch.trace.known import PLAIN_URL, REMOVED
from keywatch.trace.names import is_page_position, is_secret_name, is_secret_parameter

Learn = Callable[[str], None]

BEFORE: Final = 48
"""Characters before a telling word that may belong to the same name."""

ASSIGNED: Final = frozenset({"=", "%3D", "%3d"})
NO_VALUES: Final = frozenset({"", "null", "none", "true", "false"})
ASCII_LOWER: Final = {ord(letter): letter.lower() for letter in string.ascii_uppercase}

SENTENCE: Final = 16
"""A word of letters alone after a colon, and shorter than this, is a sentence that goes on: `invalid_token: The`."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of secret.

    Attributes:
        label: What is said to have been removed.
        pattern: Matches one, or begins with one in its group `kept`, which stays.
        hints: One of these is in every text that has one; the pattern is not tried on others.
    """

    label: str
    pattern: re.Pattern[str]
    hints: tuple[str, ...] = field(default=())

    def may_be_in(self, text: str) -> bool:
        """Tell, quickly, whether it is worth looking."""
        return not self.hints or any(hint in text for hint in self.hints)


BASE64: Final = r"[A-Za-z0-9+/]"
SLASH: Final = r"(?:\\{0,7}/|%2[Ff])"
SEGMENT: Final = r"[^/?#&%\s\"'<>\\,;]"
WEBHOOKS: Final = (
    (rf"{SLASH}services{SLASH}T[A-Z0-9]+{SLASH}B[A-Z0-9]+{SLASH}", rf"{SEGMENT}+", "services"),
    (rf"{SLASH}bot", r"[0-9]{5,}(?::|%3[Aa])[\w-]{15,}", "bot"),
    (rf"discord(?:app)?\.com{SLASH}api{SLASH}(?:v\d+{SLASH})?webhooks{SLASH}\d+{SLASH}", rf"{SEGMENT}+", "discord"),
    (rf"\.webhook\.office\.com{SLASH}", r"[^?#\s\"'<>]+", ".webhook.office"),
    (rf"events\.pagerduty\.com{SLASH}(?:integration|x-ere){SLASH}", rf"{SEGMENT}+", "pagerduty"),
)
"""What stands before the secret in the path of a webhook's URL, the secret, and what is in every such URL."""

SHAPES: Final = (
    Shape(
        "private key",
        re.compile(
            r"-----BEGIN(?:[A-Z0-9 +]|%20)*PRIVATE(?:[ +]|%20)KEY.*?"
            r"(?:-----END(?:[A-Z0-9 +]|%20)*PRIVATE(?:[ +]|%20)KEY-----|\Z)",
            re.DOTALL,
        ),
        ("-----BEGIN",),
    ),
    Shape("private key", re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/=_%-]+"), ("LS0tLS1CRUdJTi",)),
    Shape(
        "session token",
        re.compile(r"(?:IQoJb3JpZ2lu|AgoJb3JpZ2lu|F[wQ]oGZXIvYXdz|[AF]QoDYXdz)[A-Za-z0-9+/=%_-]{80,}"),
        ("b3JpZ2lu", "YXdz"),
    ),
    Shape(
        "access token",
        re.compile(
            r"(?P<kept>\b(?:[Bb](?:earer|EARER)|[Pp][Oo][Pp])(?:[ +]|%20)+)(?![a-z_]+=)[A-Za-z0-9._~+/%-]{16,}=*"
        ),
        ("earer", "EARER", "pop", "Pop", "PoP", "POP"),
    ),
    Shape(
        "password",
        re.compile(r"(?P<kept>\b[Bb](?:asic|ASIC)(?:[ +]|%20)+)(?![a-z_]+(?:=|\b))[A-Za-z0-9+/%]{8,}=*"),
        ("asic", "ASIC"),
    ),
    Shape(
        "signature",
        re.compile(r"(?P<kept>\bSharedKey(?:Lite)?(?:[ +]|%20)+[^\s:%]{1,100}(?::|%3[Aa]))[A-Za-z0-9+/=%]{8,}"),
        ("SharedKey",),
    ),
    Shape("signature", re.compile(r"(?P<kept>\bSignature=)[0-9A-Fa-f]{32,}"), ("Signature=",)),
    Shape("key", re.compile(rf"(?<!{BASE64}){BASE64}{{86}}(?:==|%3[Dd]%3[Dd])")),
    Shape("client secret", re.compile(r"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.-]{3}[0-9]Q~[A-Za-z0-9_~.-]{31,34}"), ("Q~",)),
    Shape("authorization code", re.compile(r"(?P<kept>[?&#]code=)[^&#;\s\"'<>]+"), ("code=",)),
    Shape("password", re.compile(r"(?P<kept>://)[^/?#\s\"'<>@]{1,200}(?=@)"), ("://",)),
    Shape(
        "password",
        re.compile(r"(?P<kept>\b(?i:PASSWORD|IDENTIFIED\s{1,8}BY)\s{1,8}\\{0,7}[\"'])[^\"'\\]{1,200}(?=\\{0,7}[\"'])"),
        ("ASSWORD", "assword", "DENTIFIED", "dentified"),
    ),
    Shape(
        "session",
        re.compile(rf"(?P<kept>;(?i:jsessionid)=){SEGMENT}+"),
        (";jsessionid", ";JSESSIONID"),
    ),
    *(Shape("webhook", re.compile(rf"(?P<kept>{kept}){secret}"), (hint,)) for kept, secret, hint in WEBHOOKS),
)

ANY_HINT: Final = re.compile("|".join(re.escape(hint) for shape in SHAPES for hint in shape.hints))
SHORT: Final = 80
"""Most texts have no more characters: one look finds out that there is nothing in them. All others may be a key."""

RUN: Final = re.compile(r"[A-Za-z0-9_+/-]{12,}={0,2}(?:(?:\.|%2[Ee])[A-Za-z0-9_-]*)*")
"""What may be a JSON Web Token, or JSON in Base64: either has `eyJ` in it, which is `{"`."""

TOKEN: Final = "eyJ"  # noqa: S105 - how every one begins
SHORTEST_TOKEN: Final = 15
STANDS_APART: Final = "/+-_"

BASE64_STARTS: Final = ("ewo", "ew0", "ewk", "eyA", "W3s", "WyJ", "Wwo", "Ww0", "Wwk", "WyA", "WyB")
"""How JSON in Base64 begins, if it is laid out or a list."""

BASE64_JSON: Final = re.compile(rf"(?<![A-Za-z0-9+/_-])(?:{'|'.join(BASE64_STARTS)})[A-Za-z0-9+/_-]{{12,}}=*")
PAGE_POSITION: Final = re.compile(r"skiptoken(?:=|%3[Dd]|\",\"value\":\")\Z", re.IGNORECASE)
BEFORE_A_VALUE: Final = 24
"""Characters before a value that tell whether it is a page's position."""

ACCESS_KEY_IDS: Final = (
    re.compile(r"(A(?:KIA|SIA|BIA|CCA))[A-Z0-9]{8,}([A-Z0-9]{4})"),
    re.compile(r"(a(?:kia|sia|bia|cca))[a-z0-9]{8,}([a-z0-9]{4})"),
)
"""An access key id of any kind (IAM user guide, "Unique identifiers"); in mixed case, only Base64 looks like one."""

TELLING: Final = re.compile(
    r"a(?:pi[-_.]?key|ssertion|uthorization)|c(?:ode_verifier|onnection[-_]?string)|key|p(?:ass(?:phrase|word|wd)|wd)"
    r"|s(?:ecret|ig)|token"
)
"""A word, in lower case, that is in the name of a secret. (Ten times as fast as one pattern that ignores case.)"""

BETWEEN: Final = re.compile(
    r"""[A-Za-z0-9_.-]{0,40} \\{0,7}["']? \s{0,8}
        (?P<between>[=:>]|&gt;|&\#6[12];|%3[AaDdEe]|\\u003[AaDdEe]) \s{0,8} (?P<quote>\\{0,7}["'])?""",
    re.VERBOSE,
)
"""What may stand between such a word and a value: the rest of the name, and how the two are written side by side."""

BARE: Final = re.compile(r"[^\s\"'&<>,;\\]*")

PASSWORDS: Final = frozenset({"password", "passwd", "pwd"})
SPACED: Final = re.compile(r"(?!\*removed)[^\"'&<>;\\=\r\n]{1,200}(?=;)")
"""A password of a connection string, which may have spaces and commas in it."""

ESCAPE_BEFORE: Final = re.compile(r"(?<=%)(?:25)*[0-9A-Fa-f]{2}|(?<=\\)u[0-9A-Fa-f]{4}")
"""The rest of an escaped character, before the first one of a name."""

NAME: Final = re.compile(r"[A-Za-z0-9_.-]*")
NAME_BACKWARDS: Final = re.compile(r"[A-Za-z0-9_.-]*\Z")


def remove_shapes(text: str, learn: Learn) -> tuple[str, Counter[str]]:
    """Return a text without what looks like a secret, and how many of which kind there were.

    Access key ids are shortened as everywhere: their first and last four characters stay.

    Args:
        text: Any text.
        learn: Is told of every secret.
    """
    found: Counter[str] = Counter()
    if len(text) > SHORT or ANY_HINT.search(text):
        for shape in SHAPES:
            if shape.may_be_in(text):
                text = _without(shape, text, learn, found)
    if TOKEN in text:
        text = RUN.sub(partial(_without_token, learn, found), text)
    if any(start in text for start in BASE64_STARTS):
        text = BASE64_JSON.sub(partial(_without_json, learn, found), text)
    for pattern in ACCESS_KEY_IDS:
        text, shortened = pattern.subn(r"\1...\2", text)
        if shortened:
            found["access key id"] += shortened
    return _without_named(text, learn, found), found


def _without(shape: Shape, text: str, learn: Learn, found: Counter[str]) -> str:
    def replace(match: re.Match[str]) -> str:
        kept = match.groupdict().get("kept") or ""
        secret = match[0].removeprefix(kept)
        if secret.startswith(REMOVED):
            return match[0]
        learn(secret)
        found[shape.label] += 1
        return kept + REMOVED

    return shape.pattern.sub(replace, text)


def _without_token(learn: Learn, found: Counter[str], match: re.Match[str]) -> str:
    """Remove a token from where it begins; in the midst of Base64, three letters mean nothing."""
    run = match[0]
    is_dotted = "." in run or "%2" in run
    is_after_escape = match.string[max(0, match.start() - 1) : match.start()] == "%"
    if not is_dotted and _is_page_position(match, len("3D") if is_after_escape else 0):
        return run
    for telling in re.finditer(TOKEN, run):
        at = telling.start()
        stands_apart = at == 0 or run[at - 1] in STANDS_APART or (at == len("3D") and is_after_escape)
        if len(run) - at >= SHORTEST_TOKEN and (is_dotted or stands_apart):
            learn(run[at:])
            found["token"] += 1
            return run[:at] + REMOVED
    return run


def _without_json(learn: Learn, found: Counter[str], match: re.Match[str]) -> str:
    """Remove what is JSON once it is unpacked; much else may begin in the same way."""
    run = match[0].rstrip("=")
    packed = run[: len(run) // 4 * 4].replace("-", "+").replace("_", "/")
    data = base64.b64decode(packed)
    if not data.isascii() or b'"' not in data or _is_page_position(match, 0):
        return match[0]
    learn(run)
    found["token"] += 1
    return REMOVED


def _is_page_position(match: re.Match[str], skipped: int) -> bool:
    """Tell whether a parameter's name before a value says that it is where a list goes on."""
    start = match.start() + skipped
    return PAGE_POSITION.search(match.string, max(0, start - BEFORE_A_VALUE), start) is not None


def _without_named(text: str, learn: Learn, found: Counter[str]) -> str:
    """Remove values whose name, next to them, says that they are secret."""
    lower = text.lower()
    if len(lower) != len(text):  # a character whose lower case is two: places would differ
        lower = text.translate(ASCII_LOWER)
    parts: list[str] = []
    done = 0
    for telling in TELLING.finditer(lower):
        between = BETWEEN.match(text, telling.end())
        if between is None or between.end() < done:
            continue
        end = _end_of_value(between, is_password=telling[0] in PASSWORDS)
        value = text[between.end() : end]
        if _is_secret(between, telling.start(), value):
            learn(value)
            found["value by its name"] += 1
            parts += [text[done : between.end()], REMOVED]
            done = end
    return "".join((*parts, text[done:]))


def _end_of_value(between: re.Match[str], *, is_password: bool) -> int:
    """Return where a value ends: at the quote with which it began, or at whatever no value has in it."""
    text, quote = between.string, between["quote"]
    if quote is None:
        if is_password and between["between"] == "=" and (spaced := SPACED.match(text, between.end())):
            return spaced.end()
        bare = BARE.match(text, between.end())
        return bare.end() if bare else between.end()
    closing = _closing(quote).search(text, between.end())
    return closing.start() if closing else len(text)


@lru_cache(maxsize=32)
def _closing(quote: str) -> re.Pattern[str]:
    """Return a pattern for the quote that closes: one with more backslashes before it is within what is quoted."""
    return re.compile(rf"(?<!\\){re.escape(quote)}")


def _is_secret(between: re.Match[str], start: int, value: str) -> bool:
    """Tell whether a value is a secret, by its whole name and by how it is written."""
    is_none = value.rstrip("}])").lower() in NO_VALUES
    if is_none or value.startswith(REMOVED):
        return False
    sign = between["between"]
    name = _whole_name(between.string, start)
    if is_page_position(name) or ("authorization" in name.lower() and PLAIN_URL.fullmatch(value)):
        return False
    if not (is_secret_parameter(name) if sign in ASSIGNED else is_secret_name(name)):
        return False
    is_prose = between["quote"] is None and sign == ":" and value.isalpha() and len(value) < SENTENCE
    return not is_prose


def _whole_name(text: str, start: int) -> str:
    """Return the name of which a telling word is a part, without what is left of an escape before it."""
    before = NAME_BACKWARDS.search(text, max(0, start - BEFORE), start)
    after = NAME.match(text, start)
    first = before.start() if before else start
    escape = ESCAPE_BEFORE.match(text, first, start)
    return text[escape.end() if escape else first : start] + (after[0] if after else "")
