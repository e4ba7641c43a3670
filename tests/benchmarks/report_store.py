"""The page's report store with a million keys: how long a run takes to write it, and what the page asks of it.

Each size is written in a fresh process, twice: as the first run does, and as the next day's, which finds the same keys
but for one in a hundred. Then another fresh process asks the larger store everything that the page can ask.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.harness import (
    MB,
    Demand,
    Figure,
    Measured,
    Note,
    Row,
    in_fresh_process,
    progress,
    report,
    stopwatch,
)

if TYPE_CHECKING:
    from keywatch.report.outcome import RunOutcome
    from keywatch.report.query import Cursor, KeyQuery, Sort
    from keywatch.report.read import ReportReader

NAME: Final = "store"
TITLE: Final = "writing the report store of the page, a SQLite file, and asking it"
SIZES: Final = (100_000, 1_000_000)
ACCOUNTS: Final = 2_000
MOST_GROWTH: Final = 1.3
"""Peak memory of the larger size may be this many times that of the smaller one."""
MOST_MS: Final = 200
"""The page may wait as long for a list, and as long again for its count."""
ROUNDS: Final = 7

FIRST_DAY: Final = datetime(2026, 10, 1, 6, 0, tzinfo=UTC)
NEXT_DAY: Final = FIRST_DAY + timedelta(days=1)
DAY: Final = 86_400
GONE: Final = 100
"""One in as many keys is gone on the next day."""
ROOT: Final = 5_000
"""One in as many keys is a root user's."""

ONE_WORD: Final = (
    *("deploy", "billing", "backup", "payments", "search", "mail", "report", "ingest", "export", "audit"),
    *("cache", "invoice", "catalog", "stock", "sensor", "video", "image", "login", "quota", "ledger"),
)
OTHER_WORD: Final = (
    *("agent", "bot", "worker", "service", "sync", "loader", "reader", "writer", "runner", "monitor"),
    *("pipeline", "job", "uploader", "cleaner", "gateway", "user", "admin", "tester", "importer", "relay"),
)
STAGES: Final = ("prod", "staging", "test", "sandbox")
SERVICES: Final = (
    *("s3", "sts", "ec2", "iam", "dynamodb", "sqs", "ses", "sns", "lambda", "ecr", "kms", "logs", "cloudwatch"),
    *("secretsmanager", "ssm", "rds", "kinesis", "athena", "glue", "batch", "sagemaker", "route53", "iot", "polly"),
)
REGIONS: Final = (
    *("eu-central-1", "us-east-1", "eu-west-1", "us-west-2", "ap-southeast-1", "ap-northeast-1", "us-east-2"),
    *("eu-west-2", "ap-south-1", "sa-east-1", "ca-central-1", "eu-north-1", "me-south-1", "af-south-1"),
)
LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def benchmark() -> Iterator[Note | Row]:
    """Write both sizes, and ask the larger store."""
    yield Note(
        f"{ACCOUNTS:,} accounts, the largest with a twentieth of all keys. Four keys to three users. The next day, "
        f"one key in {GONE} is gone. Making the records is in the seconds. Every question is asked {ROUNDS} times "
        "after one that is not counted: the median of the slowest one of each line, and the slowest answer of all; "
        "what a list's count takes is beside it, as the page asks for both at once."
    )
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder, f"{size}.db")) for size in SIZES]
        smaller, larger = (
            in_fresh_process(__name__, "write", str(n), path) for n, path in zip(SIZES, paths, strict=True)
        )
        growth = Demand(f"peak memory, of that of {SIZES[0]:,}", larger.peak_mb / smaller.peak_mb, MOST_GROWTH)
        yield Row(f"write {SIZES[0]:,} keys", _written(smaller))
        yield Row(f"write {SIZES[1]:,} keys", _written(larger), (growth,))
        asked = in_fresh_process(__name__, "ask", paths[-1])
    for name, figures in asked.more.items():
        demands = [Demand(each, figures[each], MOST_MS) for each in ("ms", "count ms") if figures.get(each) is not None]
        yield Row(name, figures, tuple(demands))


def _written(measured: Measured) -> dict[str, Figure]:
    first = {"first write s": measured.more["first"], "next write s": measured.more["next"]}
    return {
        **first,
        "records alone s": measured.more["records"],
        "file MB": measured.more["mb"],
        "peak MB": measured.peak_mb,
    }


def write(count: str, path: str) -> None:
    """Write two days' runs into a new store."""
    from keywatch.report.engine import open_engine, sqlite_url
    from keywatch.report.write import write_run

    file, more = Path(path), dict[str, float]()
    engine = open_engine(sqlite_url(file), writing=True)
    with stopwatch() as watch:
        for name, at in (("first", FIRST_DAY), ("next", NEXT_DAY)):
            began = time.monotonic()
            write_run(engine, run(at, int(count)), records(int(count), at))
            more[name] = time.monotonic() - began
        engine.dispose()  # which empties the write-ahead log into the file
    began = time.monotonic()
    for _ in records(int(count), NEXT_DAY):
        pass
    report(watch, **more, records=time.monotonic() - began, mb=file.stat().st_size / MB)


