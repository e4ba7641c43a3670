"""docker-compose.yaml and Dockerfile, as a compose implementation that needs no docker reads them."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any, Final

import pytest
from airflow.configuration import conf
from airflow.providers_manager import ProvidersManager

from localcloud import LocalCloud
from localcloud.airflow_home import connections
from localcloud.handover import hand_over
from tests import compose
from tests.cluster import cluster as test_cluster

VARIABLES: Final = {
    **dict.fromkeys(("FERNET_KEY", "JWT_SECRET", "API_SECRET_KEY"), "given"),
    "POSTGRES_PASSWORD": "databasepassword",
    "REDIS_PASSWORD": "redispassword",
    "KEYWATCH_STAGING": "s3://aws_default@bucket/keywatch",
}
CLUSTER: Final = {
    *("postgres", "redis", "migrate", "api-server", "scheduler", "dag-processor", "triggerer", "worker"),
}
LOCAL: Final = {
    "local": "api-server",
    "local-scheduler": "scheduler",
    "local-dag-processor": "dag-processor",
    "local-triggerer": "triggerer",
    "local-worker": "worker",
}
"""The services of profile `local`, each with the one that it is on the local cloud."""
DOCKERFILE: Final = (compose.PROJECT / "Dockerfile").read_text(encoding="utf-8")
PINS: Final = dict(
    re.findall(r"^([\w.-]+)==([\w.]+)", (compose.PROJECT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
)

Services = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def services() -> Services:
    """Give the services without any profile."""
    return dict(compose.read(VARIABLES)["services"])


@pytest.fixture(scope="module")
def local() -> Services:
    """Give the services with profile `local`."""
    return dict(compose.read(VARIABLES, ["local"])["services"])


@pytest.fixture(scope="module")
def portal() -> Services:
    """Give the services with profile `portal`."""
    return dict(compose.read(VARIABLES, ["portal"])["services"])


def test_profile_adds_the_portal(services: Services, portal: Services) -> None:
    """Profile `portal` adds web app and API, which know none of Airflow's secrets but the store, and alter nothing."""
    added = {name: portal[name] for name in set(portal) - CLUSTER}
    assert {name: portal[name] for name in CLUSTER} == services
    assert {name: service["command"][:4] for name, service in added.items()} == {
        f"portal-{app}": ["python", "-m", "keywatch.portal", app] for app in ("web", "api")
    }
    assert added["portal-web"]["ports"] == ["127.0.0.1:8090:8090", "127.0.0.1:8091:8091"]
    assert added["portal-api"]["network_mode"] == "service:portal-web"
    assert all("healthcheck" in service and service["read_only"] for service in added.values())
    assert all(name.startswith("KEYWATCH_PORTAL_") for service in added.values() for name in service["environment"])
    assert "KEYWATCH_PORTAL_SESSIONS" not in added["portal-api"]["environment"]
    secrets = set(VARIABLES.values())
    assert not any(secret in str(service) for service in added.values() for secret in secrets)


def test_profile_adds_the_local_cloud(services: Services, local: Services) -> None:
    """Without a profile there is the cluster alone; profile `local` adds its own, and alters nothing of it."""
    assert set(services) == CLUSTER
    assert set(local) == CLUSTER | set(LOCAL) | {"localcloud", "local-migrate"}
    assert {name: local[name] for name in CLUSTER} == services


@pytest.mark.parametrize("missing", VARIABLES)
@pytest.mark.parametrize("given", [{}, {"": ""}], ids=["unset", "empty"])
def test_required_variables_are_required(missing: str, given: dict[str, str]) -> None:
    """Without any one of its variables, or with an empty one, nothing starts, and its name is said."""
    variables = {name: value for name, value in VARIABLES.items() if name != missing}
    variables |= dict.fromkeys([missing] * len(given), "")
    with pytest.raises(compose.ComposeError, match=rf"variable {missing} "):
        compose.read(variables)


