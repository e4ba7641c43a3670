"""Who gets which role on what."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.bicep.errors import BicepError
from tests.bicep.kinds import BUILT_IN_ROLES, NAMINGS, ROLE_ASSIGNMENTS, ROLE_DEFINITIONS
from tests.bicep.values import Resource, Runtime, UnfitError, Value


@dataclass(frozen=True)
class Assignment:
    """A role assignment.

    Attributes:
        role: The name of the role.
        principal: The object id of who gets it, or a placeholder.
        principal_type: `User`, `Group` or `ServicePrincipal`; empty if it is not said.
        scope: The id of what the role is for.
    """

    role: str
    principal: str
    principal_type: str
    scope: str


def role_assignments(resources: Sequence[Resource]) -> list[Assignment]:
    """Return the role assignments among resources.

    Args:
        resources: All of a deployment, so that the roles it defines itself are known.

    Raises:
        BicepError: The id of a role is none of a role that is known.
    """
    found = []
    for resource in _assignments(resources):
        try:
            role = _role(resource, resources)
        except UnfitError as error:
            raise BicepError(resource.place, f"{error}.") from error
        principal, kind = (str(_property(resource, key) or "") for key in ("principalId", "principalType"))
        found.append(Assignment(role, principal, kind, resource.scope))
    return found


def role_problems(resources: Sequence[Resource]) -> Iterator[BicepError]:
    """Find assignments of roles that are not known, or to somebody without an object id."""
    for resource in _assignments(resources):
        try:
            _role(resource, resources)
        except UnfitError as error:
            yield BicepError(resource.place, f"{error}.")
        principal = _property(resource, "principalId")
        known = isinstance(principal, str) and not principal.startswith("<")
        if known and not re.fullmatch(NAMINGS[ROLE_ASSIGNMENTS].pattern, str(principal)):
            yield BicepError(resource.place, f"The principal {principal!r} is no object id.")


def _assignments(resources: Sequence[Resource]) -> Iterator[Resource]:
    return (each for each in resources if each.type == ROLE_ASSIGNMENTS and not each.existing)


def _property(resource: Resource, name: str) -> Value:
    properties = resource.body.get("properties")
    return properties.get(name) if isinstance(properties, dict) else None


def _role(resource: Resource, resources: Sequence[Resource]) -> str:
    given = _property(resource, "roleDefinitionId")
    if isinstance(given, Runtime):
        raise UnfitError("The role is only known once it is deployed")
    for defined in resources:
        if defined.type == ROLE_DEFINITIONS and str(given).lower() == defined.id.lower():
            return str(_property(defined, "roleName") or defined.name)
    match = re.fullmatch(rf"(?:/subscriptions/[\w-]+)?/providers/{ROLE_DEFINITIONS}/([\w-]+)", str(given))
    names = {guid: name for name, guid in BUILT_IN_ROLES.items()}
    if not match or match[1] not in names:
        raise UnfitError(f"No role is known with the id {given!r}")
    return names[match[1]]
