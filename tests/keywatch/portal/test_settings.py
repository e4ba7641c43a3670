"""The portal's configuration."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

from keywatch.errors import ConfigurationError
from keywatch.portal.provider.b2c import AzureAdB2c
from keywatch.portal.provider.entra import Entra
from keywatch.portal.provider.model import Journey
from keywatch.portal.provider.openid import OpenIdProvider
from keywatch.portal.settings import SESSIONS, STORE, read_settings
from tests.keywatch.portal.written import B2C, ENTRA, FLAVOURS, GUIDS, OPENID, configuration, write

SETUP: Final = (Path(__file__).parents[3] / "docs/portal-setup.md").read_text(encoding="utf-8")
KINDS: Final = {"b2c": AzureAdB2c, "entra": Entra, "openid": OpenIdProvider}


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_flavour_is_a_provider(tmp_path: Path, flavour: str) -> None:
    """Each flavour's section describes its provider, and names its credential without holding it."""
    settings = read_settings(write(tmp_path / "portal.toml", configuration(FLAVOURS[flavour])), {})

    assert isinstance(settings.provider, KINDS[flavour])
    assert (settings.secret is None) != (settings.certificate is None)


def test_environment_wins_and_its_passwords_stay_out_of_sight(tmp_path: Path) -> None:
    """Where store and sessions are may come from the environment, and is in no representation."""
    file = write(tmp_path / "portal.toml", configuration(B2C, store=None, sessions=None))
    settings = read_settings(file, {STORE: "postgresql://me:hidden@db/a", SESSIONS: "postgresql://me:hidden@db/a"})

    assert settings.store.password == "hidden"
    assert settings.store.drivername == "postgresql+psycopg"
    assert "hidden" not in repr(settings)
    with pytest.raises(ConfigurationError, match=STORE):
        read_settings(file, {})


WRONG: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "unknown entry": (configuration(B2C, stor="x"), "stor"),
    "no provider": (configuration(B2C, provider=None), "provider"),
    "unknown flavour": (configuration(B2C | {"flavour": "saml"}), "provider"),
    "tenant id is no GUID": (configuration(B2C | {"tenant_id": "contoso"}), "tenant_id"),
    "secret in the file": (configuration(B2C | {"client_secret": "x"}), "client_secret"),
    "two policies alike": (
        configuration(B2C | {"policies": {"sign_in": "B2C_1_a", "step_up": "b2c_1_A"}}),
        "same policy",
    ),
    "Entra's host is somebody else's": (configuration(ENTRA | {"host": "login.contoso.com"}), "none of Entra's"),
    "authentication context": (configuration(ENTRA | {"authentication_context": "mfa"}), "authentication_context"),
    "issuer without TLS": (configuration(OPENID | {"issuer": "http://sso.contoso.com"}), "issuer"),
    "issuer with a user": (configuration(OPENID | {"issuer": "https://sso.contoso.com@evil.example"}), "issuer"),
    "two credentials": (configuration(OPENID | {"secret": "other"}), "either the certificate or the secret"),
    "no credential": (configuration({k: v for k, v in OPENID.items() if k != "certificate"}), "either the certificate"),
    "plain HTTP": (configuration(B2C, web_url="http://keys.contoso.com"), "plain HTTP"),
    "path in an origin": (configuration(B2C, web_url="https://contoso.com/keys"), "web_url"),
    "one origin for both": (configuration(B2C, api_url="https://keys.keywatch.example"), "origin of their own"),
    "one file for both": (configuration(B2C, sessions="sqlite:////tmp/report.db"), "one of their own"),
    "no database": (configuration(B2C, store="mysql://db/a"), "no URL of a database"),
    "no URL at all": (configuration(B2C, store="here"), "no URL of a database"),
    "session for ever": (configuration(B2C, session={"absolute_hours": 1000}), "absolute_hours"),
    "verify off": (configuration(B2C, transport={"verify": False}), "verify is false"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_named(tmp_path: Path, case: str) -> None:
    """A configuration that is not usable is refused, and the message names the entry."""
    values, said = WRONG[case]
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        read_settings(write(tmp_path / "portal.toml", values), {})


@pytest.mark.parametrize("text", [None, "web_url = ", "\xff"], ids=["missing", "not TOML", "not UTF-8"])
def test_file_that_cannot_be_read_is_named(tmp_path: Path, text: str | None) -> None:
    """A file that is not there, or no TOML, is named with what to do."""
    file = tmp_path / "portal.toml"
    if text is not None:
        file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=re.escape(str(file))):
        read_settings(file, {})


def test_configurations_of_the_docs_are_usable(tmp_path: Path) -> None:
    """The three sections that the page shows, each with the file around it, are read."""
    first, *others = re.findall(r"```toml\n(.*?)```", SETUP, re.DOTALL)
    top = tomllib.loads(first)
    providers = [top["provider"], *(tomllib.loads(each)["provider"] for each in others)]
    read = [
        read_settings(write(tmp_path / "portal.toml", top | {"provider": each}), {STORE: "sqlite:///a.db"}).provider
        for each in providers
    ]
    assert [type(each) for each in read] == list(KINDS.values())


def test_docs_explain_every_entry() -> None:
    """Every entry of the configuration stands in the page, in an example or in the table."""
    from keywatch.portal import settings

    sections = (settings._File, settings.AzureAdB2cSection, settings.EntraSection, settings.OpenIdSection)
    names = {name for each in (*sections, settings.VaultSection, settings.SessionSection) for name in each.model_fields}
    assert {name for name in names if not re.search(rf"\b{name}\b", SETUP)} == set()


def test_b2c_tells_its_policies_apart() -> None:
    """Access tokens are those of the policies that sign in, and an ID token is its own journey's."""
    policies = {Journey.SIGN_IN: "B2C_1_A", Journey.STEP_UP: "B2C_1_B"} | {
        Journey.EDIT_PROFILE: "B2C_1_C",
        Journey.RESET_PASSWORD: "B2C_1_D",
    }
    b2c = AzureAdB2c("contosokeys", GUIDS[0], GUIDS[1], GUIDS[2], "https://x/y", policies)

    assert b2c.access_token.allowed == {"tfp": {"b2c_1_a", "b2c_1_b"}}
    assert {journey: b2c.id_token(journey).allowed["tfp"] for journey in Journey} == {
        journey: {name.lower()} for journey, name in policies.items()
    }
    assert b2c.step_up.value == "B2C_1_B"
