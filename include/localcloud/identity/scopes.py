"""Which scopes a provider knows, and what an access token for them is.

Sources: RFC 6749, section 3.3; Microsoft Learn, "Request an access token in Azure AD B2C".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from localcloud.identity.refusals import Flaw, Words
from localcloud.identity_model import SCOPES

OPENID_SCOPES: Final = ("openid", "profile", "email", "offline_access")


@dataclass(frozen=True)
class Wanted:
    """What a client asks for.

    Attributes:
        scopes: as sent, each once.
        audience: of the access token; None if it asks for none.
        names: the API's scopes without their prefix.
    """

    scopes: tuple[str, ...]
    audience: str | None
    names: tuple[str, ...]


@dataclass(frozen=True)
class Scopes:
    """The scopes of one provider.

    Attributes:
        prefix: of the API's scopes.
        audience: of the API's access tokens.
        words: of the provider.
        own_client: whether a client's own id is a scope, for an access token to itself, as in B2C.
    """

    prefix: str
    audience: str
    words: Words
    own_client: bool = False

    def read(self, text: str, client_id: str) -> Wanted:
        """Read the parameter.

        Raises:
            RefusedError: it names what there is not, or more than one resource.
        """
        asked = tuple(dict.fromkeys(text.split()))
        others = [each for each in asked if each not in OPENID_SCOPES]
        resources = {self._resource(each, client_id) for each in others}
        if len(resources) > 1:
            raise self.words.refusal(Flaw.TWO_RESOURCES, text)
        own = resources == {client_id}
        for each in others:
            if not own and (not each.startswith(self.prefix) or each.removeprefix(self.prefix) not in SCOPES):
                raise self.words.refusal(Flaw.SCOPE, each)
        if own:
            return Wanted(asked, client_id, ())
        return Wanted(
            asked, self.audience if others else None, tuple(each.removeprefix(self.prefix) for each in others)
        )

    def _resource(self, scope: str, client_id: str) -> str:
        if self.own_client and scope == client_id:
            return client_id
        return self.prefix if scope.startswith(self.prefix) else scope.rpartition("/")[0]
