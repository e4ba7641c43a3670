"""What Airflow learns of Keywatch, as Airflow itself reads it."""

from __future__ import annotations

import json
from datetime import timedelta
from importlib import import_module
from importlib.metadata import entry_points
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager
from airflow.sdk.configuration import conf
from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

from keywatch.log_analytics.data_collector import LOG_TYPE
from keywatch.transport.hosts import AZURE_CLOUDS
from keywatch_airflow.hooks.data_collector import DataCollectorHook
from keywatch_airflow.provider import get_provider_info
from keywatch_airflow.settings import staging, staging_retention
from tests.keywatch_airflow.home import AIRFLOW_HOME

CONNECTION_TYPES = get_provider_info()["connection-types"]


def providers_manager() -> ProvidersManager:
    """Return what Airflow's servers ask about providers."""
    return ProvidersManager()  # type: ignore[no-untyped-call]


def schema(name: str) -> dict[str, Any]:
    """Read one of the schemas that Airflow is shipped with."""
    found: dict[str, Any] = json.loads(files("airflow").joinpath(name).read_text(encoding="utf-8"))
    return found


def conn_fields(connection_type: str) -> dict[str, Any]:
    """Return the own fields of a connection type's form."""
    (found,) = (each["conn-fields"] for each in CONNECTION_TYPES if each["connection-type"] == connection_type)
    return dict(found)


def test_provider_info_fits_the_schema_that_airflow_checks() -> None:
    """The provider's description is what Airflow accepts at run time."""
    jsonschema.validate(get_provider_info(), schema("provider_info.schema.json"))


@pytest.mark.parametrize("part", sorted(get_provider_info()))
def test_provider_info_fits_the_stricter_schema_of_provider_yaml(part: str) -> None:
    """Every part of the description is one that a provider.yaml may have, and fits its schema there."""
    whole = schema("provider.yaml.schema.json")
    assert part in whole["properties"]

    jsonschema.validate({part: get_provider_info()[part]}, {k: v for k, v in whole.items() if k != "required"})


def test_provider_is_found_through_its_entry_point() -> None:
    """Airflow knows the provider by the installed entry point, word for word."""
    (entry_point,) = entry_points(group="apache_airflow_provider", module="keywatch_airflow.provider")

    assert get_provider_info is entry_point.load()
    assert get_provider_info().items() <= dict(providers_manager().providers["keywatch"].data).items()


@pytest.mark.parametrize("described", CONNECTION_TYPES, ids=lambda described: described["connection-type"])
def test_connection_type_says_what_its_hook_says(described: dict[str, Any]) -> None:
    """Connection type, hook name and class agree between the description and the hook; the form can be tested."""
    module, _, name = described["hook-class-name"].rpartition(".")
    hook = getattr(import_module(module), name)

    manager = ProvidersManagerTaskRuntime()  # type: ignore[no-untyped-call]
    info = manager.hooks[described["connection-type"]]

    assert (hook.conn_type, hook.hook_name) == (described["connection-type"], described["hook-name"])
    assert info is not None
    assert (hook.conn_type, hook.hook_name, True) == (info.connection_type, info.hook_name, info.connection_testable)
    assert hook.conn_name_attr == info.connection_id_attribute_name


def test_data_collector_form_relabels_what_it_uses_and_hides_the_rest() -> None:
    """The form asks for workspace id and shared key by name, and hides what the hook does not read."""
    (shown,) = (
        each
        for each in providers_manager().iter_connection_type_hook_ui_metadata()
        if each.connection_type == DataCollectorHook.conn_type
    )

    behaviour = shown.field_behaviour
    assert behaviour is not None
    jsonschema.validate(behaviour, schema("customized_form_field_behaviours.schema.json"))
    assert behaviour["hidden_fields"] == ["schema", "port", "extra"]
    assert {"login", "password", "host"} == set(behaviour["relabeling"]) == set(behaviour["placeholders"])


def test_data_collector_form_has_a_widget_per_extra() -> None:
    """Airflow makes a form field, with a title and a description, of each extra that the hook reads."""
    # What the API server makes the form of; its public twin imports every hook of every provider.
    widgets = providers_manager()._connection_form_widgets_from_metadata

    ours = {name: widget for name, widget in widgets.items() if "azure_data_collector" in name}
    expected = {
        *("key_secret", "vault_identity", "vault_identity_client_id"),
        *(f"{table}log_type" for table in ("", "audit_", "finding_", "deactivation_", "certificate_")),
        *(f"{table}log_type" for table in ("activity_", "virtual_machine_", "subscription_")),
        *("cloud", "transport", "lab"),
    }
    assert {f"extra__azure_data_collector__{name}" for name in expected} == set(ours)
    assert all(widget.field["description"] and widget.field["schema"]["title"] for widget in ours.values())


def test_form_fields_allow_what_the_library_allows() -> None:
    """The form offers the clouds that there are, and takes the log types that the service takes."""
    fields = conn_fields("azure_data_collector")

    assert list(AZURE_CLOUDS) == fields["cloud"]["schema"]["enum"]
    assert {f"^{LOG_TYPE.pattern}$"} == {
        fields[name]["schema"]["pattern"] for name in ("log_type", "audit_log_type", "certificate_log_type")
    }


def test_settings_have_their_defaults_without_any_configuration() -> None:
    """Section [keywatch] works as installed: staging below Airflow's home, kept for a week, no laboratory."""
    assert f"file://{AIRFLOW_HOME}/keywatch" == str(staging())
    assert timedelta(days=7) == staging_retention()
    assert conf.getboolean("keywatch", "allow_lab") is False


def test_setting_that_may_hold_a_password_is_hidden() -> None:
    """Airflow's configuration page does not show a proxy's password."""
    assert ("keywatch", "transport") in conf.sensitive_config_values


def test_settings_are_all_described() -> None:
    """Every option of section [keywatch] has a description, a type and the version that brought it."""
    options = get_provider_info()["config"]["keywatch"]["options"]

    assert set(options) == {
        *("staging", "staging_retention_days", "notifier", "notifier_arguments"),
        *("policy", "owners", "report_database", "report_deadline_hours", "transport", "allow_lab"),
    }
    assert all(option["description"] and option["type"] and option["version_added"] for option in options.values())
