"""`make demo`: the daily report for real, on a local cloud, and what a security engineer wants to see of it."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

from localcloud.airflow_home import PROJECT, airflow, airflow_environment, connections
from localcloud.client import LocalCloud
from localcloud.comparison import compare
from localcloud.console import Console, table

KEYS: Final = "AWS_Access_Key_Report_CL"
AUDIT: Final = "AWS_Access_Key_Audit_CL"
OLD_DAYS: Final = 90
SHOWN: Final = 15
OLD_KEYS: Final = f"{KEYS} | where KeyAgeDays_d > {OLD_DAYS} | sort by KeyAgeDays_d desc"


def main(argv: list[str]) -> int:
    """Run the demo; 0 if every key in AWS has exactly one row in Log Analytics."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument(
        "--chunk-limit",
        type=int,
        default=100_000,
        help="bytes of one request (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    console, home = Console(), PROJECT / ".airflow" / "demo"
    home.mkdir(parents=True, exist_ok=True)
    console.step("Starting the local cloud: AWS and Azure on loopback, with real TLS")
    with LocalCloud(home / "localcloud") as cloud:
        accounts = list(cloud.aws.account_ids)
        console.step(f"  {len(accounts)} AWS accounts, {len(cloud.users())} users, {_key_count(cloud)} access keys")
        env = airflow_environment(home, connections(cloud)) | cloud.identity_environment()
        console.step("Preparing Airflow's database")
        _require(airflow(env, "db", "migrate", capture_output=True))
        conf = {"accounts": accounts, "role_name": cloud.aws.role_name, "batch_size": 2}
        conf |= {"copy_conn_id": "azure_data_collector_default", "chunk_limit": options.chunk_limit}
        console.step("Running: airflow dags test access_key_report")
        console.step("  to the Logs Ingestion API, with assertions signed on an HSM, and a copy to the Data Collector")
        succeeded = _run_dag(env, conf, home / "demo.log", console)
        return _report(cloud, console, home / "demo.log", succeeded=succeeded)


def _run_dag(env: dict[str, str], conf: dict[str, Any], log: Path, console: Console) -> bool:
    command = [
        str(Path(sys.executable).parent / "airflow"),
        "dags",
        "test",
        "access_key_report",
        "-c",
        json.dumps(conf),
    ]
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        ) as process,
    ):
        try:
            for line in process.stdout or ():
                file.write(line)
                console.airflow_line(line)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # Airflow ignores gentler signals here
            raise
    return process.returncode == 0


def _report(cloud: LocalCloud, console: Console, log: Path, *, succeeded: bool) -> int:
    rows, audit = cloud.rows(KEYS), cloud.rows(AUDIT)
    old = cloud.query(OLD_KEYS)
    one_to_one = _matches(cloud, rows)
    print(f"\nStored in Log Analytics, table {AUDIT}:\n")
    print(
        table(
            ["account", "status", "users", "keys", "read at"],
            [
                [r["account_number_s"], r["Status_s"], int(r["UserCount_d"]), int(r["KeyCount_d"]), r["SnapshotTime_t"]]
                for r in sorted(audit, key=lambda r: r["account_number_s"])
            ],
            numbers=["users", "keys"],
        )
    )
    print(f"\nTable {KEYS}: {len(old)} of {len(rows)} keys are older than {OLD_DAYS} days. The oldest {SHOWN}:\n")
    print(
        table(
            ["age", "idle", "key", "status", "account", "user", "last used for"],
            [_key_line(row) for row in old[:SHOWN]],
            numbers=["age", "idle"],
        )
    )
    calls = Counter(r.action for r in cloud.requests() if r.host.startswith(("iam.", "sts.")))
    print(f"\nAsked AWS: {sum(calls.values()):,} calls ({', '.join(f'{n:,} {a}' for a, n in calls.most_common())}).")
    _print_sent(cloud)
    compared = _print_comparison(cloud, rows)
    equal = "every key in AWS has exactly one row" if one_to_one else "THE ROWS DIFFER FROM THE KEYS IN AWS"
    print(f"Checked: {len(rows)} rows, {_key_count(cloud)} keys in AWS: {equal}. {console.seconds:.0f} seconds in all.")
    print(
        f"""
To look further:
  {_relative(log)}    the whole log of the run
  {_relative(log.parent / "keywatch")}    what the run staged, and its receipts
  make up                   Airflow's UI with a local cloud behind it; then trigger access_key_report, and ask:
  .venv/bin/python -m localcloud query 'AccessKeys() | summarize count() by Status_s, ServiceName_s'"""
    )
    if not succeeded:
        print(f"\nThe DAG run FAILED; the end of {_relative(log)} says why.", file=sys.stderr)
    return 0 if succeeded and one_to_one and compared else 1


