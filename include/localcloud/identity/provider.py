"""A provider as a service of the local cloud: hands requests to its endpoints, and tells the log what they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from localcloud.azure.rest import injected, json_response
from localcloud.http1 import Request, Response
from localcloud.identity.authorization_endpoint import AuthorizationEndpoint
from localcloud.identity.flavour import Flavour, Route
from localcloud.identity.logout_endpoint import LogoutEndpoint, LogoutStyle
from localcloud.identity.messages import basic_of, pairs_of
from localcloud.identity.refusals import RefusedError
from localcloud.identity.token_endpoint import TokenEndpoint, refused_in_json
from localcloud.model import Fault
from localcloud.service import Call

METHODS: Final = {
    "authorize": ("GET", "POST"),
    "logout": ("GET", "POST"),
    "token": ("GET", "POST"),
    "keys": ("GET",),
    "openid-configuration": ("GET",),
}
"""What each action is asked by; the token endpoint says itself, in its own words, that it wants POST."""
GRANT_TYPES: Final = ("authorization_code", "refresh_token")


class Provider:
    """Answers for the hosts of one flavour."""

    def __init__(self, flavour: Flavour, logout: LogoutStyle) -> None:
        self.flavour = flavour
        self._authorization = AuthorizationEndpoint(flavour)
        self._token = TokenEndpoint(flavour)
        self._logout = LogoutEndpoint(flavour, logout)
        self._answers: dict[str, Callable[[Request, Route], Response]] = {
            "authorize": self._authorization.answer,
            "token": self._token.answer,
            "logout": lambda request, _: self._logout.answer(request),
            "keys": lambda _, __: json_response(200, flavour.keys.document()),
            "openid-configuration": lambda _, route: json_response(200, flavour.configuration(route)),
        }

    @property
    def plays(self) -> tuple[str, ...]:
        """The host that clients are told."""
        return self.flavour.hosts[:1]

    def reset(self) -> None:
        """Forget everybody, and everything that has begun."""
        self.flavour.reset()
        self._authorization.reset()
        self._logout.reset()

    def owns(self, host: str) -> bool:
        """Tell whether a host is one of this provider's."""
        return host in self.flavour.hosts

    def read(self, host: str, request: Request) -> Call:
        """Tell what a request asks for, and for which client."""
        route = self.flavour.route(request.path)
        if route is None:
            return Call(service=self.flavour.name, host=host)
        values = dict(pairs_of(request))
        basic = basic_of(request)
        named = values.get("client_id") or (basic[0] if basic else None)
        named = named or self._authorization.client_of(values.get("flow", ""))
        kind = values.get("grant_type")
        return Call(
            service=self.flavour.name,
            host=host,
            action=route.action,
            account=named if named in self.flavour.clients else None,
            detail=kind if route.action == "token" and kind in GRANT_TYPES else None,
        )

    def answer(self, request: Request, call: Call) -> Response:
        """Check the request and answer it."""
        route = self.flavour.route(request.path)
        if route is None or call.action is None:
            return Response(
                404, b"There is nothing here; ask the openid-configuration for addresses\n", error="NotFound"
            )
        if request.method not in METHODS[route.action]:
            allowed = ", ".join(METHODS[route.action])
            return Response(405, f"Use {allowed}\n".encode(), headers=(("Allow", allowed),), error="MethodNotAllowed")
        return self._answers[route.action](request, route)

    def apply(self, fault: Fault, call: Call) -> Response | None:
        """Refuse as a fault says, in OAuth's form."""
        if call.action is None:
            return None
        return injected(fault, _say)


def _say(status: int, code: str, message: str) -> Response:
    del code
    return refused_in_json(RefusedError("temporarily_unavailable", "", message, status))
