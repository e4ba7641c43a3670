"""Reads Bicep files, works out what they deploy, and holds that against what Microsoft's SDKs say of the resources.

No Bicep compiler is needed, nor a connection to Azure. From the bottom to the top: `tokens`, `texts`, `syntax` and
`parser` read a file; `program` finds what is wrong with its names; `values`, `functions`, `evaluate`, `parameters` and
`deploy` work out its resources; `kinds` and `models` know what a resource has, which `check` and `roles` compare;
`queries` finds the queries in it.
"""

from tests.bicep.check import findings
from tests.bicep.deploy import Target, evaluate
from tests.bicep.errors import BicepError, Place
from tests.bicep.queries import Query, queries, write_queries
from tests.bicep.roles import Assignment, role_assignments
from tests.bicep.values import Deployment, Module, Reference, Resource, Runtime, Scope

__all__ = [
    "Assignment",
    "BicepError",
    "Deployment",
    "Module",
    "Place",
    "Query",
    "Reference",
    "Resource",
    "Runtime",
    "Scope",
    "Target",
    "evaluate",
    "findings",
    "queries",
    "role_assignments",
    "write_queries",
]
