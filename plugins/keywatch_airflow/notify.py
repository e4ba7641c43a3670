"""Tells somebody, by whatever notifier the deployment has chosen."""

from __future__ import annotations

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
        name = conf.get(SECTION, "notifier", fallback="")
        if name:
            make_notifier(name, conf.get(SECTION, "notifier_arguments", fallback="{}"))(context)
        else:
            self.log.info("Nobody is notified: [keywatch] notifier names no notifier.")


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
