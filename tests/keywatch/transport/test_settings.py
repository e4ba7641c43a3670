"""`Transport`: from a connection's object, filled from the environment, obeyed for every host."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import certifi
import pytest
import trustme

from keywatch.errors import ConfigurationError
from keywatch.transport import Transport, layered

PROXY = "http://proxy.corp.example:3128"
ELSEWHERE = "http://other.example:8080"


def test_transport_from_nothing_has_the_defaults() -> None:
    """A connection without a `transport` object gets the defaults."""
    assert Transport() == Transport.from_mapping(None) == Transport.from_mapping({})


def test_transport_from_mapping_takes_every_field() -> None:
    """Every field can be given by its name, `no_proxy` as a list too."""
    transport = Transport.from_mapping(
        {
            "ca_bundle": "/ca.pem",
            "proxy": PROXY,
            "no_proxy": ["a.example", " b.example "],
            "verify": True,
            "connect_timeout": 1,
            "read_timeout": "2.5",
            "attempts": "7",
            "backoff": 0.5,
            "max_backoff": 8,
            "trace": True,
        }
    )

    assert transport == Transport(
        ca_bundle="/ca.pem",
        proxy=PROXY,
        no_proxy=("a.example", "b.example"),
        connect_timeout=1.0,
        read_timeout=2.5,
        attempts=7,
        backoff=0.5,
        max_backoff=8.0,
        trace=True,
    )


def test_transport_no_proxy_in_one_string_is_split() -> None:
    """A form has one line for `no_proxy`: commas separate, blanks do not count."""
    assert Transport.from_mapping({"no_proxy": " a.example, ,.b.example,"}).no_proxy == ("a.example", ".b.example")


def test_transport_blank_values_count_as_not_given() -> None:
    """A form sends its empty lines as empty strings or null."""
    assert Transport() == Transport.from_mapping({"ca_bundle": "", "proxy": None, "attempts": "", "no_proxy": None})


def test_transport_with_unknown_names_says_which_it_knows() -> None:
    """A misspelt name is refused rather than ignored."""
    with pytest.raises(
        ConfigurationError, match=r"does not know cabundle, prxoy\. It takes: ca_bundle, extra_ca_bundle, proxy"
    ):
        Transport.from_mapping({"prxoy": PROXY, "cabundle": "/ca.pem"})


@pytest.mark.parametrize(
    "values",
    [
        "http://proxy.corp.example",
        ["proxy"],
        {"verify": "false"},
        {"verify": 0},
        {"attempts": "many"},
        {"attempts": 0},
        {"attempts": True},
        {"attempts": float("inf")},
        {"read_timeout": -1},
        {"read_timeout": "nan"},
        {"backoff": []},
        {"proxy": 3128},
        {"ca_bundle": ["/ca.pem"]},
        {"no_proxy": 5},
        {"no_proxy": [1]},
    ],
    ids=str,
)
def test_transport_with_a_wrong_type_is_a_configuration_error(values: object) -> None:
    """A value of the wrong type or out of range is refused in words of the connection."""
    with pytest.raises(ConfigurationError, match="transport"):
        Transport.from_mapping(cast("dict[str, Any]", values))


def test_transport_without_verification_needs_a_laboratory() -> None:
    """`verify: false` is refused outside a laboratory, and says what to do instead."""
    with pytest.raises(ConfigurationError, match="ca_bundle"):
        Transport.from_mapping({"verify": False})

    assert Transport.from_mapping({"verify": False}, lab=True).trust is False


def test_transport_resolve_fills_what_was_left_open(tmp_path: Path) -> None:
    """What a connection leaves open comes from the environment."""
    bundle = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(bundle))
    environ = {"REQUESTS_CA_BUNDLE": str(bundle), "HTTPS_PROXY": PROXY, "NO_PROXY": "a.example, b.example"}

    resolved = Transport(ca_bundle=str(bundle), proxy=PROXY, no_proxy=("a.example", "b.example"))
    assert resolved == Transport().resolve(environ)


def test_transport_resolve_reads_the_other_spellings(tmp_path: Path) -> None:
    """Curl's bundle and lower-case proxy variables count where the usual ones are blank."""
    bundle = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(bundle))
    environ = {
        "REQUESTS_CA_BUNDLE": "  ",
        "CURL_CA_BUNDLE": str(bundle),
        "HTTPS_PROXY": "",
        "https_proxy": PROXY,
        "NO_PROXY": " ",
        "no_proxy": "a.example",
    }

    resolved = Transport(ca_bundle=str(bundle), proxy=PROXY, no_proxy=("a.example",))
    assert resolved == Transport().resolve(environ)


