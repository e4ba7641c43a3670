"""docs/deploy.md and the values for Airflow's Helm chart, as far as they can be checked without a cluster."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import jsonschema
import yaml
from airflow.configuration import conf
from airflow.providers_manager import ProvidersManager
from cryptography.fernet import Fernet

from tests import compose

PAGE: Final = (compose.PROJECT / "docs/deploy.md").read_text(encoding="utf-8")
VALUES: Final = yaml.safe_load((compose.PROJECT / "include/infra/helm/values.yaml").read_text(encoding="utf-8"))

TEXT: Final = {"type": "string"}
TEXTS: Final = {"type": "object", "additionalProperties": TEXT}
SCALARS: Final = {"type": "object", "additionalProperties": {"type": ["boolean", "integer", "number", "string"]}}


def closed(**properties: object) -> dict[str, Any]:
    """Describe an object that has these properties and no other."""
    return {"type": "object", "additionalProperties": False, "properties": properties}


CHART: Final = closed(
    executor=TEXT,
    airflowVersion=TEXT,
    images=closed(airflow=closed(repository=TEXT, tag=TEXT)),
    fernetKeySecretName=TEXT,
    apiSecretKeySecretName=TEXT,
    jwtSecretName=TEXT,
    data=closed(metadataSecretName=TEXT),
    secret={
        "type": "array",
        "items": closed(envName=TEXT, secretName=TEXT, secretKey=TEXT) | {"required": ["envName", "secretName"]},
    },
    postgresql=closed(enabled={"type": "boolean"}),
    createUserJob=closed(defaultUser=closed(enabled={"type": "boolean"})),
    config={"type": "object", "additionalProperties": SCALARS},
    labels=TEXTS,
    workers=closed(serviceAccount=closed(annotations=TEXTS)),
)
"""What the chart's own schema and reference say of the values that are used here."""


def block(name: str) -> str:
    """Return the fenced block that follows a marker."""
    match = re.search(rf"<!-- {name} -->\n```\w*\n(.*?)```", PAGE, re.DOTALL)
    assert match, name
    return match[1]


def settings() -> dict[str, dict[str, str]]:
    """Return the settings of the page, by section."""
    parser = configparser.ConfigParser()
    parser.read_string(block("settings"))
    return {section: dict(parser[section]) for section in parser.sections()}


def composed() -> dict[str, str]:
    """Return the settings of docker-compose.yaml's worker."""
    names = set(re.findall(r"^(\w+)=", block("env"), re.MULTILINE)) - {"PARALLELISM"}
    given = dict.fromkeys(names, "given")
    return dict(compose.read(given)["services"]["worker"]["environment"])


def test_values_fit_the_chart() -> None:
    """Every value has the name and type that the chart knows."""
    jsonschema.validate(VALUES, CHART)


def test_values_name_secrets_and_hold_none() -> None:
    """The secrets that the values name are those that the page makes, with the keys that the chart reads."""
    made = set(re.findall(r"create secret generic (\S+) --from-literal=([\w-]+)=", block("secrets")))
    assert made == {
        (VALUES["fernetKeySecretName"], "fernet-key"),
        (VALUES["apiSecretKeySecretName"], "api-secret-key"),
        (VALUES["jwtSecretName"], "jwt-secret"),
        (VALUES["data"]["metadataSecretName"], "connection"),
        ("keywatch-report", "connection"),
    }
    assert {(each["secretName"], each["secretKey"]) for each in VALUES["secret"]} <= made
    assert set(re.findall(r"--from-literal=[\w-]+=(\S+)", block("secrets"))) == {
        f'"${{{name}:?}}"' for name in ("FERNET_KEY", "API_SECRET_KEY", "JWT_SECRET", "DATABASE_URL", "REPORT_URI")
    }


def test_values_run_what_compose_runs() -> None:
    """Both deploy one version, folders, session factory and number of retries."""
    same = ("core.dags_folder", "core.plugins_folder", "core.load_examples", "core.default_task_retries")
    theirs = composed()
    for name in (*same, "aws.session_factory"):
        section, option = name.split(".")
        assert str(VALUES["config"][section][option]) == theirs[f"AIRFLOW__{section}__{option}".upper()]
    dockerfile = (compose.PROJECT / "Dockerfile").read_text(encoding="utf-8")
    assert f"apache/airflow:{VALUES['airflowVersion']}-" in dockerfile


