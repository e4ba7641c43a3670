"""`make demo`: the daily report for real, on a local cloud, and what a security engineer wants to see of it.

The organisation that it audits has an account that denies access, so the run has to fail, and to say just that.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any, Final

from localcloud.airflow_home import PROJECT, airflow, airflow_environment, connections
from localcloud.client import LocalCloud
from localcloud.comparison import compare
from localcloud.console import Console, table
from localcloud.model import OrganizationAccount, Seed, utc_text

KEYS: Final = "AWS_Access_Key_Report_CL"
AUDIT: Final = "AWS_Access_Key_Audit_CL"
OLD_DAYS: Final = 90
SHOWN: Final = 15
OLD_KEYS: Final = PROJECT / "include" / "kql" / f"keys_over_{OLD_DAYS}_days.kql"
"""What whoever deploys the project asks, too; as are the functions that it calls."""
HOME: Final = PROJECT / ".airflow" / "demo"
LINE: Final = 116
VERDICT: Final = "keywatch.errors.IncompleteReportError: "


def main(argv: list[str]) -> int:
    """Run the demo; 0 if it ended as designed: every key has one row, but for the account that denies access."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument(
        "--chunk-limit",
        type=int,
        default=100_000,
        help="bytes of one request (default: %(default)s)",
    )
    options = parser.parse_args(argv)
    console, home = Console(), HOME
    home.mkdir(parents=True, exist_ok=True)
    console.step("Starting the local cloud: AWS and Azure on loopback, with real TLS")
    for file in home.glob("keywatch_report.db*"):
        file.unlink()  # the local cloud begins anew, and so does the page
    with LocalCloud(home / "localcloud", organization()) as cloud:
        console.step(
            f"  an organisation of {len(cloud.aws.organization)} AWS accounts with {len(cloud.users())} users and "
            f"{_key_count(cloud)} access keys, none of which is the audit's own"
        )
        env = airflow_environment(home, connections(cloud)) | cloud.identity_environment()
        console.step("Preparing Airflow's database")
        _require(airflow(env, "db", "migrate", capture_output=True))
        conf = {"organization": True, "role_name": cloud.aws.role_name, "batch_size": 5}
        conf |= {"copy_conn_id": "azure_data_collector_default", "chunk_limit": options.chunk_limit}
        console.step("Running: airflow dags test access_key_report")
        console.step("  for every account of the organisation, entered with a certificate whose key is on an HSM,")
        console.step("  to the Logs Ingestion API, with assertions signed there too, and a copy to the Data Collector")
        failed = not _run_dag(env, conf, home / "demo.log", console)
        return _report(cloud, console, home / "demo.log", failed=failed)


def organization() -> Seed:
    """Describe the organisation of demo and UI, which is the same all day."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return Seed(accounts=14, users=520, denied=1, suspended=1, auditor_key=False, now=utc_text(today))


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


def _report(cloud: LocalCloud, console: Console, log: Path, *, failed: bool) -> int:
    rows, audit = cloud.rows(KEYS), cloud.rows(AUDIT)
    old = cloud.query(OLD_KEYS.read_text(encoding="utf-8"))
    one_to_one = _matches(cloud, rows)
    print(f"\nStored in Log Analytics, table {AUDIT}:\n")
    print(
        table(
            ["account", "name", "status", "users", "keys", "read at", "why not"],
            [_account_line(row) for row in sorted(audit, key=lambda row: str(row["AccountName_s"]))],
            numbers=["users", "keys"],
        )
    )
    print(f"\nTable {KEYS}: {len(old)} of {len(rows)} keys are older than {OLD_DAYS} days. The oldest {SHOWN}:\n")
    print(
        table(
            ["age d", "idle d", "key", "status", "account", "user", "last used for"],
            [_key_line(row) for row in old[:SHOWN]],
            numbers=["age d", "idle d"],
        )
    )
    calls = Counter(r.action for r in cloud.requests() if r.host.endswith(".amazonaws.com"))
    asked = ", ".join(f"{count:,} {action}" for action, count in calls.most_common())
    print("\n" + textwrap.fill(f"Asked AWS: {sum(calls.values()):,} calls ({asked}).", LINE))
    _print_sent(cloud)
    compared = _print_comparison(cloud, rows)
    expected = _print_verdict(cloud, log, audit, failed=failed)
    equal = "every key that may be read has exactly one row" if one_to_one else "THE ROWS DIFFER FROM THE KEYS IN AWS"
    denied = _key_count(cloud) - len(rows)
    print(f"Checked: {len(rows)} rows; {equal}. {denied} more keys are in the account that denies access.")
    print(f"{console.seconds:.0f} seconds in all.")
    print(
        f"""
To look further:
  {_relative(log)}    the whole log of the run
  {_relative(log.parent / "keywatch")}    what the run staged, and its receipts
  make up                   Airflow's UI with these keys on its page *Access keys*, and a local cloud behind it; then
                            trigger access_key_report, and ask:
  .venv/bin/python -m localcloud query "$(cat include/kql/key_figures.kql)"