def _print_sent(cloud: LocalCloud) -> None:
    """Say what went over the wire, and who vouched for it."""
    for name, action in (("Logs Ingestion", "POST logs"), ("Data Collector", "POST /api/logs")):
        posts = [r for r in cloud.requests(action=action) if r.status in (200, 204)]
        chunks = [post for post in posts if f"{post.log_type}_CL" == KEYS]
        raw = sum(post.raw_bytes or post.body_bytes for post in chunks)
        print(
            f"Sent by {name}: {len(chunks)} chunks of keys, {raw:,} bytes in all, "
            f"{sum(post.body_bytes for post in chunks):,} on the wire; {len(posts) - len(chunks)} of the audit."
        )
    signatures = [r for r in cloud.requests(action="keys/sign") if r.status == 200]  # noqa: PLR2004 - HTTP
    tokens = [r for r in cloud.requests(action="token") if r.status == 200]  # noqa: PLR2004 - HTTP
    print(
        f"Signed: {len(signatures)} signatures made on the HSM, for {len(tokens)} tokens. The connections to Azure "
        "hold no secret."
    )


def _print_comparison(cloud: LocalCloud, rows: list[dict[str, Any]]) -> bool:
    """Hold both workspaces against each other; True if they hold the same."""
    found = compare(rows, cloud.rows(KEYS, cloud.second_workspace))
    verdict = "are equal" if not found.differences else f"DIFFER in {len(found.differences)} places"
    print(f"\nThe two tables {verdict}, row by row: {found.rows} rows, {len(found.columns)} columns.")
    for (declared, inferred), count in sorted(found.moved.items()):
        print(
            f"  {declared} of {count} rows is {inferred} in the Data Collector's table, which infers types from values"
        )
    for difference in found.differences[:SHOWN]:
        print(f"  {difference}")
    return not found.differences


def _key_line(row: dict[str, Any]) -> list[object]:
    idle = row.get("IdleDays_d")
    used_for = row.get("ServiceName_s")
    name = next(row[column] for column in ("user_s", "user_g", "user_t", "user_d") if row.get(column) is not None)
    return [
        int(row["KeyAgeDays_d"]),
        "never" if idle is None else int(idle),
        row["AccessKeyId_s"],
        row["Status_s"],
        row["account_number_s"],
        name,
        f"{used_for} in {row.get('Region_s')}" if used_for else "",
    ]


def _matches(cloud: LocalCloud, rows: list[dict[str, Any]]) -> bool:
    """Hold the rows against the seed, one to one; root keys, which have no id, by their number."""
    seeded = cloud.keys()
    expected: Counter[tuple[str, str, str | None]] = Counter(
        (key.account, key.user_arn, f"{key.access_key_id[:4]}...{key.access_key_id[-4:]}") for key in seeded
    )
    for account, count in cloud.root_keys().items():
        expected[account, f"arn:aws:iam::{account}:root", None] += count
    return Counter((r["account_number_s"], r["UserArn_s"], r.get("AccessKeyId_s")) for r in rows) == +expected


def _key_count(cloud: LocalCloud) -> int:
    return len(cloud.keys()) + sum(cloud.root_keys().values())


def _require(finished: subprocess.CompletedProcess[str]) -> None:
    if finished.returncode:
        sys.exit(f"{' '.join(finished.args)} failed:\n{finished.stdout}\n{finished.stderr}")


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
