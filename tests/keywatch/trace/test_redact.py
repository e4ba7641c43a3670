"""No secret is in an entry, wherever in a request or an answer it was."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keywatch.trace.check import recheck
from keywatch.trace.exchange import Exchange
from keywatch.trace.known import REMOVED, KnownSecrets
from tests.keywatch.trace.exchanges import HOST, entry, exchange, headers_of, line_of
from tests.keywatch.trace.made import (
    ACCESS_KEY_ID,
    PEM,
    SECRET_KEY,
    SESSION_TOKEN,
    SHARED_KEY,
    SHORTENED,
    SIGNATURE,
    token,
)

JSON = {"Content-Type": "application/json; charset=utf-8"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
XML = {"Content-Type": "text/xml"}
SIGNED = "AWS4-HMAC-SHA256 Credential={}/20261125/us-east-1/iam/aws4_request, SignedHeaders=host, Signature={}"
VAULT = "contoso.vault.azure.net"

SECRET_HEADERS = [
    *("Authorization", "Proxy-Authorization", "Cookie", "X-Amz-Security-Token", "X-IDENTITY-HEADER", "Secret"),
    *(
        "x-api-key",
        "Ocp-Apim-Subscription-Key",
        "aeg-sas-token",
        "x-ms-encryption-key",
        "X-Password",
        "X-Client-Assertion",
    ),
    *("x-ms-copy-source-authorization", "X-Signature", "X-SharedKey", "X-Auth-Token", "X-Credential"),
]


def pairs(text: str) -> set[str]:
    """Give every text in an entry, as it is and with its escapes undone."""
    found: set[str] = set()

    def walk(value: Any) -> None:  # noqa: ANN401 - any JSON
        if isinstance(value, dict):
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)
        elif isinstance(value, str):
            found.update((value, unquote(value), unquote(unquote(value))))

    walk(json.loads(text))
    return found


@pytest.mark.parametrize("name", SECRET_HEADERS)
@pytest.mark.parametrize("write", [str.lower, str.upper, str.title])
def test_header_that_holds_a_secret_is_removed(name: str, write: Callable[[str], str]) -> None:
    """A header is known by its name, however that is written, in a request and in an answer."""
    line = line_of(exchange(headers={write(name): "opaque-123456"}, answer_headers={write(name): "opaque-654321"}))

    assert "opaque-" not in line
    assert f"request header {write(name)}" in line


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (f"Bearer {token()}", f"Bearer {REMOVED}"),
        ("Basic dXNlcjpodW50ZXIy", f"Basic {REMOVED}"),
        (f"SharedKey workspace:{SHARED_KEY}", f"SharedKey {REMOVED}"),
        ("SharedAccessSignature sr=x&sig=y&se=1", f"SharedAccessSignature {REMOVED}"),
        (SIGNED.format(ACCESS_KEY_ID, SIGNATURE), SIGNED.format(SHORTENED, REMOVED)),
        ("opaque-123456", REMOVED),
    ],
)
def test_authorization_says_of_which_kind_it_was(value: str, shown: str) -> None:
    """How a request was signed, for which Region and service, helps; the signature does not."""
    made = entry(exchange(headers={"Authorization": value}))

    assert headers_of(made["request"]) == {"Authorization": shown}


def test_headers_that_help_stay() -> None:
    """What finds a request again at its service, and what a vault asks for, is no secret."""
    useful = {
        "x-ms-request-id": "94bab2d8-eb32-11f1-ab7e-02fc00000001",
        "client-request-id": "94bab2d8-eb32-11f1-ab7e-02fc00000002",
        "x-amzn-RequestId": "94bab2d8-eb32-11f1-ab7e-02fc00000003",
        "WWW-Authenticate": 'Bearer authorization="https://login.microsoftonline.com/x", resource="https://vault.azure.net"',
        "x-amz-content-sha256": "0f" * 32,
        "Date": "Sat, 28 Nov 2026 13:49:50 GMT",
        "Access-Control-Allow-Credentials": "true",
        "ETag": '"33a64df551425fcc55e4d42a148795d9f25f89d4"',
    }
    made = entry(exchange(headers=useful, answer_headers=useful))

    assert headers_of(made["request"]) == headers_of(made["response"]) == useful
    assert "comment" not in made


def test_attributes_of_a_cookie_are_no_secrets() -> None:
    """When a cookie ends is no secret, and is not looked for elsewhere."""
    known = KnownSecrets()
    entry(exchange(answer_headers={"Set-Cookie": "id=opaque-123; Expires=Wed, 25 Nov 2026 10:28:09 GMT"}), known)

    assert known.remove("Wed, 25 Nov 2026 10:28:09 GMT opaque-123") == (f"Wed, 25 Nov 2026 10:28:09 GMT {REMOVED}", 1)


def test_certificate_in_a_header_is_shortened() -> None:
    """A certificate is public, and long."""
    made = entry(exchange(headers={"X-Amz-X509": "MIIDCTCCAfGgAwIBAgIUOJVyEnDYdkpm" + "w" * 968}))

    assert headers_of(made["request"]) == {"X-Amz-X509": "MIIDCTCCAfGgAwIBAgIUOJVyEnDYdkpm... (1,000 characters)"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/p?sig=a%2Fb&se=1", f"https://h/p?sig={REMOVED}&se=1"),
        ("https://h/p?%73ig=a%2Fb&SIG=c", f"https://h/p?%73ig={REMOVED}&SIG={REMOVED}"),
        ("https://h/?code=0.AX&state=2", f"https://h/?code={REMOVED}&state=2"),
        ("https://me:hunter2@h/p", "https://h/p"),
        (
            f"https://h/?X-Amz-Credential={ACCESS_KEY_ID}%2F2026&X-Amz-Date=2",
            f"https://h/?X-Amz-Credential={REMOVED}&X-Amz-Date=2",
        ),
        (
            f"https://h/?X-Amz-Signature={SIGNATURE}&X-Amz-Security-Token=abc",
            f"https://h/?X-Amz-Signature={REMOVED}&X-Amz-Security-Token={REMOVED}",
        ),
        (f"https://h/keys/{ACCESS_KEY_ID}", f"https://h/keys/{SHORTENED}"),
        (f"https://h/a/{quote(quote(token().replace('.', '%2E')))}/b", f"https://h/a/{REMOVED}/b"),
        (
            "https://h/p?api-version=2022-12-01&$filter=a%20eq%20b",
            "https://h/p?api-version=2022-12-01&$filter=a%20eq%20b",
        ),
        ("https://h/p?token", "https://h/p?token"),
    ],
)
def test_url_keeps_no_secret(url: str, shown: str) -> None:
    """Parameters are known by their names; users of a URL, and what looks like a secret, are removed."""
    made = entry(exchange(url, answer_headers={"Location": url, "Azure-AsyncOperation": url}))

    assert made["request"]["url"] == shown
    assert made["response"]["redirectURL"] == shown
    assert headers_of(made["response"]) == {"Location": shown, "Azure-AsyncOperation": shown}


def test_url_that_is_none_is_any_text() -> None:
    """What cannot be read as a URL is looked through all the same."""
    made = entry(exchange(answer_headers={"Location": "https://[x/?sig=opaque-1"}))

    assert made["response"]["redirectURL"] == f"https://[x/?sig={REMOVED}"


def test_fragment_of_a_redirect_keeps_no_secret() -> None:
    """Where a token comes back in a fragment, it is removed from there."""
    made = entry(exchange(answer_headers={"Location": "https://h/#access_token=opaque-1&state=2"}))

    assert made["response"]["redirectURL"] == f"https://h/#access_token={REMOVED}&state=2"


def test_query_is_listed_without_its_secrets() -> None:
    """The list of parameters is that of the URL that is shown."""
    made = entry(exchange("https://h/?a=b%20c&sig=x%2Fy&d="))

    assert made["request"]["queryString"] == [
        {"name": "a", "value": "b c"},
        {"name": "sig", "value": REMOVED},
        {"name": "d", "value": ""},
    ]


def test_token_request_keeps_what_it_is_about() -> None:
    """Who asks Entra for what stays; what it is asked with does not."""
    body = f"client_id=me&scope=x%2F.default&client_assertion={token()}&client_assertion_type=urn%3Ajwt-bearer"
    answer = json.dumps({"token_type": "Bearer", "expires_in": 3599, "access_token": "opaque-123456"})
    made = entry(exchange(headers=FORM, body=body, answer_headers=JSON, answer=answer.encode()))

    assert made["request"]["postData"]["text"] == (
        f"client_id=me&scope=x%2F.default&client_assertion={REMOVED}&client_assertion_type=urn%3Ajwt-bearer"
    )
    assert made["response"]["content"]["text"] == (
        f'{{"token_type":"Bearer","expires_in":3599,"access_token":"{REMOVED}"}}'
    )
    assert made["comment"] == "removed by name: request body client_assertion, response body access_token"


@pytest.mark.parametrize("host", [VAULT, "x.managedhsm.azure.net", "x.vault.usgovcloudapi.net", "x.vault.azure.cn"])
def test_answer_of_a_vault_keeps_no_value(host: str) -> None:
    """A secret, a digest and a signature are all `value` there; the same name elsewhere is none."""
    answer = b'{"value":"opaque-123456","id":"https://x/secrets/y"}'

    assert entry(exchange(host=host, answer_headers=JSON, answer=answer))["response"]["content"]["text"] == (
        f'{{"value":"{REMOVED}","id":"https://x/secrets/y"}}'
    )
    assert "opaque-123456" in line_of(exchange(answer_headers=JSON, answer=answer))


def test_session_of_aws_keeps_its_key_id_shortened() -> None:
    """Of AWS's credentials in XML, a part of the key id is left."""
    answer = (
        f"<Credentials><AccessKeyId>{ACCESS_KEY_ID}</AccessKeyId><SecretAccessKey>{SECRET_KEY}</SecretAccessKey>"
        f"<SessionToken>{SESSION_TOKEN}</SessionToken><Expiration>2026-11-25T10:28:09Z</Expiration></Credentials>"
    )
    made = entry(exchange(answer_headers=XML, answer=answer.encode()))

    assert made["response"]["content"]["text"] == (
        f"<Credentials><AccessKeyId>{SHORTENED}</AccessKeyId><SecretAccessKey>{REMOVED}</SecretAccessKey>"
        f"<SessionToken>{REMOVED}</SessionToken><Expiration>2026-11-25T10:28:09Z</Expiration></Credentials>"
    )