def test_every_setting_exists() -> None:
    """Each option of the page and of the values is one that Airflow, a provider or Keywatch has."""
    ProvidersManager().initialize_providers_configuration()  # type: ignore[no-untyped-call]
    named = [
        (section, option) for each in (settings(), VALUES["config"]) for section in each for option in each[section]
    ]
    described = conf.configuration_description
    assert [pair for pair in named if pair[1] not in described.get(pair[0], {}).get("options", {})] == []
    assert len(named) > 10


def test_page_sets_what_compose_sets() -> None:
    """Who installs it into an Airflow of their own is told the settings that compose makes."""
    theirs = composed()
    for section, options in settings().items():
        for option, value in options.items():
            name = f"AIRFLOW__{section}__{option}".upper()
            assert name in theirs
            assert theirs[name] in (value, "given")


def test_page_s_environment_starts_the_cluster(tmp_path: Path) -> None:
    """The page's commands write an .env, for nobody else to read, with which compose is content."""
    commands = block("env").split("docker compose")[0]
    subprocess.run(["/bin/bash", "-euc", commands], cwd=tmp_path, check=True)
    file = tmp_path / ".env"
    given = dict(line.split("=", 1) for line in file.read_text(encoding="utf-8").splitlines())

    assert compose.read(given)["services"]
    Fernet(given["FERNET_KEY"])
    assert min(len(given[name]) for name in given.keys() - {"KEYWATCH_STAGING", "PARALLELISM"}) >= 44
    assert file.stat().st_mode & 0o077 == 0


def test_as_much_is_started_as_workers_run() -> None:
    """By default one worker runs all that the scheduler starts; the page gives two workers twice as much."""
    theirs = composed()
    assert theirs["AIRFLOW__CORE__PARALLELISM"] == theirs["AIRFLOW__CELERY__WORKER_CONCURRENCY"]
    workers = int(re.findall(r"--scale worker=(\d+)", block("env"))[0])
    wanted = workers * int(theirs["AIRFLOW__CELERY__WORKER_CONCURRENCY"])
    assert f"\nPARALLELISM={wanted}\n" in block("env")


def test_page_explains_every_variable() -> None:
    """The table of variables names those that docker-compose.yaml takes."""
    text = (compose.PROJECT / "docker-compose.yaml").read_text(encoding="utf-8")
    table = PAGE.split("| variable | what it is |")[1].split("\n\n")[0]
    explained = {
        name for cell in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE) for name in cell.strip("`").split("`, `")
    }
    assert explained == set(re.findall(r"(?<!\$)\$\{(\w+):", text))


def test_page_names_airflow_s_own_defaults() -> None:
    """The times after which a dead worker's tasks come back are Airflow's, which compose leaves alone."""
    theirs = composed()
    for option in ("task_instance_heartbeat_timeout", "task_queued_timeout"):
        default = float(conf.configuration_description["scheduler"]["options"][option]["default"])
        assert f"`[scheduler] {option}` ({default:.0f} s)" in PAGE
        assert f"AIRFLOW__SCHEDULER__{option}".upper() not in theirs


def test_files_to_copy_exist() -> None:
    """The DAG files that the page copies are there, and what they import is installed by the page's command."""
    words = shlex.split(block("install"))
    files = [word for word in words if word.startswith("dags/")]
    assert files
    assert [file for file in files if not (compose.PROJECT / file).is_file()] == []
    assert words[:5] == ["pip", "install", "--constraint", "constraints.txt", "."]


def test_airflow_knows_keywatch(tmp_path: Path) -> None:
    """The commands by which the page lets one see that it is there say so, with the page's settings."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "airflow.cfg").write_text(block("settings"), encoding="utf-8")
    env = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    env |= {"AIRFLOW_HOME": str(home), "PATH": f"{compose.PROJECT / '.venv/bin'}:{env['PATH']}"}
    commands = re.findall(r"`(airflow [^`]+)`", PAGE.rsplit("\n\n", 1)[1])
    said = [subprocess.run(shlex.split(each), env=env, capture_output=True, text=True, check=True) for each in commands]

    assert f"keywatch | {version('keywatch')}" in said[0].stdout
    assert said[1].stdout.strip() == settings()["keywatch"]["staging"]