def test_file_holds_no_secret() -> None:
    """Whatever is secret comes from the environment: only how much runs at once, and where files are, have defaults."""
    text = (compose.PROJECT / "docker-compose.yaml").read_text(encoding="utf-8")
    used = set(re.findall(r"(?<!\$)\$\{(\w+)(:.)", text))
    optional = ("WORKER_CONCURRENCY", "PARALLELISM", "KEYWATCH_POLICY", "KEYWATCH_OWNERS", "KEYWATCH_PORTAL_CONFIG")
    portal = ("KEYWATCH_PORTAL_STORE", "KEYWATCH_PORTAL_SESSIONS")
    assert used == {(name, ":?") for name in VARIABLES} | {(name, ":-") for name in (*optional, *portal)}


def test_every_service_has_a_health_check(local: Services) -> None:
    """Docker learns of every service that goes on whether it is well."""
    once = {"migrate", "local-migrate"}
    assert {name for name, service in local.items() if "healthcheck" not in service} == once
    assert {name for name, service in local.items() if service["restart"] == "no"} == once


def test_no_port_is_open_to_others(local: Services) -> None:
    """Only the API servers can be reached from outside, and only from this machine."""
    ports = {name: service["ports"] for name, service in local.items() if "ports" in service}
    assert ports == {"api-server": ["127.0.0.1:8080:8080"], "localcloud": ["127.0.0.1:8081:8080"]}


def test_images_are_built_from_the_pins(local: Services) -> None:
    """All but PostgreSQL and Redis run the official image of the pinned Airflow with our pins, or that with more."""
    built = {
        name: (service["image"], service["build"]["target"]) for name, service in local.items() if "build" in service
    }
    here = version("keywatch")
    assert set(local) - set(built) == {"postgres", "redis"}
    assert {built[name] for name in CLUSTER & set(built)} == {(f"keywatch:{here}", "keywatch")}
    assert {built[name] for name in set(built) - CLUSTER} == {(f"keywatch-local:{here}", "local")}
    assert re.findall(r"^FROM (\S+) AS (\w+)$", DOCKERFILE, re.MULTILINE) == [
        (f"apache/airflow:{PINS['apache-airflow']}-python3.12", "keywatch"),
        ("keywatch", "local"),
    ]
    assert "--constraint /opt/keywatch/constraints.txt --editable '/opt/keywatch[celery]'" in DOCKERFILE
    assert "--constraint constraints.txt --group localcloud" in DOCKERFILE


