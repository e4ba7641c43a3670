"""What Airflow learns of the page through an entry point `airflow.plugins`.

Every process of Airflow imports this, workers too: the app is made when somebody first asks for a page.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from airflow.plugins_manager import AirflowPlugin

from keywatch_airflow.tracing import TASK_TRACE

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import Receive, Scope, Send

PREFIX: Final = "/keywatch"
"""Where the page is, below Airflow's own address."""


class LazyApp:
    """The page's app, made at its first request."""

    @cached_property
    def app(self) -> FastAPI:
        """The app itself."""
        from keywatch_airflow.page.app import create_app

        return create_app()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        await self.app(scope, receive, send)


class KeywatchPlugin(AirflowPlugin):
    """The page, and its place in Airflow's navigation; its addresses hold below any base path of Airflow's."""

    name = "keywatch"
    listeners: list[Any] = [TASK_TRACE]  # noqa: RUF012 - as Airflow declares it
    fastapi_apps: list[Any] = [{"name": "Keywatch", "app": LazyApp(), "url_prefix": PREFIX}]  # noqa: RUF012 - as Airflow declares it
    external_views: list[Any] = [  # noqa: RUF012 - as Airflow declares it
        {
            "name": "Access keys",
            "href": "keywatch/",
            "url_route": "access-keys",
            "destination": "nav",
            "nav_top_level": True,
            "icon": "keywatch/static/icon.svg",
            "icon_dark_mode": "keywatch/static/icon-dark.svg",
        }
    ]
