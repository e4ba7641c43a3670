"""The assets by which one DAG follows another. A DAG file may import this module."""

from __future__ import annotations

from typing import Final

from airflow.sdk import Asset

access_keys: Final = Asset("access_keys", uri="x-keywatch://access_keys")
"""A report has been published; the event's extra says of which run, and whether anything is missing."""

azure_activity: Final = Asset("azure_activity", uri="x-keywatch://azure_activity")
"""Azure's activity log of a window has been published; the extra says of which, and whether anything is missing."""