def run(at: datetime, count: int) -> RunOutcome:
    """Make the outcome of a run that read every account but one in fifty."""
    from keywatch.report.outcome import AccountOutcome, RunOutcome

    accounts = [
        AccountOutcome(account_id(number), account_name(number), "ok" if number % 50 else "denied", read_at=at)
        for number in range(ACCOUNTS)
    ]
    return RunOutcome(f"scheduled__{at.isoformat()}", at, at, complete=False, keys=count, accounts=accounts)


def account_id(number: int) -> str:
    """Return an account's twelve digits."""
    return f"{100_000_000_007 + number * 314_159_265 % 899_999_999_993:012}"


def account_name(number: int) -> str:
    """Return an account's name in the organisation."""
    team = ("retail", "data", "platform", "finance", "labs")[number % 5] if number % 70 else "Zürich"
    return f"{team}-{STAGES[number % 4]}-{number:04}"


def records(count: int, at: datetime) -> Iterator[bytes]:
    """Make staged records as they are on a day, one at a time; always the same keys."""
    from keywatch.staging import encode

    random = Random(1)  # noqa: S311 - no secret
    user, account = "", 0
    for number in range(count):
        if number % 4 < 3:  # the fourth key is the third user's second
            user = f"{random.choice(ONE_WORD)}-{random.choice(OTHER_WORD)}{number:06}"
            account = int(ACCOUNTS * random.random() ** 2.5)
        row = key_of(random, user, account, at)
        if number % ROOT == 0:
            row = root_key(number // ROOT * 7 % ACCOUNTS, at)
        if at == FIRST_DAY or number % GONE != 1:
            yield encode(row)


def key_of(random: Random, user: str, account: int, at: datetime) -> dict[str, str]:
    """Make the record of a user's key: most are young, and used of late; one in five never was."""
    age = min(random.expovariate(1 / 500), 4_000)
    idle = age * random.random() ** 4
    row = _record(account, f"user/{user}", user, "".join(random.choices(LETTERS, k=8)), at)
    row |= {"Status": "Active" if random.random() < 0.7 else "Inactive", "CreateDate": _before(FIRST_DAY, age)}
    service, region = _rarely(random, SERVICES, 3), _rarely(random, REGIONS, 1.5)
    if random.random() < 0.2:
        return row
    used = _before(at if idle < 1 else FIRST_DAY, idle)  # what is in use is used again
    return row | {"LastUsedDate": used, "ServiceName": service, "Region": region}


def root_key(account: int, at: datetime) -> dict[str, str]:
    """Make the record of a root user's key, of which hardly anything is known."""
    from keywatch.access_keys.record import ROOT_USER

    row = _record(account, "root", ROOT_USER, "", at)
    del row["AccessKeyId"]
    return row


def _record(account: int, resource: str, user: str, key: str, at: datetime) -> dict[str, str]:
    from keywatch.columns import stable_id

    arn = f"arn:aws:iam::{account_id(account)}:{resource}"
    return {
        "KeyId": stable_id("k", arn, key),
        "account_number": account_id(account),
        "user": user,
        "UserArn": arn,
        "AccessKeyId": f"AKIA...{key[4:]}",
        "SnapshotTime": _before(at, 0),
        "LastUsedSource": "exact",
    }


def _rarely(random: Random, names: tuple[str, ...], mean: float) -> str:
    """Choose a name, the later the more seldom."""
    return names[min(int(random.expovariate(1 / mean)), len(names) - 1)]


def _before(moment: datetime, days: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment.timestamp() - days * DAY))


def ask(path: str) -> None:
    """Ask a store everything, and report what each group of questions took."""
    from keywatch.report.engine import open_engine, sqlite_url
    from keywatch.report.read import ReportReader

    reader = ReportReader(open_engine(sqlite_url(Path(path)), writing=False))
    with stopwatch() as watch:
        figures = {name: slowest({"": timed(question)}) for name, question in readings(reader).items()}
        for name, questions in lists(reader).items():
            pages = {told: timed(partial(reader.keys, *question)) for told, question in questions.items()}
            counts = {told: timed(partial(reader.count, question[0])) for told, question in questions.items()}
            figures[name] = slowest(pages) | {f"count {each}": value for each, value in slowest(counts).items()}
            for told in questions:
                tell(f"{name}: {told}", *pages[told], *counts[told])
    report(watch, **figures)


def tell(name: str, median: float, worst: float, count: float, worst_count: float) -> None:
    """Tell who waits what one list took."""
    progress(f"{median:.0f} ms, {worst:.0f} at worst; its count {count:.0f} ms, {worst_count:.0f}; {name}")


def timed(question: Callable[[], object]) -> tuple[float, float]:
    """Ask a question several times, and return the median and the worst, in milliseconds."""
    taken = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        question()
        taken.append((time.perf_counter() - began) * 1_000)
    return statistics.median(taken[1:]), max(taken[1:])


