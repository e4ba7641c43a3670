"""`airflow dags test access_key_report`, as on a laptop."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from localcloud import LocalCloud, RequestRecord
from localcloud.airflow_home import airflow
from tests.airflow.conftest import DAG_ID, Home, make_home
from tests.expected import AUDIT_TABLE, KEYS_TABLE, expected_rows, stored

CHUNK_LIMIT = 20_000
PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")
JWT = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.([A-Za-z0-9_-]{8,})\.")


@dataclass(frozen=True)
class Finished:
    """A finished `airflow dags test`, and what its local cloud had seen by then."""

    home: Home
    process: subprocess.CompletedProcess[str]
    chunks: list[RequestRecord]
    signatures: int


def dags_test(home: Home, **params: object) -> Finished:
    """Run the DAG over the whole organisation."""
    conf = {"organization": True, "role_name": home.cloud.aws.role_name, **params}
    home.cloud.reset()
    process = airflow(home.env, "dags", "test", DAG_ID, "-c", json.dumps(conf), capture_output=True)
    chunks = [r for r in home.cloud.requests(action="POST logs") if f"{r.log_type}_CL" == KEYS_TABLE]
    signatures = len([r for r in home.cloud.requests(action="keys/sign") if r.status == 200])
    return Finished(home, process, chunks, signatures)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Make an Airflow home on the full local cloud: 3 accounts, 520 users, 651 keys."""
    folder = tmp_path_factory.mktemp("dags_test")
    with LocalCloud(folder / "localcloud") as cloud:
        yield make_home(folder / "home", cloud)


