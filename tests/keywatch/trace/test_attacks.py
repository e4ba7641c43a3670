"""Secrets as services really write them leave nothing, and texts made to do harm do none."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from keywatch.staging import encode
from keywatch.trace import HostTraffic, TraceUnreadableError, merge_hars, traffic
from keywatch.trace import known as known_module
from keywatch.trace.bodies import Content
from keywatch.trace.check import recheck
from keywatch.trace.har import page, write_har
from keywatch.trace.known import REMOVED, KnownSecrets
from keywatch.trace.redact import LONGEST_HEADER, Redaction
from keywatch_airflow.cli_har import _print_table
from tests.keywatch.trace.exchanges import LONGEST, entry, exchange, headers_of, line_of

SECRET = "hunter2-Xk9qLm4vTz8"
JSON = {"Content-Type": "application/json"}
TEXT = {"Content-Type": "text/plain"}
START = "2026-11-25T10:28:00.000Z"


def seconds(act: Callable[[int], object], size: int) -> float:
    """Give how long the fastest of three times takes."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        act(size)
        times.append(time.perf_counter() - began)
    return min(times)


def of_a_header(size: int) -> object:
    """Look through a header of backslashes."""
    return Redaction(KnownSecrets()).header("response", "X-Any", "\\" * size)


def of_a_body(size: int) -> object:
    """Look through a body of backslashes."""
    content = Content(b"\\" * size, size, is_whole=True)
    return Redaction(KnownSecrets()).body("response", "h", content, "text/plain", size)


def of_a_secret(size: int) -> object:
    """Look for a secret with backslashes in it among backslashes."""
    known = KnownSecrets()
    known.learn("\\begin\\of-a-secret")
    return known.remove("\\" * size + "begin\\\\of-a-secret")


@pytest.mark.parametrize(("act", "size"), [(of_a_header, 60_000), (of_a_body, 500_000), (of_a_secret, 60_000)])
def test_backslashes_take_time_in_proportion(act: Callable[[int], object], size: int) -> None:
    """Twice as many backslashes take no more than three times as long."""
    once, twice = seconds(act, size), seconds(act, 2 * size)

    assert twice < 3 * once + 0.05
    assert twice < 2


@pytest.mark.parametrize("write", [json.dumps, lambda text: json.dumps(json.dumps(text)), lambda text: text])
def test_secret_with_backslashes_is_found(write: Callable[[str], str]) -> None:
    """However often the backslashes of a secret are doubled, it is found."""
    known = KnownSecrets()
    secret = 'a1\\b2"c3\\\\d4\\\\\\e5-of-a-secret'
    known.learn(secret)

    left = known.remove(f"before {write(secret)} after")[0]

    assert "of-a-secret" not in left
    assert REMOVED in left
    assert left.startswith("before ")


def test_header_is_cut() -> None:
    """A header is no longer than 8 KiB."""
    made = entry(exchange(answer_headers={"X-Long": "some words " * 5000}))

    assert len(headers_of(made["response"])["X-Long"]) == LONGEST_HEADER


@pytest.mark.parametrize("service", ["ssm", "kms", "secretsmanager", "kms-fips"])
@pytest.mark.parametrize("name", ["Value", "Plaintext", "SecretString", "SecretBinary", "CiphertextBlob"])
def test_vaults_of_aws_keep_no_value(service: str, name: str) -> None:
    """What Parameter Store, Key Management Service and Secrets Manager answer is as secret as what a Key Vault does."""
    answer = json.dumps({"Parameter": {"Name": "/airflow/x", name: SECRET}}).encode()
    made = exchange(host=f"{service}.eu-west-1.amazonaws.com", answer_headers=JSON, answer=answer)

    assert SECRET not in line_of(made)
    assert "/airflow/x" in line_of(made)


def packed(text: str) -> str:
    """Give a text in Base64."""
    return base64.b64encode(text.encode()).decode()