def test_image_with_the_local_cloud_has_what_it_imports() -> None:
    """The local cloud needs nothing that the image of profile `local` does not install."""
    project = tomllib.loads((compose.PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    direct = (compose.PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    installed = {re.split(r"[\[<>=]", each)[0] for each in (*direct, *project["dependency-groups"]["localcloud"])}
    imported = {
        name
        for file in (compose.PROJECT / "include/localcloud").rglob("*.py")
        for name in re.findall(r"^\s*(?:from|import) (\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    owners = packages_distributions()
    needed = {name: {each.lower() for each in owners[name]} for name in imported & set(owners) - {"localcloud"}}
    assert "moto" in needed
    assert {name for name, distributions in needed.items() if not installed & distributions} == set()


def test_installed_packages_are_the_pinned_ones() -> None:
    """What `make test-cluster` runs is what the image installs."""
    names = ("apache-airflow", "apache-airflow-providers-celery", "celery", "kombu", "redis", "psycopg")
    assert {name: version(name) for name in names} == {name: PINS[name] for name in names}


def test_every_setting_exists(services: Services) -> None:
    """Each AIRFLOW__ variable names an option that Airflow, a provider or Keywatch has."""
    ProvidersManager().initialize_providers_configuration()  # type: ignore[no-untyped-call]
    unknown = {
        name
        for service in services.values()
        for name in service.get("environment", {})
        if name.startswith("AIRFLOW__") and not known(*name.removeprefix("AIRFLOW__").lower().split("__"))
    }
    assert unknown == set()


def known(section: str, option: str) -> bool:
    """Tell whether Airflow's configuration describes an option."""
    return option in conf.configuration_description.get(section, {}).get("options", {})


def test_tokens_are_signed_by_two_services_alone(services: Services) -> None:
    """The key that signs tasks' tokens is known to API server and scheduler, and not to workers."""
    assert {name for name, service in services.items() if "JWT_SECRET" in str(service.get("environment"))} == {
        *("api-server", "scheduler")
    }


def test_report_store_is_beside_airflow_s_own_tables(local: Services) -> None:
    """Whatever runs Airflow's code has the connection of the report store: Airflow's own database, as a URI."""
    for service in local.values():
        settings = service.get("environment", {})
        if database := settings.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"):
            assert settings["AIRFLOW_CONN_KEYWATCH_REPORT"] == database.replace("+psycopg", "")
    assert all("AIRFLOW_CONN_KEYWATCH_REPORT" in local[name]["environment"] for name in (*LOCAL, *LOCAL.values()))


def test_redis_outlives_a_task(services: Services) -> None:
    """Redis does not hand a task out again while it may still run."""
    environment = services["worker"]["environment"]
    visible = int(environment["AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"])
    dag = (compose.PROJECT / "dags/access_key_report.py").read_text(encoding="utf-8")
    [hours] = re.findall(r"execution_timeout\": timedelta\(hours=(\d+)\)", dag)
    assert visible > int(hours) * 3600


def test_cluster_alters_nothing_but_what_it_names(services: Services, tmp_path: Path, cloud: LocalCloud) -> None:
    """`make test-cluster` runs the services' own commands and settings; what it adds is none of theirs but one."""
    added = {**test_cluster.SHORT_CLOCKS, **test_cluster.AS_ONE_MACHINE}
    cluster = test_cluster.Cluster(tmp_path, cloud)
    for machine, name in test_cluster.MACHINES.items():
        settings, theirs = cluster.environment(machine), services[name]["environment"]
        assert set(added) & set(theirs) == set()
        assert set(test_cluster.ALTERED) <= set(theirs)
        assert set(theirs) <= set(settings)
        for setting in set(theirs) - set(test_cluster.ALTERED):
            if not re.search(r"://|given|/opt/|CONCURRENCY|PARALLELISM", f"{setting}{theirs[setting]}"):
                assert settings[setting] == theirs[setting]
    assert set(test_cluster.MACHINES.values()) | {"postgres", "redis", "migrate"} == CLUSTER


@pytest.mark.parametrize("name", LOCAL)
def test_local_service_is_the_cluster_s_on_the_local_cloud(local: Services, name: str) -> None:
    """Each service of the profile runs the cluster's own command, in the local cloud's network, apart from its data."""
    mine, theirs = local[name], local[LOCAL[name]]
    *_, script = mine["command"]
    altered = {key for key, value in theirs["environment"].items() if mine["environment"][key] != value}

    assert mine["network_mode"] == "service:localcloud"
    assert script.endswith(f"/environment && exec {shlex.join(theirs['command'])}")
    assert mine["healthcheck"] == theirs["healthcheck"]
    assert altered == {
        "AIRFLOW__CELERY__BROKER_URL",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC",
        "AIRFLOW_CONN_KEYWATCH_REPORT",
    }
    assert set(mine["environment"]) - set(theirs["environment"]) <= {
        *("AIRFLOW__CORE__TEST_CONNECTION", "AIRFLOW__API_AUTH__JWT_SECRET")
    }


def test_local_cloud_hands_over_what_its_airflow_needs(cloud: LocalCloud) -> None:
    """The files for Airflow hold the local cloud's connections, identity and staging area."""
    hand_over(cloud.state_dir)
    written = (cloud.state_dir / "environment").read_text(encoding="utf-8")
    environment = dict(line.split("=", 1) for line in shlex.split(written))

    assert json.loads((cloud.state_dir / "connections.json").read_text(encoding="utf-8")) == connections(cloud)
    assert environment == cloud.identity_environment() | {
        "AIRFLOW__KEYWATCH__STAGING": f"s3://aws_default@{cloud.aws.bucket}/keywatch"
    }