SECRET = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='"'), min_size=12).map(
    lambda text: f"5{text}7"
)

TOLD: dict[str, Callable[[str], Exchange]] = {
    "header": lambda secret: exchange(headers={"X-Auth-Token": secret}),
    "bearer": lambda secret: exchange(headers={"Authorization": f"Bearer {secret}"}),
    "JSON": lambda secret: exchange(answer_headers=JSON, answer=json.dumps({"a": [{"access_token": secret}]}).encode()),
    "form": lambda secret: exchange(headers=FORM, body=f"a=b&client_secret={quote(secret, safe='')}"),
    "query": lambda secret: exchange(f"https://{HOST}/?sig={quote(secret, safe='')}"),
    "vault": lambda secret: exchange(host=VAULT, answer_headers=JSON, answer=json.dumps({"value": secret}).encode()),
    "packed": lambda secret: exchange(
        headers=JSON | {"Content-Encoding": "gzip"}, body=gzip.compress(json.dumps({"password": secret}).encode())
    ),
}
PLACES: dict[str, Callable[[str], Exchange]] = {
    "path": lambda secret: exchange(f"https://{HOST}/a/{quote(secret, safe='')}/b"),
    "query": lambda secret: exchange(f"https://{HOST}/?a=x.{quote(secret, safe='')}"),
    "query, twice": lambda secret: exchange(f"https://{HOST}/?a={quote(quote(secret, safe=''), safe='')}"),
    "name in the query": lambda secret: exchange(f"https://{HOST}/?{quote(secret, safe='')}=b"),
    "request header": lambda secret: exchange(headers={"X-Note": f"it is {secret} here"}),
    "answer header": lambda secret: exchange(answer_headers={"X-Note": secret}),
    "header's name": lambda secret: exchange(headers={secret: "x"}),
    "type": lambda secret: exchange(headers={"Content-Type": f"text/plain; a={secret}"}, body=b"x"),
    "words": lambda secret: exchange(reason=f"Not {secret}"),
    "error": lambda secret: exchange(status=0, error=f"OSError: {secret} is wrong"),
    "plain body": lambda secret: exchange(body=f"it is {secret} here", answer=f"echo {secret}".encode()),
    "JSON": lambda secret: exchange(body=json.dumps({"a": f"x.{secret}"}), answer=json.dumps([secret]).encode()),
    "name in JSON": lambda secret: exchange(headers=JSON, body=json.dumps({secret: 1})),
    "JSON in JSON": lambda secret: exchange(headers=JSON, body=json.dumps({"a": json.dumps({"b": [secret]})})),
    "cut JSON": lambda secret: exchange(headers=JSON, body=json.dumps({"a": secret})[:-2]),
    "packed": lambda secret: exchange(headers={"Content-Encoding": "gzip"}, body=gzip.compress(secret.encode())),
    "Base64": lambda secret: exchange(body=base64.b64encode(f"me:{secret}".encode())),
    "Base64 in a header": lambda secret: exchange(
        headers={"X-Note": base64.b64encode(f"me:{secret}".encode()).decode()}
    ),
    "redirect": lambda secret: exchange(answer_headers={"Location": f"https://h/{quote(secret, safe='')}"}),
    "form": lambda secret: exchange(headers=FORM, body=f"a={quote(secret, safe='')}"),
    "image": lambda secret: exchange(
        answer_headers={"Content-Type": "image/png"}, answer=b"\x89PNG\x00" + secret.encode()
    ),
    "Latin-1": lambda secret: exchange(answer_headers={"Content-Type": "text/plain"}, answer=b"\xff" + secret.encode()),
    "UTF-16": lambda secret: exchange(
        answer_headers={"Content-Type": "text/plain; charset=utf-16le"}, answer=secret.encode("utf-16-le")
    ),
}


