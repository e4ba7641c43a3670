"""The local cloud as a process: how it starts, is attached to, keeps its secrets and ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from localcloud import Fault, FaultKind, LocalCloud, LocalCloudError, Seed
from localcloud.model import State, from_json, utc_moment
from tests.localcloud.conftest import Aws, Collector

SMALL = Seed(accounts=1, users=10)


def is_running(pid: int) -> bool:
    """Tell whether a process is there and not a zombie."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int, seconds: float = 15.0) -> bool:
    """Wait until a process has ended."""
    deadline = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not is_running(pid)


def test_cloud_ends_with_its_context(tmp_path: Path) -> None:
    """Leaving the context ends the process and removes its state file and private keys."""
    with LocalCloud(tmp_path, SMALL) as cloud:
        pid = cloud.pid
        assert is_running(pid)

    assert wait_until_gone(pid)
    assert not (tmp_path / "localcloud.json").exists()
    assert not [file.name for file in tmp_path.iterdir() if file.suffix in (".pem", ".pfx") and file.name != "ca.pem"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_cloud_ends_when_its_parent_dies(tmp_path: Path, how: signal.Signals) -> None:
    """When the parent is killed, the process it started ends by itself."""
    code = (
        "import time; from pathlib import Path; from localcloud import LocalCloud, Seed\n"
        f"cloud = LocalCloud(Path({str(tmp_path)!r}), Seed(accounts=1, users=10)); cloud.start()\n"
        "print(cloud.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_running(pid)
        parent.send_signal(how)

    assert wait_until_gone(pid)


def test_served_cloud_ends_at_a_signal(tmp_path: Path) -> None:
    """`serve` prints one line when ready, can be attached to, and ends with status 0 at SIGTERM."""
    command = [sys.executable, "-m", "localcloud", "serve", "--state", str(tmp_path), "--seed", '{"users": 5}']
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("Local cloud ready: proxy http://127.0.0.1:")
        assert len(LocalCloud.attach(tmp_path).users()) == 5
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) == 0


def test_failure_to_start_is_told(tmp_path: Path) -> None:
    """If the process ends before it is ready, the error holds what it said."""
    with (
        LocalCloud(tmp_path / "a", SMALL) as first,
        pytest.raises(LocalCloudError, match=r"ended before it was ready.*(?s:.*)address already in use"),
        LocalCloud(tmp_path / "b", SMALL, port=int(first.proxy_url.rpartition(":")[2])),
    ):
        pass


def test_nothing_to_attach_to_is_told(tmp_path: Path) -> None:
    """Attaching where no cloud runs says how to start one."""
    with pytest.raises(LocalCloudError, match="python -m localcloud serve"):
        LocalCloud.attach(tmp_path)


def test_unstarted_cloud_says_so() -> None:
    """A cloud that was not started has no addresses."""
    with pytest.raises(LocalCloudError, match="not running"):
        _ = LocalCloud().proxy_url


def test_state_is_for_its_owner_alone(cloud: LocalCloud) -> None:
    """The state file, which holds secrets, can be read by its owner only."""
    assert (cloud.state_dir / "localcloud.json").stat().st_mode & 0o777 == 0o600


def test_no_private_key_but_the_workers_own_is_on_disk(cloud: LocalCloud) -> None:
    """No file of the state holds a private key, but the one that plays a worker's own, for its owner alone."""
    assert b"BEGIN CERTIFICATE" in cloud.ca_bundle.read_bytes()
    with_key = [file for file in cloud.state_dir.iterdir() if b"PRIVATE KEY" in file.read_bytes()]

    assert with_key == [cloud.azure.pem_file]
    for file in (cloud.azure.pem_file, cloud.azure.pfx_file, cloud.azure.federated_token_file):
        assert file.stat().st_mode & 0o777 == 0o600


def test_secrets_are_in_no_repr_or_log(cloud: LocalCloud, aws: Aws, collector: Collector) -> None:
    """Secret keys, signatures, tokens and session tokens show in no repr, request log or server log."""
    credentials = aws.assume(cloud.aws.account_ids[1])
    aws.client("iam", credentials).list_users()
    collector.send([{"x": 1}])
    state = State.load((cloud.state_dir / "localcloud.json").read_text())
    shown = repr([state, cloud, cloud.aws, cloud.azure, cloud.workspace, cloud.requests()])
    shown += (cloud.state_dir / "localcloud.log").read_text()
    for secret in (
        str(cloud.aws.secret_access_key),
        cloud.workspace.shared_key,
        state.control_token,
        credentials.secret,
        str(credentials.token),
        cloud.azure.pfx_passphrase,
        cloud.azure.identity_header,
        "Signature=",
        "SharedKey ",
    ):
        assert secret not in shown


@pytest.mark.parametrize("authorization", [None, "Bearer ", "Bearer x", "Basic x", "Bearer \u00e9"])
def test_control_needs_its_token(cloud: LocalCloud, authorization: str | None) -> None:
    """Without the token the control interface does nothing."""
    state = State.load((cloud.state_dir / "localcloud.json").read_text())
    headers = {} if authorization is None else {"Authorization": authorization}
    request = urllib.request.Request(f"{state.control_url}/truth", headers=headers)  # noqa: S310
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    with pytest.raises(urllib.error.HTTPError) as caught:
        opener.open(request, timeout=10)
    with caught.value as answer:
        assert answer.code == 401


def test_reset_brings_everything_back(cloud: LocalCloud, aws: Aws, collector: Collector) -> None:
    """A reset restores users and keys, and forgets rows, requests and faults, within a second."""
    truth, tables = cloud.keys(), cloud.tables()
    user = cloud.users(cloud.aws.account_ids[0])[1]
    cloud.delete_user(user.account, user.name)
    collector.send([{"x": 1}])
    cloud.inject(Fault(FaultKind.THROTTLE, count=None))
    started = time.monotonic()
    cloud.reset()

    assert time.monotonic() - started < 1
    assert (cloud.tables(), cloud.requests(), cloud.fault_hits()) == (tables, [], [])
    assert truth == cloud.keys()
    assert aws.client("iam").list_access_keys(UserName=user.name)


def shown_date(cloud: LocalCloud, url: str) -> datetime:
    """Read the Date of an answer."""
    proxies = {"https": cloud.proxy_url}
    answer = requests.get(url, proxies=proxies, verify=str(cloud.ca_bundle), timeout=30)
    return parsedate_to_datetime(answer.headers["Date"])


@pytest.mark.parametrize("seconds", [7200, -400])
def test_clock_of_all_answers_can_be_off(cloud: LocalCloud, seconds: int) -> None:
    """The Date of every answer is off by as much as it is told to be, until a reset; nothing else is."""
    urls = ("https://management.azure.com/subscriptions", "https://iam.amazonaws.com/")
    cloud.set_clock_offset(seconds)

    for url in urls:
        assert abs((shown_date(cloud, url) - datetime.now(UTC)).total_seconds() - seconds) < 5
    assert abs((utc_moment(cloud.requests()[-1].time) - datetime.now(UTC)).total_seconds()) < 5
    cloud.reset()
    assert abs((shown_date(cloud, urls[0]) - datetime.now(UTC)).total_seconds()) < 5


def test_requests_can_be_filtered(cloud: LocalCloud, aws: Aws) -> None:
    """The request log is read by field; an unknown field is refused."""
    aws.client("iam").list_users()
    aws.client("iam").list_access_keys(UserName=cloud.users()[0].name)

    assert [each.action for each in cloud.requests(action="ListUsers")] == ["ListUsers"]
    assert len(cloud.requests(user=cloud.users()[0].name)) == 1
    assert len(cloud.requests(host="iam.amazonaws.com", status=200)) == 2
    with pytest.raises(LocalCloudError, match="cannot be filtered by colour"):
        cloud.requests(colour="blue")
    cloud.clear_requests()
    assert cloud.requests() == []


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "explode"},
        {"kind": "throttle", "colour": "blue"},
        {"kind": "vanish"},
        {"kind": "throttle", "count": 0},
        {"kind": "delay", "seconds": -1},
        {"kind": "status", "status": 100},
        {},
    ],
)
def test_fault_that_makes_no_sense_is_refused(values: dict[str, Any]) -> None:
    """A fault of an unknown kind or field, or with impossible numbers, is refused."""
    with pytest.raises(ValueError, match=r"."):
        from_json(Fault, values)