@pytest.fixture(scope="module")
def at_debug(home: Home) -> Finished:
    """Run the DAG in small chunks, with every logger at DEBUG."""
    home.env["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "DEBUG"
    finished = dags_test(home, chunk_limit=CHUNK_LIMIT, batch_size=2)
    del home.env["AIRFLOW__LOGGING__LOGGING_LEVEL"]
    (home.path / "output.log").write_text(finished.process.stdout + finished.process.stderr, encoding="utf-8")
    return finished


def assert_rows_equal_keys(cloud: LocalCloud) -> None:
    """Hold the stored rows against what was seeded in AWS, one to one and column by column."""
    rows, audit = cloud.rows(KEYS_TABLE), cloud.rows(AUDIT_TABLE)
    assert {row["account_number_s"] for row in audit if row["Status_s"] == "ok"} == set(cloud.aws.account_ids)
    read_at = {row["account_number_s"]: row["SnapshotTime_t"] for row in audit}
    names = {each.id: each.name for each in cloud.aws.organization}
    expected = expected_rows(cloud.keys(), cloud.root_keys(), read_at, rows[0]["RunId_s"], names, declared=True)
    assert expected == stored(rows)


def test_small_chunks_store_every_key_once(at_debug: Finished) -> None:
    """With a chunk limit of 20,000 bytes, many chunks go out, none exceeds it, and rows equal keys one to one."""
    assert at_debug.process.returncode == 0, at_debug.process.stdout[-3000:]
    assert_rows_equal_keys(at_debug.home.cloud)
    assert len(at_debug.chunks) > 10
    assert max(chunk.raw_bytes or 0 for chunk in at_debug.chunks) <= CHUNK_LIMIT


def test_debug_run_shows_no_full_key_id_anywhere(at_debug: Finished) -> None:
    """After a run at DEBUG level, no full access key id is in the database, XCom, staging or any log."""
    files = dict(at_debug.home.files())
    ids = [key.access_key_id.encode() for key in at_debug.home.cloud.keys()]
    found = [(path.name, id_) for path, content in files.items() for id_ in ids if id_ in content]
    assert len(ids) > 600
    assert any(b"DEBUG" in content or b"debug" in content for content in files.values())
    assert found == []


def test_debug_run_shows_no_record_outside_staging(at_debug: Finished) -> None:
    """After a run at DEBUG level, records are in staging alone: not in the database, XCom or any log."""
    record_ids = [row["RecordId_s"].encode() for row in at_debug.home.cloud.rows(KEYS_TABLE)]
    found = {
        path.relative_to(at_debug.home.path).parts[0]
        for path, content in at_debug.home.files()
        if any(record_id in content for record_id in record_ids)
    }
    assert found == {"keywatch"}


def leaks(path: Path, content: bytes, secrets: Iterable[bytes]) -> list[tuple[str, bytes]]:
    """Find secrets, private keys, and tokens or assertions of Entra's in what a file holds."""
    found = [(path.name, line[:80]) for line in content.splitlines() if any(secret in line for secret in secrets)]
    found += [(path.name, match[0][:40]) for match in PRIVATE_KEY.finditer(content)]
    return found + [(path.name, match[0][:40]) for match in JWT.finditer(content) if is_of_entra(match[1])]


def is_of_entra(claims: bytes) -> bool:
    """Tell a token or an assertion of Entra's from Airflow's own tokens."""
    try:
        read = base64.urlsafe_b64decode(claims + b"=" * (-len(claims) % 4))
    except ValueError:
        return False
    return b"appid" in read or b"login.microsoftonline.com" in read


def test_search_for_credentials_finds_them(home: Home) -> None:
    """What the next test searches for it would find: a key, a token, an assertion."""
    pem = Path(home.cloud.azure.pem_file).read_bytes()
    claims = base64.urlsafe_b64encode(json.dumps({"aud": "https://login.microsoftonline.com/x"}).encode())
    token = b"x eyJhbGciOiJQUzI1NiJ9." + claims.rstrip(b"=") + b".c2ln y"

    assert leaks(Path("a"), pem, [])
    assert leaks(Path("a"), token, [])
    assert leaks(Path("a"), b"a hush b", [b"hush"])


def test_debug_run_leaves_no_credential_of_azure_anywhere(at_debug: Finished) -> None:
    """After a run at DEBUG level that the HSM signed for, no private key, assertion, token or workspace key is left.

    Searched: the metadata database with its XComs, every log, the command's output, staging, and temporary files.
    """
    cloud = at_debug.home.cloud
    secrets = [each.shared_key.encode() for each in (cloud.workspace, cloud.second_workspace)]
    secrets.append(cloud.azure.identity_header.encode())
    files = dict(at_debug.home.files())

    found = [leak for path, content in files.items() for leak in leaks(path, content, secrets)]

    assert at_debug.signatures >= 1
    assert {"airflow.db", "output.log", "records.ndjson"} <= {path.name for path in files}
    assert found == []


def test_debug_run_leaves_no_session_of_aws_anywhere(at_debug: Finished) -> None:
    """After a run at DEBUG level by IAM Roles Anywhere, no file holds the key id, secret or token of any session."""
    secrets = [secret.encode() for secret in at_debug.home.cloud.session_secrets()]

    found = [
        (path.name, secret[:4]) for path, content in at_debug.home.files() for secret in secrets if secret in content
    ]

    assert len(secrets) == 3 * len(at_debug.home.cloud.aws.account_ids)
    assert found == []


def test_debug_run_leaves_no_signature_of_a_session_request(at_debug: Finished) -> None:
    """What would open a session, a signed CreateSession request, is in no file either."""
    assert [path.name for path, content in at_debug.home.files() if b"AWS4-X509-RSA-SHA256" in content] == []


def test_xcom_holds_small_manifests_only(at_debug: Finished) -> None:
    """What passes between tasks stays below 2 kB a value."""
    with sqlite3.connect(at_debug.home.path / "airflow.db") as database:
        sizes = [size for (size,) in database.execute("SELECT length(value) FROM xcom")]
    database.close()
    assert sizes
    assert max(sizes) < 2_000


def test_default_limit_stores_every_key_once(home: Home, at_debug: Finished) -> None:
    """With the default limit, all keys go out in one chunk a batch, and rows equal keys one to one."""
    assert at_debug.process.returncode == 0
    finished = dags_test(home)
    assert finished.process.returncode == 0, finished.process.stdout[-3000:]
    assert_rows_equal_keys(home.cloud)
    assert len(finished.chunks) == 1


def test_dag_file_is_where_airflow_looks(home: Home) -> None:
    """Airflow finds exactly the DAGs of this folder, without an import error."""
    files = {path.stem for path in (Path(__file__).parents[2] / "dags").rglob("*.py")}
    finished = airflow(home.env, "dags", "list", "--local", "--output", "json", capture_output=True)
    assert {dag["dag_id"] for dag in json.loads(finished.stdout[finished.stdout.index("[{") :])} == files
