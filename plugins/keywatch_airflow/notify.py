"""Tells somebody, by whatever notifier the deployment has chosen."""

from __future__ import annotations

import asyncio
import json
from importlib import import_module
from typing import Any

from airflow.sdk.bases.notifier import BaseNotifier
from airflow.sdk.configuration import conf
from airflow.sdk.definitions.context import Context

from keywatch.errors import ConfigurationError
from keywatch_airflow.settings import SECTION


class ConfiguredNotifier(BaseNotifier):
    """Hands on to the notifier that `[keywatch] notifier` names; does nothing if none is named.

    DAG files stay the same in every deployment, and nothing is looked up when they are parsed.
    """

    def notify(self, context: Context) -> None:
        """Notify.

        Raises:
            ConfigurationError: The notifier or its arguments are not usable.
        """
        if notifier := self._configured():
            notifier(context)

    async def async_notify(self, context: Context) -> None:
        """Notify from an event loop, such as the triggerer's; a notifier that cannot is called in a thread.

        Raises:
            ConfigurationError: The notifier or its arguments are not usable.
        """
        notifier = self._configured()
        if notifier is None:
            return
        if type(notifier).async_notify is BaseNotifier.async_notify:
            await asyncio.to_thread(notifier, context)
        else:
            notifier.context = context
            await notifier

    def _configured(self) -> BaseNotifier | None:
        name = conf.get(SECTION, "notifier", fallback="")
        if not name:
            self.log.info("Nobody is notified: [keywatch] notifier names no notifier.")
            return None
        return make_notifier(name, conf.get(SECTION, "notifier_arguments", fallback="{}"))


def make_notifier(name: str, arguments: str) -> BaseNotifier:
    """Make a notifier.

    Args:
        name: Its class, as a dotted path.
        arguments: Its arguments, a JSON object; Airflow renders the fields that the notifier declares as templates.

    Raises:
        ConfigurationError: There is no such class, it is no notifier, or it does not take these arguments.
    """
    try:
        module, _, kind_name = name.rpartition(".")
        kind: Any = getattr(import_module(module), kind_name)
        notifier = kind(**json.loads(arguments or "{}"))
    except (AttributeError, ImportError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"[keywatch] notifier = {name} cannot be made: {error}. Correct it, or notifier_arguments, in Airflow's "
            "configuration."
        ) from error
    if not isinstance(notifier, BaseNotifier):
        raise ConfigurationError(f"[keywatch] notifier = {name} is no notifier of Airflow. Name one.")
    return notifier