def test_transport_resolve_of_an_empty_environment_connects_directly() -> None:
    """Without any setting there is no proxy, and the public authorities are trusted."""
    resolved = Transport().resolve({"HTTPS_PROXY": " "})

    assert resolved.proxies_for("https://iam.amazonaws.com/") == {}
    assert resolved.trust is True


def test_transport_explicit_values_beat_the_environment(tmp_path: Path) -> None:
    """What a connection says wins over the environment."""
    ours, theirs = tmp_path / "ours.pem", tmp_path / "theirs.pem"
    trustme.CA().cert_pem.write_to_path(str(ours))
    explicit = Transport(ca_bundle=str(ours), proxy=PROXY, no_proxy=())
    environ = {"REQUESTS_CA_BUNDLE": str(theirs), "HTTPS_PROXY": ELSEWHERE, "NO_PROXY": "*"}

    assert explicit == explicit.resolve(environ)


def test_transport_direct_means_no_proxy_whatever_the_environment_says() -> None:
    """`direct` switches off a proxy that the environment names."""
    resolved = Transport(proxy="direct").resolve({"HTTPS_PROXY": ELSEWHERE})

    assert resolved.proxies_for("https://iam.amazonaws.com/") == {}


def test_transport_with_a_missing_bundle_is_refused() -> None:
    """A CA bundle that is not there is found before the first request."""
    with pytest.raises(ConfigurationError, match=r"/not/there\.pem of the connection, or of"):
        Transport(ca_bundle="/not/there.pem").resolve({})


def test_transport_with_a_bad_proxy_is_refused_without_its_password() -> None:
    """A proxy that is no http(s) URL is refused, and its password stays out of the message."""
    with pytest.raises(ConfigurationError, match="The proxy of the connection") as caught:
        Transport(proxy="socks5://me:hunter2@proxy.example").resolve({})

    assert "hunter2" not in str(caught.value)


def test_transport_with_a_bundle_that_is_not_pem_is_refused(tmp_path: Path) -> None:
    """A CA bundle that holds no certificate is found before the first request, and blamed on who named it."""
    bundle = tmp_path / "ca.pem"
    bundle.write_text("not a certificate")

    with pytest.raises(ConfigurationError, match=r"REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE is not PEM"):
        Transport().resolve({"REQUESTS_CA_BUNDLE": str(bundle)})


def test_transport_takes_a_proxy_of_the_environment_without_a_scheme() -> None:
    """`host:port` in HTTPS_PROXY means what it means to everybody else."""
    resolved = Transport().resolve({"HTTPS_PROXY": "proxy.example:3128"})

    assert resolved.proxies_for("https://iam.amazonaws.com/")["https"] == "http://proxy.example:3128"


@pytest.mark.parametrize(
    "proxy",
    [
        "http://[bad",
        r"http://CORP\user:hunter2@proxy.example:8080",
        r"http://u:hunter2\@proxy.example:1",
        "http://u:hunter2\n@proxy.example:1",
        "http://ho st:1",
        "http://a..b:1",
        "http://",
    ],
)
def test_transport_with_a_proxy_that_clients_read_differently_is_refused(proxy: str) -> None:
    """A proxy URL that HTTP clients could take for another host is a matter of configuration, its password unseen."""
    with pytest.raises(ConfigurationError, match="The proxy of the connection") as caught:
        Transport(proxy=proxy).resolve({})

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("proxy", ["http://u:p%40%5C@proxy.example:8080", "https://10.0.0.1:3128", "http://[::1]:3128"])
def test_transport_takes_a_plain_proxy(proxy: str) -> None:
    """Names, addresses and escaped passwords are fine."""
    assert Transport(proxy=proxy).resolve({}).proxy == proxy


