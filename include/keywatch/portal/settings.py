"""The portal's configuration: one TOML file for web app, API and command, and what the environment adds to it.

No secret is in it: certificate and client secret are named, and lie in Key Vault.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from keywatch.errors import ConfigurationError
from keywatch.portal.provider.b2c import POLICIES, AzureAdB2c
from keywatch.portal.provider.entra import EXTERNAL, Entra
from keywatch.portal.provider.model import Journey, Provider
from keywatch.portal.provider.openid import OpenIdProvider
from keywatch.transport import Transport

CONFIG: Final = "KEYWATCH_PORTAL_CONFIG"
"""The variable that names the file."""

STORE: Final = "KEYWATCH_PORTAL_STORE"
"""The variable that says where the report store is: its URL may hold a password."""

SESSIONS: Final = "KEYWATCH_PORTAL_SESSIONS"
"""The variable that says where the web app's sessions are."""

WAITED_FOR: Final = {"attempts": 2, "connect_timeout": 5.0, "read_timeout": 15.0, "max_backoff": 2.0}
"""What the transport has unless told otherwise: somebody waits for the page."""

LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")

GUID: Final = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
LABEL: Final = r"^[A-Za-z0-9-]{1,63}$"
HOST: Final = r"^([A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}(:[0-9]{1,5})?$"
POLICY: Final = r"^[A-Za-z0-9_-]{1,200}$"
VAULT_NAME: Final = r"^[0-9A-Za-z-]{1,127}$"