""",
        end="",
    )
    if not (expected and one_to_one and compared):
        print(f"\nThis is NOT how the demo should end; {_relative(log)} says why.", file=sys.stderr)
        return 1
    return 0


def _account_line(row: dict[str, Any]) -> list[object]:
    is_read = row["Status_s"] in ("ok", "partial")
    counts = [int(row["UserCount_d"]), int(row["KeyCount_d"])] if is_read else ["-", "-"]
    why = row.get("Action_s") or (row.get("Reason_s") or "").removeprefix("left out: ")
    return [row["account_number_s"], row["AccountName_s"], row["Status_s"], *counts, row["SnapshotTime_t"], why]


def _print_verdict(cloud: LocalCloud, log: Path, audit: list[dict[str, Any]], *, failed: bool) -> bool:
    """Show what the last task said; True if it failed the run, and for the denied account alone."""
    lines = log.read_text(encoding="utf-8").splitlines()
    start = max((number for number, line in enumerate(lines) if line.startswith(VERDICT)), default=None)
    said = (
        [] if start is None else [lines[start].removeprefix(VERDICT), *takewhile(_names_an_account, lines[start + 1 :])]
    )
    ended = "failed, as it has to with an account that denies access" if failed else "SUCCEEDED"
    print(f"\nThe run {ended}; verdict says:\n")
    for line in said or ["(nothing)"]:
        print(textwrap.fill(line, LINE, initial_indent="  ", subsequent_indent="  "))
    print()
    states = {each.id: _expected_status(each) for each in cloud.aws.organization}
    missing = {account for account, status in states.items() if status == "denied"}
    return (
        failed
        and {line[:12] for line in said[1:]} == missing
        and {row["account_number_s"]: row["Status_s"] for row in audit} == states
    )


def _expected_status(account: OrganizationAccount) -> str:
    if account.state != "ACTIVE":
        return "skipped"
    return "denied" if account.denied else "ok"


def _names_an_account(line: str) -> bool:
    return line[:12].isdigit()


def _print_sent(cloud: LocalCloud) -> None:
    """Say what went over the wire, and who vouched for it."""
    for name, action in (("Logs Ingestion", "POST logs"), ("Data Collector", "POST /api/logs")):
        posts = [r for r in cloud.requests(action=action) if r.status in (200, 204)]
        chunks = [post for post in posts if f"{post.log_type}_CL" == KEYS]
        raw = sum(post.raw_bytes or post.body_bytes for post in chunks)
        print(
            f"Sent by {name}: keys in {len(chunks)} chunks, {raw:,} bytes in all, "
            f"{sum(post.body_bytes for post in chunks):,} on the wire; {len(posts) - len(chunks)} of the audit."
        )
    signatures = [r for r in cloud.requests(action="keys/sign") if r.status == 200]  # noqa: PLR2004 - HTTP
    tokens = [r for r in cloud.requests(action="token") if r.status == 200]  # noqa: PLR2004 - HTTP
    sessions = [r for r in cloud.requests(action="CreateSession") if r.status == 201]  # noqa: PLR2004 - HTTP
    print(
        f"Signed: {len(signatures)} signatures made on the HSM: tokens of Entra {len(tokens)}, sessions of AWS "
        f"{len(sessions)}. No connection holds a secret or an access key."
    )


def _print_comparison(cloud: LocalCloud, rows: list[dict[str, Any]]) -> bool:
    """Hold both workspaces against each other; True if they hold the same."""
    found = compare(rows, cloud.rows(KEYS, cloud.second_workspace))
    verdict = "hold the same" if not found.differences else f"DIFFER in {len(found.differences)} places"
    print(f"\nThe two tables {verdict}, row by row: {found.rows} rows, {len(found.columns)} columns.")
    for (declared, inferred), count in sorted(found.moved.items()):
        print(
            f"  as known of the Data Collector, which infers types: {declared} is {inferred} there in {count} of them"
        )
    for difference in found.differences[:SHOWN]:
        print(f"  {difference}")
    return not found.differences


def _key_line(row: dict[str, Any]) -> list[object]:
    idle = row.get("IdleDays_d")
    used_for = row.get("ServiceName_s")
    return [
        int(row["KeyAgeDays_d"]),
        "never" if idle is None else int(idle),
        row["AccessKeyId_s"],
        row["Status_s"],
        row["account_number_s"],
        row["user_s"],
        f"{used_for} in {row.get('Region_s')}" if used_for else "",
    ]


def _matches(cloud: LocalCloud, rows: list[dict[str, Any]]) -> bool:
    """Hold the rows against the seed, but for accounts that deny access; root keys, which have no id, by number."""
    denied = {each.id for each in cloud.aws.organization if each.denied}
    seeded = [key for key in cloud.keys() if key.account not in denied]
    expected: Counter[tuple[str, str, str | None]] = Counter(
        (key.account, key.user_arn, f"{key.access_key_id[:4]}...{key.access_key_id[-4:]}") for key in seeded
    )
    for account, count in cloud.root_keys().items():
        if account in denied:
            continue
        expected[account, f"arn:aws:iam::{account}:root", None] += count
    return Counter((r["account_number_s"], r["UserArn_s"], r.get("AccessKeyId_s")) for r in rows) == +expected


def _key_count(cloud: LocalCloud) -> int:
    return len(cloud.keys()) + sum(cloud.root_keys().values())


def _require(finished: subprocess.CompletedProcess[str]) -> None:
    if finished.returncode:
        sys.exit(f"{' '.join(finished.args)} failed:\n{finished.stdout}\n{finished.stderr}")


def _relative(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