def test_transport_shows_no_proxy_password() -> None:
    """A proxy's user and password are in no repr."""
    transport = Transport(proxy="http://me:hunter2@proxy.example").resolve({})

    assert "hunter2" not in repr(transport)
    assert {"https": "http://me:hunter2@proxy.example"}.items() <= transport.proxies_for("https://a.example").items()


@pytest.mark.parametrize(
    "host",
    [
        "corp.example",
        "vault.corp.example",
        "VAULT.Corp.Example",
        "below.dotted.example",
        "below.starred.example",
        "10.1.2.3",
        "[fd00::7]",
        "169.254.169.254",
        "localhost",
        "127.0.0.1",
        "[::1]",
    ],
)
def test_transport_no_proxy_covers(host: str) -> None:
    """Listed hosts, names below listed domains, listed networks, the metadata address and the machine go direct."""
    no_proxy = ("corp.example", ".dotted.example", "*.starred.example", "10.0.0.0/8", "fd00::/16")

    assert Transport(proxy=PROXY, no_proxy=no_proxy).proxies_for(f"https://{host}:8443/path") == {}


@pytest.mark.parametrize("host", ["iam.amazonaws.com", "notcorp.example", "corp.example.net", "11.1.2.3"])
def test_transport_no_proxy_does_not_cover(host: str) -> None:
    """A host whose name merely ends alike, and everything else, goes through the proxy."""
    no_proxy = ("corp.example", "10.0.0.0/8")

    assert Transport(proxy=PROXY, no_proxy=no_proxy).proxies_for(f"https://{host}/") == {"http": PROXY, "https": PROXY}


def test_transport_no_proxy_star_covers_everything() -> None:
    """`*` switches the proxy off."""
    assert Transport(proxy=PROXY, no_proxy=("*",)).proxies_for("https://iam.amazonaws.com/") == {}


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hasty_threads")
def test_transport_leaves_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that ask for proxies side by side leave the process's NO_PROXY as it was."""
    monkeypatch.setenv("no_proxy", "as.it.was")
    transport = Transport(proxy=PROXY, no_proxy=("a.example",))

    def ask() -> None:
        for _ in range(300):
            transport.proxies_for("https://iam.amazonaws.com/")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert os.environ["no_proxy"] == "as.it.was"


def test_transport_adds_a_bundle_to_the_public_authorities(tmp_path: Path) -> None:
    """One file then holds both, and only this user may read or write beside it; the environment has no say."""
    bundle, other = tmp_path / "proxy.pem", tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(bundle))
    trustme.CA().cert_pem.write_to_path(str(other))

    resolved = Transport(extra_ca_bundle=str(bundle)).resolve({"REQUESTS_CA_BUNDLE": str(other)})

    whole = Path(str(resolved.trust))
    text = whole.read_text(encoding="utf-8")
    assert Path(certifi.where()).read_text(encoding="utf-8").strip() in text
    assert bundle.read_text(encoding="utf-8").strip() in text
    assert other.read_text(encoding="utf-8").strip() not in text
    assert whole.parent.stat().st_mode & 0o077 == 0
    assert resolved == resolved.resolve({"REQUESTS_CA_BUNDLE": str(other)})