@pytest.mark.parametrize("tell", TOLD.values(), ids=TOLD.keys())
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
@settings(max_examples=25)
@given(secret=SECRET)
def test_secret_that_was_removed_is_found_in_odd_places(
    tell: Callable[[str], Exchange], place: Callable[[str], Exchange], secret: str
) -> None:
    """What was once removed for its name is not in any later entry, wherever it stands and however it is written."""
    known = KnownSecrets()

    assert not any(secret in text for text in pairs(line_of(tell(secret), known)))
    later = line_of(place(secret), known)
    assert not any(secret in text for text in pairs(later))
    assert base64.b64encode(f"me:{secret}".encode()).decode() not in later


@pytest.mark.parametrize("tell", TOLD.values(), ids=TOLD.keys())
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_secret_that_is_told_later_is_removed_from_what_was_kept(
    tell: Callable[[str], Exchange], place: Callable[[str], Exchange]
) -> None:
    """What turns out to be a secret is not in the file, though it was seen before anybody could know."""
    secret = "5ome/thing+opaque=7"
    known = KnownSecrets()
    early = line_of(place(secret), known)
    line_of(tell(secret), known)

    late = recheck(early.encode(), known).decode()

    assert not any(secret in text for text in pairs(late))
    assert late == early or "afterwards removed by the check: known value" in late


