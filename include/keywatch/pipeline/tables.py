"""The tables that Keywatch fills."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from keywatch.access_keys.record import AccessKeyRecord, DeactivationRecord, FindingRecord
from keywatch.azure_resources.records import ActivityRecord, VirtualMachineRecord
from keywatch.log_analytics.tables import Table
from keywatch.pipeline.audit import AuditRecord
from keywatch.pipeline.azure.audit import SubscriptionAuditRecord
from keywatch.pipeline.certificates import CertificateRecord

TableName = Literal[
    "keys", "audit", "findings", "deactivations", "certificates", "activity", "virtual_machines", "subscriptions"
]

TABLES: Final[Mapping[TableName, Table]] = {
    "keys": Table.of("AWS_Access_Key_Report", AccessKeyRecord),
    "audit": Table.of("AWS_Access_Key_Audit", AuditRecord),
    "findings": Table.of("AWS_Access_Key_Finding", FindingRecord),
    "deactivations": Table.of("AWS_Access_Key_Deactivation", DeactivationRecord),
    "certificates": Table.of("Azure_Certificate", CertificateRecord),
    "activity": Table.of("Azure_Activity", ActivityRecord),
    "virtual_machines": Table.of("Azure_Virtual_Machine", VirtualMachineRecord),
    "subscriptions": Table.of("Azure_Subscription_Audit", SubscriptionAuditRecord),
}