Guid = Annotated[str, Field(pattern=GUID)]
Host = Annotated[str, Field(pattern=HOST)]
Policy = Annotated[str, Field(pattern=POLICY)]
VaultName = Annotated[str, Field(pattern=VAULT_NAME)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Policies(_Section):
    """The user flows of Azure AD B2C, each with its default name."""

    sign_in: Policy = POLICIES[Journey.SIGN_IN]
    step_up: Policy = POLICIES[Journey.STEP_UP]
    edit_profile: Policy = POLICIES[Journey.EDIT_PROFILE]
    reset_password: Policy = POLICIES[Journey.RESET_PASSWORD]

    @model_validator(mode="after")
    def _differ(self) -> Policies:
        names = {each.lower() for each in self.model_dump().values()}
        if len(names) != len(Journey):
            raise ValueError("two journeys have the same policy, so that their tokens could not be told apart")
        return self


class AzureAdB2cSection(_Section):
    """Section `provider` with flavour `b2c`."""

    flavour: Literal["b2c"]
    tenant: Annotated[str, Field(pattern=LABEL)]
    tenant_id: Guid
    client_id: Guid
    api_client_id: Guid
    api_uri: Annotated[str, Field(pattern=r"^(https|api)://\S+[^/\s]$")]
    secret: VaultName
    domain: Host | Literal[""] = ""
    policies: Policies = Policies()
    local_accounts_only: bool = False
    certificate: None = None

    def provider(self) -> Provider:
        """Describe the provider."""
        return AzureAdB2c(
            tenant=self.tenant,
            tenant_id=self.tenant_id,
            client_id=self.client_id,
            api_client_id=self.api_client_id,
            api_uri=self.api_uri,
            policies={journey: getattr(self.policies, journey.value) for journey in Journey},
            domain=self.domain,
            local_accounts_only=self.local_accounts_only,
        )


class _Pages(_Section):
    profile_page: Annotated[str, Field(pattern=r"^https://\S+$")] | None = None
    password_page: Annotated[str, Field(pattern=r"^https://\S+$")] | None = None


class EntraSection(_Pages):
    """Section `provider` with flavour `entra`."""

    flavour: Literal["entra"]
    host: Host = "login.microsoftonline.com"
    tenant_id: Guid
    client_id: Guid
    api_client_id: Guid
    api_uri: Annotated[str, Field(pattern=r"^(https|api)://\S+[^/\s]$")]
    authentication_context: Annotated[str, Field(pattern=r"^c[1-9][0-9]?$")]
    certificate: VaultName
    secret: None = None

    @model_validator(mode="after")
    def _is_of_entra(self) -> EntraSection:
        known = ("login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn")
        if self.host not in known and not self.host.endswith(EXTERNAL):
            raise ValueError(f"host is none of Entra's: <tenant>{EXTERNAL}, or {', '.join(known)}")
        return self

    def provider(self) -> Provider:
        """Describe the provider."""
        return Entra(
            host=self.host,
            tenant_id=self.tenant_id,
            client_id=self.client_id,
            api_client_id=self.api_client_id,
            api_uri=self.api_uri,
            authentication_context=self.authentication_context,
            profile_page=self.profile_page,
            password_page=self.password_page,
        )


class OpenIdSection(_Pages):
    """Section `provider` with flavour `openid`."""

    flavour: Literal["openid"]
    issuer: Annotated[str, Field(pattern=r"^https://[^\s?#@]+$")]
    client_id: Annotated[str, Field(min_length=1, max_length=200)]
    audience: Annotated[str, Field(min_length=1, max_length=500)]
    acr: Annotated[str, Field(pattern=r"^\S{1,200}$")]
    scopes_claim: Literal["scope", "scp"] = "scope"
    scope_prefix: Annotated[str, Field(pattern=r"^\S*$")] = ""
    further_hosts: tuple[Host, ...] = Field(default=(), strict=False)
    certificate: VaultName | None = None
    secret: VaultName | None = None

    @model_validator(mode="after")
    def _has_one_credential(self) -> OpenIdSection:
        if bool(self.certificate) == bool(self.secret):
            raise ValueError("name either the certificate or the secret by which the web app proves itself")
        return self

    def provider(self) -> Provider:
        """Describe the provider."""
        return OpenIdProvider(
            issuer=self.issuer,
            client_id=self.client_id,
            audience=self.audience,
            acr=self.acr,
            scopes=self.scopes_claim,
            scope_prefix=self.scope_prefix,
            further_hosts=self.further_hosts,
            profile_page=self.profile_page,
            password_page=self.password_page,
        )


class VaultSection(_Section):
    """Section `vault`: where the web app's certificate or secret is, and the identity that reaches it."""

    url: Annotated[str, Field(pattern=r"^https://[A-Za-z0-9.-]+$")]
    identity: Literal["managed_identity", "workload_identity", "default"] = "managed_identity"
    identity_client_id: Guid | None = None
    source: Literal["hsm", "exported"] = "hsm"
    cloud: Literal["AzureCloud", "AzureUSGovernment", "AzureChinaCloud"] = "AzureCloud"


class SessionSection(_Section):
    """Section `session`: how long somebody stays signed in."""

    idle_minutes: Annotated[int, Field(ge=1, le=1440)] = 30
    absolute_hours: Annotated[int, Field(ge=1, le=24)] = 8


class _File(_Section):
    web_url: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+$")]
    api_url: Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+$")]
    store: str | None = None
    sessions: str | None = None
    support: Annotated[str, Field(max_length=200)] = "your cloud security team"
    provider: Annotated[AzureAdB2cSection | EntraSection | OpenIdSection, Field(discriminator="flavour")]
    vault: VaultSection | None = None
    session: SessionSection = SessionSection()
    transport: dict[str, Any] = {}

    @model_validator(mode="after")
    def _origins(self) -> _File:
        for name in ("web_url", "api_url"):
            parts = urlsplit(getattr(self, name))
            if parts.scheme == "http" and parts.netloc.rpartition(":")[0] not in LOOPBACK:
                raise ValueError(f"{name} is plain HTTP: only an origin on loopback, with its port, may be")
        if self.web_url == self.api_url:
            raise ValueError("web_url and api_url are the same: web app and API each need an origin of their own")
        return self


@dataclass(frozen=True, slots=True)
class Settings:
    """The portal's configuration.

    Attributes:
        web_url: The web app's origin, as a browser has it.
        api_url: The API's origin, as the web app reaches it.
        store: The report store, which has the accounts too.
        sessions: Where the web app keeps its sessions; None is enough for the API.
        support: Whom people turn to, for pages.
        provider: Who signs people in.
        certificate: The certificate in the vault by which the web app proves itself; None if by a secret.
        secret: The secret in the vault by which it does; None if by a certificate.
        vault: The vault, and the identity that reaches it; None is enough for the API.
        session: How long somebody stays signed in.
        transport: How to reach provider, vault and API.
    """

    web_url: str
    api_url: str
    store: URL = field(repr=False)
    sessions: URL | None = field(repr=False)
    support: str
    provider: Provider
    certificate: str | None
    secret: str | None
    vault: VaultSection | None
    session: SessionSection
    transport: Transport


def read_settings(path: Path, environment: Mapping[str, str]) -> Settings:
    """Read the configuration.

    Args:
        path: The TOML file.
        environment: Variables; `STORE` and `SESSIONS` win over the file.

    Raises:
        ConfigurationError: The file cannot be read, or is not usable as it is written; the message names each entry.
    """
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
        read = _File.model_validate(values)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror}. Name the portal's configuration."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}. Correct it.") from error
    except ValidationError as error:
        raise ConfigurationError(f"{path} is not usable:\n{_lines(error)}") from None
    store, sessions = environment.get(STORE) or read.store, environment.get(SESSIONS) or read.sessions
    if store is None:
        raise ConfigurationError(f"The portal is not told where the report store is. Set store in {path}, or {STORE}.")
    if store == sessions and store.startswith("sqlite"):
        raise ConfigurationError(
            f"{path} has one SQLite file as store and as sessions. Give sessions one of their own: a report may be "
            "written for minutes, in which nobody could sign in."
        )
    return Settings(
        web_url=read.web_url,
        api_url=read.api_url,
        store=_url(store, "store"),
        sessions=_url(sessions, "sessions") if sessions else None,
        support=read.support,
        provider=read.provider.provider(),
        certificate=read.provider.certificate,
        secret=read.provider.secret,
        vault=read.vault,
        session=read.session,
        transport=Transport.from_mapping(WAITED_FOR | read.transport),
    )