@given(st.sampled_from([token(), PEM, SESSION_TOKEN, SHARED_KEY, ACCESS_KEY_ID]), st.sampled_from(sorted(PLACES)))
def test_secret_that_nobody_named_is_known_by_its_looks(secret: str, place: str) -> None:
    """What looks like a secret is in no entry, whatever place it has there."""
    if place in ("Base64", "Base64 in a header", "UTF-16", "header's name"):
        return
    left = line_of(PLACES[place](secret))

    assert not any(secret.strip() in text for text in pairs(left))


def test_body_is_cut_after_its_secrets_are_removed() -> None:
    """A secret that begins before the cut and ends after it leaves nothing; what lies beyond is learnt all the same."""
    known = KnownSecrets()
    text = "x" * 90 + f" client_secret={SECRET_KEY} " + "y" * 20_000 + f" Bearer {token()}"
    body = json.dumps({"note": text, "password": "opaque-beyond-the-cut"})
    made = entry(exchange(headers=JSON, body=body), known, longest=150)

    shown = made["request"]["postData"]
    assert shown["text"] == '{"note":"' + "x" * 90 + f" client_secret={REMOVED} " + "y" * 26
    assert shown["comment"] == "cut"
    assert made["request"]["bodySize"] == len(body)
    assert known.remove("opaque-beyond-the-cut") == (REMOVED, 1)


@pytest.mark.parametrize("length", range(100, 132, 3))
def test_secret_across_the_cut_leaves_nothing(length: int) -> None:
    """Wherever a body is cut, no part of a secret is left at its end."""
    known = KnownSecrets()
    known.learn(SECRET_KEY)
    body = "x" * 100 + SECRET_KEY + "y" * 9000

    shown = entry(exchange(body=body), known, longest=length)["request"]["postData"]["text"]

    assert shown == ("x" * 100 + REMOVED + "y" * 9000)[:length]


