"""What Airflow is told of the page."""

from __future__ import annotations

import subprocess
import sys

from keywatch_airflow.page.rendering import STATIC
from keywatch_airflow.plugin import KeywatchPlugin


def test_navigation_leads_to_the_page() -> None:
    """The entry in Airflow's navigation, and its icons, are where the app is mounted, below any base path."""
    [app], [view] = KeywatchPlugin.fastapi_apps, KeywatchPlugin.external_views

    prefix = app["url_prefix"].removeprefix("/")
    assert view["href"] == f"{prefix}/"
    for icon in ("icon", "icon_dark_mode"):
        assert (STATIC / view[icon].removeprefix(f"{prefix}/static/")).is_file()


def test_importing_the_plugin_imports_no_page() -> None:
    """What every process of Airflow imports has neither templates nor the store in its wake."""
    code = (
        "import sys, keywatch_airflow.plugin; "
        "print([name for name in sys.modules if name.startswith(('keywatch.report', 'keywatch_airflow.page.app'))])"
    )

    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip().endswith("[]")
