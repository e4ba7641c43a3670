"""Whole runs through the proxy, traced: the merged HAR has every call that the proxy saw, and no secret."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localcloud import LocalCloud, Paging
from localcloud.airflow_home import airflow, connections
from tests.airflow.conftest import Home, make_home
from tests.proxy import har
from tests.proxy.mitm import MITMDUMP, Exchange, Mitm
from tests.proxy.scanner import leaks, secrets_of

REPORT = "access_key_report"
ACTIVITY = "azure_activity_report"
AUDIT = {REPORT: "AWS_Access_Key_Audit_CL", ACTIVITY: "Azure_Subscription_Audit_CL"}


@dataclass(frozen=True)
class Traced:
    """A run that has ended, its trace, and what the proxy saw."""

    dag_id: str
    har: Path
    merged: str
    exchanges: list[Exchange]
    home: Home

    @property
    def document(self) -> dict[str, Any]:
        """The merged trace."""
        return dict(json.loads(self.har.read_text(encoding="utf-8")))


def behind(cloud: LocalCloud, mitm: Mitm) -> dict[str, dict[str, Any]]:
    """Return the local cloud's connections, led through the proxy."""
    found = connections(cloud)
    for connection in found.values():
        extra = connection.get("extra", {})
        if connection["conn_type"] == "aws":
            extra["verify"] = str(mitm.ca_bundle)
            extra["config_kwargs"]["proxies"] = {"https": mitm.url}
        elif "transport" in extra:
            extra["transport"] = {"proxy": mitm.url, "extra_ca_bundle": str(mitm.ca_bundle), "backoff": 0.2}
    return found


@pytest.fixture(scope="module")
def home(proxied_cloud: LocalCloud, running_proxy: Mitm, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Make an Airflow home whose connections lead through the proxy."""
    folder = tmp_path_factory.mktemp("proxied_home")
    made = make_home(folder / "home", proxied_cloud, behind(proxied_cloud, running_proxy))
    made.env["NO_PROXY"] = "localhost"  # and the metadata service, always
    return made


@pytest.fixture(scope="module", params=[REPORT, ACTIVITY])
def traced(request: pytest.FixtureRequest, home: Home, running_proxy: Mitm) -> Traced:
    """Run a DAG with `trace`, and merge what its tasks wrote."""
    dag_id, cloud = str(request.param), home.cloud
    cloud.reset()
    running_proxy.forget()
    cloud.set_paging("activity", Paging(size=20, empty_every=2))
    conf: dict[str, object] = {"trace": True}
    if dag_id == REPORT:
        conf |= {"organization": True, "role_name": cloud.aws.role_name, "copy_conn_id": "azure_data_collector_default"}
    finished = airflow(home.env, "dags", "test", dag_id, "-c", json.dumps(conf), capture_output=True)
    assert finished.returncode == 0, (finished.stdout + finished.stderr)[-4_000:]
    assert "trace" in finished.stdout + finished.stderr
    (run_id,) = {row["RunId_s"].removeprefix(f"{dag_id}/") for row in cloud.rows(AUDIT[dag_id])}
    out = home.path / f"{dag_id}.har"
    merged = keywatch(home, "har", "merge", dag_id, run_id, "--output", str(out))
    assert merged.returncode == 0, merged.stderr
    return Traced(dag_id, out, merged.stdout, running_proxy.exchanges(), home)


def keywatch(home: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Keywatch's own command."""
    command = [str(Path(home.env["PATH"].partition(":")[0]) / "keywatch"), *arguments]
    return subprocess.run(command, env=home.env, check=False, text=True, capture_output=True)


def test_trace_is_a_har_file(traced: Traced) -> None:
    """The merged trace passes the schema that other tools validate with."""
    assert har.errors(traced.document) == []


def test_schema_finds_what_is_wrong(traced: Traced) -> None:
    """The test above means something."""
    document = traced.document
    del document["log"]["entries"][0]["request"]["method"]
    document["log"]["entries"][1]["startedDateTime"] = "yesterday"

    wrong = har.errors(document)
    assert {error.partition(":")[0] for error in wrong} == {
        "$.log.entries[0].request",
        "$.log.entries[1].startedDateTime",
    }


def test_trace_has_every_call_that_the_proxy_saw(traced: Traced) -> None:
    """No call of any SDK is missing, and the pages of a list are there one by one."""
    seen = Counter((each.method, each.url, each.status) for each in traced.exchanges)

    missing = seen - har.calls(traced.document)

    assert missing == Counter()
    assert sum(seen.values()) > 40
    agents = {
        value for each in traced.exchanges for name, value in each.request_headers if name.lower() == "user-agent"
    }
    sdks = {"python-requests", "azsdk-python-keyvault-keys", "Boto3" if traced.dag_id == REPORT else "keywatch"}
    assert all(any(sdk in agent for agent in agents) for sdk in sdks), agents


def test_trace_groups_calls_by_task(traced: Traced) -> None:
    """Each task is a page, also one that asked nobody, and each call belongs to one."""
    log = traced.document["log"]
    pages = {page["id"]: page["title"] for page in log["pages"]}

    assert {entry["pageref"] for entry in log["entries"]} < set(pages)
    assert all(title.startswith(f"{traced.dag_id} / ") for title in pages.values())
    assert len(pages) == len(set(pages.values())) > 3


def test_trace_holds_no_secret(traced: Traced) -> None:
    """None of the tokens, assertions, signatures, keys and sessions that the proxy saw is in it, in no spelling."""
    secrets = secrets_of(traced.exchanges)
    cloud = traced.home.cloud
    secrets["access keys"] = {key.access_key_id for key in cloud.keys()}
    secrets["workspace keys"] = {cloud.workspace.shared_key, cloud.second_workspace.shared_key}
    raw = b"".join(each.request + each.response + repr(each.request_headers).encode() for each in traced.exchanges)

    assert leaks(traced.har.read_bytes(), secrets) == []
    assert {"authorization", "client_assertion", "access_token", "value"} <= set(secrets)
    if traced.dag_id == REPORT:
        assert {"SecretAccessKey", "SessionToken", "secretAccessKey", "x-amz-security-token"} <= set(secrets)
    assert set(leaks(raw, secrets)) >= set(secrets) - {"workspace keys", "access keys"}, "they are found where they are"


def test_traces_of_tasks_hold_no_secret_either(traced: Traced) -> None:
    """Nor is one in what the tasks left in the staging area, or in Airflow's logs and database."""
    secrets = secrets_of(traced.exchanges)
    temporary = {"authorization", "client_assertion", "access_token", "signature", "value"}
    secrets = {kind: values for kind, values in secrets.items() if kind in temporary}

    assert {path.name: found for path, content in traced.home.files() if (found := leaks(content, secrets))} == {}


def test_command_says_what_the_trace_amounts_to(traced: Traced) -> None:
    """How many tasks and requests there are, and what was asked of each host."""
    hosts = {each.url.split("/")[2] for each in traced.exchanges}

    assert "tasks" in traced.merged
    assert all(host in traced.merged for host in hosts)


def test_mitmproxy_itself_reads_the_trace(traced: Traced) -> None:
    """What others have written to read HAR files finds as many requests in it."""
    command = [str(MITMDUMP), "--no-server", "--rfile", str(traced.har), "--set", "flow_detail=1"]
    read = subprocess.run(command, check=False, text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)

    assert read.returncode == 0, read.stderr
    assert read.stdout.count("<<") >= len(traced.exchanges)
