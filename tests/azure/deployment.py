"""What include/infra/azure deploys, with its parameter file and a made-up application and worker."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.bicep import Assignment, Deployment, evaluate, role_assignments

PROJECT: Final = Path(__file__).parents[2]
MAIN: Final = PROJECT / "include/infra/azure/main.bicep"
PARAMETERS: Final = PROJECT / "include/infra/azure/keywatch.parameters.json"

APPLICATION, APPLICATION_OBJECT, WORKER = (f"{digit * 8}-1111-4111-8111-111111111111" for digit in "123")
WHO: Final = {APPLICATION_OBJECT: "application", WORKER: "worker"}


def deployed(checkout: Path = PROJECT, **given: object) -> Deployment:
    """Work out what is deployed, with further parameters, or other values for some."""
    ids = {"applicationId": APPLICATION, "applicationObjectId": APPLICATION_OBJECT, "workerObjectId": WORKER}
    worker = {"workerType": "ServicePrincipal", "vaultIdentity": "managed_identity"}
    main, parameters = (checkout / file.relative_to(PROJECT) for file in (MAIN, PARAMETERS))
    return evaluate(main, parameters, ids | worker | given)


def roles(deployment: Deployment) -> set[tuple[str, str, str]]:
    """Give who gets which role, and on what type of resource."""
    return {(WHO[each.principal], each.role, _type(each)) for each in role_assignments(deployment.resources)}


def _type(assignment: Assignment) -> str:
    """Give the type in a resource's id: `.../providers/A.B/vaults/x/secrets/y` is of type `vaults/secrets`."""
    return "/".join(assignment.scope.rpartition("/providers/")[2].split("/")[1::2])