def slowest(taken: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Return the figures of a group: those of its slowest question, and the worst of all answers."""
    return {"ms": max(median for median, _ in taken.values()), "worst ms": max(worst for _, worst in taken.values())}


def readings(reader: ReportReader) -> dict[str, Callable[[], object]]:
    """Return everything that is asked beside lists of keys."""
    return {
        "overview": reader.overview,
        "choices of the filters": reader.choices,
        "accounts, first page": reader.accounts,
        "accounts, last page": partial(reader.accounts, page=ACCOUNTS),
        "accounts, searched": partial(reader.accounts, "prod", ["ok"]),
    }


Question = tuple["KeyQuery"] | tuple["KeyQuery", "Cursor | None"]


def lists(reader: ReportReader) -> dict[str, dict[str, Question]]:
    """Return every list of keys that is asked for, in groups, each by what its query sets."""
    from keywatch.report.query import KeyQuery

    in_order = [KeyQuery(sort=sort, descending=descending) for sort, descending in orders()]
    groups = {
        "all keys, in each order": in_order,
        "one filter": [KeyQuery(**each) for each in one_filter(reader)],
        "filters that many keys meet": in_each_order(status="Active", older_than=90, unused_for=45),
        "filters that few keys meet": in_each_order(service=SERVICES[-1], status="Inactive"),
        "keys that are gone, and long unused": in_each_order(deleted=True, unused_for=3_000),
        "filters that no key meets: never used, and its service": in_each_order(never_used=True, service="s3"),
        "filters that no key meets: rare service, rare region, inactive": in_each_order(
            service=SERVICES[-1], region=REGIONS[-1], status="Inactive"
        ),
        "search that finds nothing": in_each_order(search="nobody-has-this"),
        "search that finds few": in_each_order(search="-agent0001"),
        "search that finds many": in_each_order(search="invoice"),
        "search that finds many, late in the alphabet": in_each_order(search="video"),
        "search that finds nearly all": in_each_order(search="-"),
        "search for an account's name": in_each_order(search=account_name(1_234)),
        "search for a part of accounts' names": in_each_order(search="prod"),
        "search for a part of few accounts' names": in_each_order(search="prod-01"),
        "search for letters beyond ASCII": in_each_order(search="zÜrich"),
        "search for an account's number": in_each_order(search=account_id(1)),
        "search for digits": in_each_order(search="0001"),
        "search for an access key id": [KeyQuery(search=each) for each in ("AKIAABCDEFGHIJKLMNOP", "AKIA...ABCD")],
        "search and filters that some keys meet": in_each_order(search="invoice", status="Inactive", older_than=365),
        "search and filters that no key meets": in_each_order(search="-", never_used=True, service="s3"),
        "search that finds many, and filters that no key meets": [
            *in_each_order(search="invoice", root=True),
            *in_each_order(search="invoice", status="Expired"),
            *in_each_order(search="video", service=SERVICES[-1], region=REGIONS[-1]),
        ],
    }
    asked: dict[str, dict[str, Question]] = {
        name: {told(query): (query,) for query in queries} for name, queries in groups.items()
    }
    asked["second page, in each order"] = {told(query): (query, second(reader, query)) for query in in_order}
    return asked


def orders() -> list[tuple[Sort, bool]]:
    """Return every order that a list can have."""
    from keywatch.report.query import SORTS

    return [(sort, descending) for sort in SORTS for descending in (True, False)]


def in_each_order(**filters: Any) -> list[KeyQuery]:  # noqa: ANN401 - of KeyQuery
    """Make a query once for each order."""
    from keywatch.report.query import KeyQuery

    return [KeyQuery(sort=sort, descending=descending, **filters) for sort, descending in orders()]


def one_filter(reader: ReportReader) -> list[dict[str, Any]]:
    """Return the filters of the page, each for itself."""
    from keywatch.report.query import KeyQuery

    return [
        *({"status": status} for status in ("Active", "Inactive", "Expired")),
        *({"older_than": days} for days in (90, 3_650)),
        *({"unused_for": days} for days in (45, 3_000)),
        *({name: True} for name in ("never_used", "two_active", "root", "deleted")),
        *({"service": service} for service in (SERVICES[0], SERVICES[-1])),
        *({"region": region} for region in (REGIONS[0], REGIONS[-1])),
        *({"account": account_id(number)} for number in (0, ACCOUNTS - 1)),
        {"user_arn": reader.keys(KeyQuery(sort="user")).rows[0].user_arn},
    ]


def second(reader: ReportReader, query: KeyQuery) -> Cursor:
    """Return where the second page of a list begins."""
    from keywatch.report.query import decode_cursor

    return decode_cursor(reader.keys(query).after or "", query.sort)


def told(query: KeyQuery) -> str:
    """Name what a query sets."""
    from keywatch.report.query import KeyQuery

    usual = asdict(KeyQuery())
    return " ".join(f"{name}={value}" for name, value in asdict(query).items() if value != usual[name])


WAYS: Final[dict[str, Callable[..., None]]] = {"write": write, "ask": ask}


if __name__ == "__main__":
    WAYS[sys.argv[1]](*sys.argv[2:])