def test_document_that_cannot_be_read_is_not_shown_if_it_names_a_secret() -> None:
    """What says that it is JSON, and is not, may hide a secret in a way that nobody knows."""
    broken = b"{access_token is opaque-123456}"
    made = entry(exchange(answer_headers=JSON, answer=broken))

    assert "text" not in made["response"]["content"]
    assert made["response"]["content"]["comment"] == "not shown: it names a secret, and could not be read"


@pytest.mark.parametrize(
    ("headers", "body", "why"),
    [
        ({"Content-Type": "application/octet-stream"}, b"\x00\x01", "cannot be checked"),
        ({"Content-Type": "application/x-pkcs12"}, b"0\x82\xff\x00", "cannot be checked"),
        ({"Content-Encoding": "br"}, b"\x00\x01", "could not be unpacked"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, b"--x\r\n\r\nsecret", "in several parts"),
        ({"Content-Type": "image/png"}, b"\x89PNG\x00" * 9000, "too long"),
        ({"Content-Type": "image/png"}, b"\x89PNG\x00 Bearer abcdefghijklmnop1234", "it holds a secret"),
    ],
)
def test_what_cannot_be_checked_is_not_shown(headers: dict[str, str], body: bytes, why: str) -> None:
    """A body that may hide a secret leaves its size and its type."""
    content = entry(exchange(answer_headers=headers, answer=body))["response"]["content"]

    assert "text" not in content
    assert why in content["comment"]
    assert content["size"] == len(body)


def test_picture_is_shown_in_base64() -> None:
    """What is public by its type is shown as bytes."""
    content = entry(exchange(answer_headers={"Content-Type": "image/png"}, answer=b"\x89PNG\x00"))["response"][
        "content"
    ]

    assert (base64.b64decode(content["text"]), content["encoding"]) == (b"\x89PNG\x00", "base64")


def test_picture_that_is_posted_is_shown_in_base64() -> None:
    """HAR knows no encoding of what is posted, so a field of our own says that it is Base64."""
    posted = entry(exchange(headers={"Content-Type": "image/png"}, body=b"\x89PNG\x00"))["request"]["postData"]

    assert (base64.b64decode(posted["text"]), posted["_encoding"]) == (b"\x89PNG\x00", "base64")


def test_what_was_removed_is_said_and_counted() -> None:
    """The comment says what was removed, why, and how often, and is no way to find it."""
    answer = f"<a><AccessKeyId>{ACCESS_KEY_ID}</AccessKeyId><AccessKeyId>{ACCESS_KEY_ID}</AccessKeyId></a>"
    made = entry(exchange(headers={"Cookie": "a=opaque-1; b=opaque-2"}, answer_headers=XML, answer=answer.encode()))

    assert made["comment"] == ("removed by name: request header Cookie (2); removed by the check: access key id (2)")


def test_nothing_of_what_is_shown_can_be_found_by_a_scanner() -> None:
    """A scanner that knows nothing of ours finds nothing in what is left of a request full of secrets."""
    everything = (
        f"{token()} {PEM} {SESSION_TOKEN} {SHARED_KEY} {ACCESS_KEY_ID} Bearer {SIGNATURE}xyz SharedKey a:{SHARED_KEY}"
    )
    headers = {"Authorization": f"Bearer {token()}", "X-Note": everything.replace("\n", " ")}
    line = line_of(
        exchange(
            f"https://{HOST}/{quote(everything, safe='')}?x={quote(everything, safe='')}",
            headers=headers,
            body=everything,
            answer_headers=headers,
            answer=json.dumps({"x": everything, "y": [{"secretAccessKey": SECRET_KEY}]}).encode(),
            reason=everything.replace("\n", " "),
            error=everything,
        )
    )

    for shape in (
        r"eyJ[\w-]+\.[\w-]+",
        r"PRIVATE KEY",
        r"(AKIA|ASIA)[A-Z2-7]{16}",
        r"(?i)bearer [\w.-]{10}",
        r"SharedKey \w+:\w",
        r"[A-Za-z0-9+/]{86}==",
        r"[A-Za-z0-9+/=_-]{40,}",
    ):
        assert re.search(shape, line) is None
    assert SECRET_KEY not in line
