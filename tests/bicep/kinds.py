"""The kinds of resources that may be deployed, and where Microsoft describes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Kind:
    """A resource type, as an SDK describes it.

    Attributes:
        package: The SDK.
        operations: The module of its operations, which names the API versions it speaks.
        sent: The model of what is sent.
        read: The model of what is read.
        versioned: Whether the SDK has a package for every API version.
        scopes: What it may be deployed to; `resource` if it extends other resources.
    """

    package: str
    operations: str
    sent: str
    read: str
    versioned: bool = False
    scopes: frozenset[str] = frozenset({"resourceGroup"})


_LOGS: Final = "azure.mgmt.loganalytics"
_MONITOR: Final = "azure.mgmt.monitor"
_ROLES: Final = "azure.mgmt.authorization"
_VAULTS: Final = "azure.mgmt.keyvault"
_EVERYWHERE: Final = frozenset({"subscription", "resourceGroup", "resource"})

ROLE_ASSIGNMENTS: Final = "Microsoft.Authorization/roleAssignments"
ROLE_DEFINITIONS: Final = "Microsoft.Authorization/roleDefinitions"
DATA_COLLECTION_RULES: Final = "Microsoft.Insights/dataCollectionRules"
QUERY_RULES: Final = "Microsoft.Insights/scheduledQueryRules"
WORKBOOKS: Final = "Microsoft.Insights/workbooks"
SAVED_SEARCHES: Final = "Microsoft.OperationalInsights/workspaces/savedSearches"

KINDS: Final[Mapping[str, Kind]] = {
    "Microsoft.Resources/resourceGroups": Kind(
        "azure.mgmt.resource.resources",
        "_operations",
        "ResourceGroup",
        "ResourceGroup",
        scopes=frozenset({"subscription"}),
    ),
    "Microsoft.OperationalInsights/workspaces": Kind(_LOGS, "_workspaces_operations", "Workspace", "Workspace"),
    "Microsoft.OperationalInsights/workspaces/tables": Kind(_LOGS, "_tables_operations", "Table", "Table"),
    SAVED_SEARCHES: Kind(_LOGS, "_saved_searches_operations", "SavedSearch", "SavedSearch"),
    DATA_COLLECTION_RULES: Kind(
        _MONITOR, "_data_collection_rules_operations", "DataCollectionRuleResource", "DataCollectionRuleResource"
    ),
    QUERY_RULES: Kind(
        _MONITOR, "_scheduled_query_rules_operations", "ScheduledQueryRuleResource", "ScheduledQueryRuleResource"
    ),
    "Microsoft.Insights/actionGroups": Kind(
        _MONITOR, "_action_groups_operations", "ActionGroupResource", "ActionGroupResource"
    ),
    "Microsoft.KeyVault/vaults": Kind(
        _VAULTS, "_vaults_operations", "VaultCreateOrUpdateParameters", "Vault", versioned=True
    ),
    "Microsoft.KeyVault/vaults/secrets": Kind(
        _VAULTS, "_secrets_operations", "SecretCreateOrUpdateParameters", "Secret", versioned=True
    ),
    ROLE_ASSIGNMENTS: Kind(
        _ROLES,
        "_role_assignments_operations",
        "RoleAssignmentCreateParameters",
        "RoleAssignment",
        versioned=True,
        scopes=_EVERYWHERE,
    ),
    ROLE_DEFINITIONS: Kind(
        _ROLES,
        "_role_definitions_operations",
        "RoleDefinition",
        "RoleDefinition",
        versioned=True,
        scopes=frozenset({"subscription", "resourceGroup"}),
    ),
    WORKBOOKS: Kind("azure.mgmt.applicationinsights", "_workbooks_operations", "Workbook", "Workbook", versioned=True),
    "Microsoft.ManagedIdentity/userAssignedIdentities": Kind(
        "azure.mgmt.msi", "_operations", "Identity", "Identity", versioned=True
    ),
}

ALSO_ALLOWED: Final[Mapping[tuple[str, str], str]] = {
    # Microsoft Learn, "Structure of a data collection rule": rules to send data to are of the kind Direct.
    (DATA_COLLECTION_RULES, "kind"): "Direct",
    # The same: the name of a stream of one's own begins with Custom-.
    (DATA_COLLECTION_RULES, "properties.dataFlows[].streams[]"): r"Custom-\w+",
}
"""Patterns of what the documentation has and an SDK's enumeration lacks, by resource type and property."""


@dataclass(frozen=True)
class Naming:
    """What names of a resource type are like.

    Attributes:
        pattern: What the last part of the name matches as a whole.
        rule: The same in words.
    """

    pattern: str
    rule: str


_GUID: Final = Naming(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "a GUID")
_PORTAL_NAME: Final = Naming(
    r"(?=.{1,260}$)[^*<>%{}&:\\?/#+]*[^*<>%{}&:\\?/#+ .]",
    "1 to 260 characters, none of *<>%{}&:\\?/#+, without a space or period at the end",
)
NAMINGS: Final[Mapping[str, Naming]] = {
    # Microsoft Learn, "Naming rules and restrictions for Azure resources".
    "Microsoft.Resources/resourceGroups": Naming(
        r"(?=.{1,90}$)[\w().-]*[\w()-]", "1 to 90 letters, digits and _-.(), without a period at the end"
    ),
    "Microsoft.OperationalInsights/workspaces": Naming(
        r"[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]", "4 to 63 letters, digits and hyphens, none of those at an end"
    ),
    "Microsoft.KeyVault/vaults": Naming(
        r"(?!.*--)[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]",
        "3 to 24 letters, digits and single hyphens, with a letter first and no hyphen last",
    ),
    "Microsoft.KeyVault/vaults/secrets": Naming(r"[A-Za-z0-9-]{1,127}", "1 to 127 letters, digits and hyphens"),
    "Microsoft.ManagedIdentity/userAssignedIdentities": Naming(
        r"[A-Za-z0-9][A-Za-z0-9_-]{2,127}", "3 to 128 letters, digits, hyphens and underscores, none of these first"
    ),
    QUERY_RULES: _PORTAL_NAME,
    "Microsoft.Insights/actionGroups": _PORTAL_NAME,
    # Microsoft Learn, "Add or delete tables and columns in Azure Monitor Logs": custom tables end in _CL.
    "Microsoft.OperationalInsights/workspaces/tables": Naming(
        r"[A-Za-z][A-Za-z0-9_]*_CL", "letters, digits and underscores, with a letter first and _CL last"
    ),
    # No rule is documented; this one is the narrowest that those of other resources have in common.
    DATA_COLLECTION_RULES: Naming(
        r"[A-Za-z0-9][A-Za-z0-9-]{1,61}[A-Za-z0-9]", "3 to 63 letters, digits and hyphens, none of those at an end"
    ),
    # The template references of these types: the name is a GUID.
    ROLE_ASSIGNMENTS: _GUID,
    ROLE_DEFINITIONS: _GUID,
    WORKBOOKS: _GUID,
}

BUILT_IN_ROLES: Final[Mapping[str, str]] = {
    # Microsoft Learn, "Azure built-in roles".
    "Key Vault Certificates Officer": "a4417e6f-fecd-4de8-b567-7b0420556985",
    "Key Vault Crypto User": "12338af0-0e69-4776-bea7-57ae8d297424",
    "Key Vault Reader": "21090545-7ca7-4776-b22c-e363652d74d2",
    "Key Vault Secrets User": "4633458b-17de-408a-b874-0445c86b69e6",
    "Log Analytics Reader": "73c42c96-874c-492b-b04d-ab87d138a893",
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
}