def run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of the local cloud."""
    return subprocess.run(
        [sys.executable, "-m", "localcloud", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=cwd,
    )


def test_commands_ask_a_running_cloud(cloud: LocalCloud, collector: Collector) -> None:
    """`query` prints rows and `requests` the log, as JSON lines."""
    collector.send([{"user": "Zoë"}])
    state = str(cloud.state_dir)
    rows = run("query", "Test_CL | project user_s", "--state", state)
    log = run("requests", "status=200", "--state", state)

    assert [json.loads(line) for line in rows.stdout.splitlines()] == [{"user_s": "Zoë"}]
    assert [json.loads(line)["action"] for line in log.stdout.splitlines()] == ["POST /api/logs"]


@pytest.mark.parametrize("arguments", [("query", "Nothing_CL"), ("requests", "colour=blue"), ("requests", "x")])
def test_commands_say_what_is_wrong(cloud: LocalCloud, arguments: tuple[str, ...]) -> None:
    """A command that cannot be carried out ends with status 1 and one line on standard error."""
    done = run(*arguments, "--state", str(cloud.state_dir))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("localcloud: ")


def test_import_is_cheap() -> None:
    """Importing the client imports none of what plays the services."""
    code = (
        "import sys, localcloud; print(sorted({'moto', 'boto3', 'botocore', 'requests', 'trustme'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == "[]"


def test_environment_does_not_change_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings for AWS and moto in the environment, and proxies, do not reach the cloud."""
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "123456789012")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with LocalCloud(tmp_path, SMALL) as cloud:
        aws = Aws(cloud)

        assert cloud.aws.account_id == aws.client("sts").get_caller_identity()["Account"]
    assert os.environ["HTTP_PROXY"]
