"""What `LocalCloud` can change in its identity providers and find out about them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from localcloud.azure_model import CertificateVersion
from localcloud.identity_model import IdentityAccess, Person
from localcloud.model import from_json


class IdentityControls(ABC):
    """The methods about people and what signs them in; `provider` is `b2c`, `external` or `openid`.

    What is refused raises `LocalCloudError` in words that say why.
    """

    @property
    @abstractmethod
    def identity(self) -> IdentityAccess:
        """The providers, what is registered with them for the portal, and whom they know from the start."""

    @abstractmethod
    def _ask(
        self, method: str, path: str, query: dict[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> Any:  # noqa: ANN401 - JSON
        """Ask the control interface."""

    def serve_at(self, host: str, port: int) -> None:
        """Let the proxy relay a name below keywatch.example to a port of loopback that speaks plain HTTP.

        `reset` leaves it so.
        """
        self._identity("serve_at", host=host, port=port)

    def serve_no_longer(self, host: str) -> None:
        """Let a name lead nowhere again."""
        self._identity("serve_no_longer", host=host)

    def add_person(
        self,
        provider: str,
        email: str,
        password: str | None = None,
        *,
        name: str = "",
        email_verified: bool = True,
        second_factor: bool = True,
    ) -> Person:
        """Let somebody sign in.

        Args:
            provider: where.
            email: what they type in.
            password: the same; None makes one.
            name: for people.
            email_verified: whether the provider says that the address is theirs.
            second_factor: whether a phone is registered; if not, the first request for a code registers it.
        """
        made = self._identity(
            "add_person",
            provider=provider,
            email=email,
            password=password,
            name=name,
            email_verified=email_verified,
            second_factor=second_factor,
        )
        return from_json(Person, made)

    def delete_person(self, provider: str, email: str) -> None:
        """Delete somebody; nothing is issued to them any more, whatever they hold."""
        self._identity("delete_person", provider=provider, email=email)

    def change_email(self, provider: str, email: str, new: str, *, verified: bool = True) -> None:
        """Give somebody another address; they stay who they are."""
        self._identity("change_email", provider=provider, email=email, new=new, verified=verified)

    def code_of(self, provider: str, email: str) -> str:
        """Give the code of six digits that now reaches somebody's phone or mailbox; it holds for a minute or more."""
        return str(self._identity("code_of", provider=provider, email=email))

    def rotate_signing_keys(self, provider: str) -> None:
        """Sign new tokens with a new key; the old keys stay published."""
        self._identity("rotate_signing_keys", provider=provider)

    def retire_signing_keys(self, provider: str) -> None:
        """Publish the current key alone."""
        self._identity("retire_signing_keys", provider=provider)

    def set_identity_lifetimes(self, provider: str, *, access: int | None = None, refresh: int | None = None) -> None:
        """Let tokens that are issued from now on live so many seconds.

        Args:
            provider: whose.
            access: of access tokens and ID tokens; 0 makes them expired at once, None leaves it.
            refresh: of refresh tokens, likewise.
        """
        self._identity("set_identity_lifetimes", provider=provider, access=access, refresh=refresh)

    def age_sign_ins(self, provider: str, seconds: int) -> None:
        """Let every sign-in so far be so much older, with the codes and refresh tokens that it led to.

        Tokens that are out already stay as they are; a refresh tells the older `auth_time`.
        """
        self._identity("age_sign_ins", provider=provider, seconds=seconds)

    def issue_token(
        self,
        provider: str,
        claims: Mapping[str, Any],
        header: Mapping[str, Any] | None = None,
        *,
        key: str = "current",
    ) -> str:
        """Sign whatever claims with RS256, for tests of forged tokens.

        Args:
            provider: whose key signs.
            claims: all of them; none are added.
            header: parameters beside or in the place of `alg`, `typ` and `kid`; the signature stays RS256.
            key: `current`, or `other` for one that is never published.
        """
        return str(self._identity("issue_token", provider=provider, claims=dict(claims), header=header, key=key))

    def signing_jwks(self, provider: str) -> dict[str, Any]:
        """Give the keys that a provider publishes."""
        return dict(self._identity("signing_jwks", provider=provider))

    def register_portal_certificate(self, provider: str, certificate_version: CertificateVersion) -> None:
        """Register a version of a certificate on the web client of `external` or `openid`."""
        self._change_certificate("register_portal_certificate", provider, certificate_version)

    def unregister_portal_certificate(self, provider: str, certificate_version: CertificateVersion) -> None:
        """Take a version of a certificate from that client."""
        self._change_certificate("unregister_portal_certificate", provider, certificate_version)

    def _change_certificate(self, verb: str, provider: str, certificate: CertificateVersion) -> None:
        self._identity(verb, provider=provider, name=certificate.name, version=certificate.version)

    def _identity(self, verb: str, **body: Any) -> Any:  # noqa: ANN401 - JSON
        return self._ask("POST", f"/identity/{verb}", body=body)