def test_transport_makes_the_added_bundle_anew_when_it_changes(tmp_path: Path) -> None:
    """A proxy's new authority is trusted without a restart."""
    bundle = tmp_path / "proxy.pem"
    trustme.CA().cert_pem.write_to_path(str(bundle))
    first = Transport(extra_ca_bundle=str(bundle)).resolve({}).trust
    trustme.CA().cert_pem.write_to_path(str(bundle))
    os.utime(bundle, (1, 1))

    second = Transport(extra_ca_bundle=str(bundle)).resolve({}).trust

    assert first != second
    assert bundle.read_text(encoding="utf-8").strip() in Path(str(second)).read_text(encoding="utf-8")


def test_transport_does_not_use_a_folder_that_others_may_write_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else can slip an authority into what is trusted."""
    bundle = tmp_path / "proxy.pem"
    trustme.CA().cert_pem.write_to_path(str(bundle))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    theirs = tmp_path / f"keywatch-{os.getuid()}"
    theirs.mkdir()
    theirs.chmod(0o777)

    trusted = Path(str(Transport(extra_ca_bundle=str(bundle)).resolve({}).trust))

    assert trusted.parent != theirs
    assert trusted.parent.stat().st_mode & 0o077 == 0


def test_transport_refuses_two_bundles() -> None:
    """One replaces the public authorities, the other adds to them: both cannot be meant."""
    with pytest.raises(ConfigurationError, match="Keep one"):
        Transport.from_mapping({"ca_bundle": "/a.pem", "extra_ca_bundle": "/b.pem"})


def test_transport_refuses_a_folder_as_the_added_bundle(tmp_path: Path) -> None:
    """What is added is one file."""
    with pytest.raises(ConfigurationError, match="is a folder"):
        Transport(extra_ca_bundle=str(tmp_path)).resolve({})


def test_layered_lets_the_first_that_speaks_decide() -> None:
    """A field that the connection leaves open is the configuration's; of the two bundles, whoever names one decides."""
    own = {"extra_ca_bundle": "/own.pem", "proxy": "", "no_proxy": "", "verify": True}
    configured = {"ca_bundle": "/all.pem", "proxy": PROXY, "no_proxy": "a.example", "verify": False, "attempts": 3}

    assert layered(own, configured) == {
        "extra_ca_bundle": "/own.pem",
        "proxy": PROXY,
        "no_proxy": "",
        "verify": True,
        "attempts": 3,
    }
    assert layered({}, configured) == configured


def test_layered_takes_an_empty_field_for_none() -> None:
    """A form's empty line leaves the field to the configuration; of `no_proxy` it means no host."""
    configured = {"extra_ca_bundle": "/cfg.pem", "connect_timeout": 5, "no_proxy": "a.example"}

    assert layered({"extra_ca_bundle": "", "ca_bundle": "", "connect_timeout": ""}, configured) == configured
    assert layered({"no_proxy": ""}, configured)["no_proxy"] == ""


def test_transport_makes_the_added_bundle_anew_when_somebody_has_removed_it(tmp_path: Path) -> None:
    """What tidies temporary folders does not break a process that goes on for weeks."""
    bundle = tmp_path / "proxy.pem"
    trustme.CA().cert_pem.write_to_path(str(bundle))
    transport = Transport(extra_ca_bundle=str(bundle))
    Path(str(transport.resolve({}).trust)).unlink()

    assert Path(str(transport.resolve({}).trust)).is_file()


def test_transport_says_that_there_is_no_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container whose file system cannot be written to is told what to do instead."""
    bundle = tmp_path / "proxy.pem"
    trustme.CA().cert_pem.write_to_path(str(bundle))

    def nowhere(*_: object, **__: object) -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)

    with pytest.raises(ConfigurationError, match="give all of them as ca_bundle"):
        Transport(extra_ca_bundle=str(bundle)).resolve({})


def test_transport_does_not_quote_what_stands_in_the_wrong_field() -> None:
    """A proxy that was written where a number belongs does not show its password."""
    with pytest.raises(ConfigurationError, match="read_timeout is not a number") as caught:
        Transport.from_mapping({"read_timeout": "http://me:hunter2@proxy.example"})

    assert "hunter2" not in str(caught.value.__cause__)