DOCUMENTS = {
    "AppRole": {"role_id": "r", "secret_id": SECRET},
    "secure string": {"Type": "SecureString", "Value": SECRET},
    "name and value": [{"name": "DB_PASSWORD", "value": SECRET}],
    "value and key": [{"Value": SECRET, "Key": "ApiToken"}],
    "Kubernetes": {"kind": "Secret", "data": {"db": SECRET}, "stringData": {"x": SECRET}},
    "Kubernetes, listed": {"kind": "SecretList", "items": [{"data": {"db": SECRET}}]},
    "JSON in a list": ['{"password":["' + SECRET + '"]}'],
    "JSON in a list of a field": {"x": ['{"password":{"v":"' + SECRET + '"}}']},
    "docker": {"auths": {"r": {"auth": SECRET}}},
    **{
        name: {name: SECRET}
        for name in (
            *("key1", "key2", "masterKey", "accessKey", "credential", "credentials", "pass", "passcode", "otp"),
            "sessionId",
        )
    },
    "functionKeys": {"functionKeys": {"default": SECRET}},
    **{
        f"Base64 of {text[:4]!r}": {"blob": packed(text.replace("S", SECRET))}
        for text in ('{\n "token": "S"}', '[{"token":"S"}]', '{ "token":"S"}', '[\n "S"]', '{\r\n"token":"S"}')
    },
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_document_keeps_no_secret(document: object) -> None:
    """Secrets are known by their names, by the names beside them, and by what they are packed in."""
    line = line_of(exchange(answer_headers=JSON, answer=json.dumps(document).encode()))

    assert SECRET not in line
    assert packed(json.dumps(document))[:16] not in line
    assert json.loads(line)["response"]["content"]["text"].count(REMOVED) >= 1


TEXTS = {
    "attributes of XML": f'<a><add key="Password" value="{SECRET}"/></a>',
    "an attribute of XML": f'<a password="{SECRET}"/>',
    "an element by its attribute": f'<a><property name="db.password">{SECRET}</property></a>',
    "a URL as a secret": f"x token=https://hooks.example/{SECRET}",
    "a password with spaces": f"Server=x;Password=my {SECRET};Database=x",
    "SQL": f"ALTER USER x WITH PASSWORD '{SECRET}'",
    "SQL of Oracle": f"CREATE USER x IDENTIFIED BY '{SECRET}'",
    "JSON that is cut": '{"a":[{"name":"API_SECRET","value":"' + SECRET + '"},',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_text_keeps_no_secret(text: str) -> None:
    """Secrets are known by what stands before them, in whatever language."""
    assert SECRET not in line_of(exchange(answer_headers=TEXT, answer=text.encode()))


URLS = [
    f"https://hooks.slack.com/services/T000/B000/{SECRET}",
    f"https://api.telegram.org/bot123456:{SECRET}/sendMessage",
    f"https://discord.com/api/webhooks/123/{SECRET}",
    f"https://contoso.webhook.office.com/webhookb2/a@b/IncomingWebhook/{SECRET}/c",
    f"https://events.pagerduty.com/integration/{SECRET}/enqueue",
    f"https://h/x;jsessionid={SECRET}?a=b",
]


@pytest.mark.parametrize("url", URLS)
def test_path_of_a_webhook_keeps_no_secret(url: str) -> None:
    """Who knows a webhook's path may use it: its secret is removed from the URL and from wherever the URL stands."""
    line = line_of(exchange(url, body=f"see {url}", answer_headers=JSON, answer=json.dumps({"u": url}).encode()))

    assert SECRET not in line


@pytest.mark.parametrize("name", ["X-Auth", "X-Auth-User", "X-Pass", "Authentication", "X-Hmac-Sha256"])
def test_header_by_its_beginning_is_removed(name: str) -> None:
    """Headers that services of one's own sign in with are known by how their names begin."""
    assert headers_of(entry(exchange(headers={name: SECRET}))["request"]) == {name: REMOVED}


def test_form_field_pass_is_removed() -> None:
    """A form's field `pass` is a password."""
    assert SECRET not in line_of(exchange(body=f"user=me&pass={SECRET}"))


POSITIONS = [
    "abc123def456ghi",
    packed('{"NextMarker":"2!120!MDAwMDI1"}'),
    packed('{"NextMarker":"2!120!MDAwMDI1"}').rstrip("=") + "%3D",
]


@pytest.mark.parametrize("name", ["$skipToken", "$skiptoken", "skiptoken", "%24skipToken"])
@pytest.mark.parametrize("position", POSITIONS)
def test_position_of_a_page_stays(name: str, position: str) -> None:
    """Where a list of Azure's goes on can be read in the URL, in the list of parameters and in `nextLink`."""
    url = f"https://h/p?api-version=1&{name}={position}"
    answer = json.dumps({"value": [], "nextLink": url})
    made = entry(exchange(url, headers={"X-Any": f"secret={SECRET}"}, answer_headers=JSON, answer=answer.encode()))

    assert made["request"]["url"] == url
    assert made["request"]["queryString"][1]["value"] == position.replace("%3D", "=")
    assert made["response"]["content"]["text"] == answer


GOOD = entry(exchange()) | {"pageref": "p", "startedDateTime": START}


def written(path: Path, line: str, pages: int = 1) -> Path:
    """Write a trace of one entry."""
    write_har(path, [page("p", "t", START)] * pages, [line.encode()])
    return path


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_number_that_is_none_is_named(number: str, tmp_path: Path) -> None:
    """A trace with what is no number of JSON is damaged."""
    path = written(tmp_path / "a.har", encode(GOOD | {"time": "?"}).decode().replace('"?"', number))

    with pytest.raises(TraceUnreadableError, match=r"a\.har"):
        traffic([path])
    with pytest.raises(TraceUnreadableError, match=r"a\.har"):
        merge_hars([path], tmp_path / "all.har")


def test_number_beyond_all_others_counts_for_nothing(tmp_path: Path) -> None:
    """A time of thousands of digits, and a URL that is none, are no harm."""
    odd = GOOD | {"time": int("9" * 4000), "request": {"url": "http://[bad"}}
    path = written(tmp_path / "a.har", encode(odd).decode())

    assert merge_hars([path], tmp_path / "all.har") == 1
    assert [(host.host, host.seconds) for host in traffic([path])] == [("", 0.0)]


@pytest.mark.parametrize("host", ["a\x1b[2J\x1b]0;x\x07", "[/red]", "[bold]x", "x\x9b2J"])
def test_host_is_printed_as_it_stands(host: str) -> None:
    """What a trace calls a host is neither markup nor a command to the terminal."""
    out = io.StringIO()
    _print_table([HostTraffic(host, 1, 0, ((200, 1),), 0, 0, 0.0)], out)

    assert not set(out.getvalue()) & set("\x1b\x07\x9b")
    assert host.partition("\x1b")[0].partition("\x9b")[0] in out.getvalue()


def test_thousands_of_pages_of_one_name_take_little(tmp_path: Path) -> None:
    """Pages of the same name are told apart without trying every number anew."""
    path = written(tmp_path / "a.har", encode(GOOD).decode(), pages=8000)

    began = time.perf_counter()
    merge_hars([path], tmp_path / "all.har")

    assert time.perf_counter() - began < 3
    pages = json.loads((tmp_path / "all.har").read_text())["log"]["pages"]
    assert len({each["id"] for each in pages}) == 8000


@pytest.mark.parametrize("length", [8, 9, 12, 15, 16, 18])
@pytest.mark.parametrize("secret", [SECRET, f"{SECRET}-{SECRET}", "Zq7-short-1x"])
def test_rest_of_a_secret_that_is_told_later_is_removed(length: int, secret: str) -> None:
    """What a cut has left of a secret is removed, though the secret was not known when the text was cut."""
    known = KnownSecrets()
    rest = secret[: min(length, len(secret) - 1)]
    body = ("x " * LONGEST)[: LONGEST - len(rest)] + secret + " and more"
    line = line_of(exchange(answer_headers=TEXT, answer=body.encode()), known)
    assert rest in line
    known.learn(secret)

    left = recheck(line.encode(), known).decode()

    assert rest not in left
    assert json.loads(left)["response"]["content"]["text"].endswith(REMOVED)


@pytest.mark.parametrize(
    "value",
    [
        f"SharedKey workspace:{packed('s' * 32)}",
        f"AWS4-HMAC-SHA256 Credential=x/2026, SignedHeaders=host, Signature={'0f' * 32}",
    ],
)
def test_signature_of_one_request_is_not_remembered(value: str) -> None:
    """A signature is removed from its header, and takes no memory after that."""
    known = KnownSecrets()

    assert REMOVED in Redaction(known).header("request", "Authorization", value)
    assert known._seen == set()


def test_memory_for_secrets_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first values are looked for everywhere, and later ones that somebody gives are as well."""
    monkeypatch.setattr(known_module, "MOST_VALUES", 2)
    known = KnownSecrets()
    for number in range(4):
        known.learn(f"value-{number}-of-many")
    known.give("given-at-the-end")

    text = " ".join([*(f"value-{number}-of-many" for number in range(4)), "given-at-the-end"])
    assert known.remove(text)[0] == f"{REMOVED} {REMOVED} value-2-of-many value-3-of-many {REMOVED}"