SAID: Final = {
    "extra_forbidden": "there is no such entry",
    "missing": "is missing",
    "union_tag_not_found": "flavour is missing: b2c, entra or openid",
    "union_tag_invalid": "flavour is b2c, entra or openid",
}
HINTS: Final = {
    "web_url": "write an origin, such as https://keys.example.com, without a path or a slash at its end",
    "api_url": "write an origin, such as https://api.keys.example.com, without a path or a slash at its end",
    "tenant": "write the tenant's name without .onmicrosoft.com",
    "secret": "write the name that the secret has in the vault, and not its value",
    "certificate": "write the name that the certificate has in the vault",
    "url": "write the vault's address, such as https://keywatch.vault.azure.net",
    "issuer": "write the issuer as its discovery document does, with https:// and without a query",
    "authentication_context": "write the context's id: c1 to c99",
}
FLAVOURS: Final = ("b2c", "entra", "openid")


def _lines(error: ValidationError) -> str:
    """Name each entry and what to do, and never what it holds."""
    return "\n".join(f"  {_entry(each)}: {_said(each)}" for each in error.errors())


def _entry(each: ErrorDetails) -> str:
    return ".".join(str(part) for part in each["loc"] if part not in FLAVOURS) or "all of it"


def _said(each: ErrorDetails) -> str:
    name = str(each["loc"][-1]) if each["loc"] else ""
    if each["type"] == "string_pattern_mismatch":
        return HINTS.get(
            name, "write the id as the provider shows it" if name.endswith("_id") else "is not of its form"
        )
    return SAID.get(each["type"], each["msg"].removeprefix("Value error, "))


def _url(text: str, name: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.get_backend_name() not in ("sqlite", "postgresql"):
        raise ConfigurationError(
            f"{name} is no URL of a database: sqlite:////path/to/file.db, or postgresql://user:password@host/database."
        )
    return url.set(drivername="postgresql+psycopg") if url.get_backend_name() == "postgresql" else url
