"""Extraction of one account: the original script's way, this project exact, and this project with the report.

Every case runs in a fresh process against the same local IAM (`iam_endpoint`). The time is that of the reading alone,
without imports and without making the client, which `growth` measures.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tests.benchmarks.harness import Demand, Figure, Measured, Note, Row, in_fresh_process, report, stopwatch
from tests.benchmarks.served import Served

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_iam import IAMClient

NAME: Final = "extract"
TITLE: Final = "reading one account's access keys from IAM"
ENDPOINT: Final = "tests.benchmarks.iam_endpoint"
SPEED: Final = "tests.benchmarks.endpoint_speed"
USERS: Final = 2_000
SAMPLED_USERS: Final = 300
"""At 80 ms the sequential way is measured on so many users, and scaled by calls."""
RATE: Final = 20
LATENCIES: Final = (0.0, 0.02, 0.08)
SAMPLED_FROM: Final = 0.08

SEQUENTIAL: Final = "one call after another"
DEFAULT: Final = "exact, default"
SIXTY_FOUR: Final = "exact, 64 threads"
REPORT: Final = "report, default"
WAYS: Final = (SEQUENTIAL, DEFAULT, SIXTY_FOUR, REPORT)
LIMITED_USERS: Final = {SEQUENTIAL: 400, DEFAULT: 400, REPORT: 800}
"""As many as make about 900 calls, so that the beginning, in which the rate is found, weighs the same in each."""

LEAST_TIMES_FASTER: Final = {(DEFAULT, 0.02): 13.0, (DEFAULT, 0.08): 25.0, (SIXTY_FOUR, 0.08): 35.0}
LEAST_TIMES_FEWER: Final = 1.9
LEAST_SHARE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Case:
    """One reading.

    Attributes:
        way: How it reads.
        measured: What the process said.
        counts: What the endpoint counted.
        scale: How many times the calls measured a whole reading takes.
    """

    way: str
    measured: Measured
    counts: dict[str, Any]
    scale: float = 1.0

    @property
    def calls(self) -> int:
        """Calls that were answered and, if scaled, those of a whole reading."""
        return round(float(self.counts["allowed"]) * self.scale)

    @property
    def seconds(self) -> float:
        """Seconds of a whole reading."""
        return self.measured.seconds * self.scale

    @property
    def cpu_per_call(self) -> float:
        """Processor time for each request, in seconds."""
        requests: int = self.counts["allowed"] + self.counts["refused"]
        return self.measured.cpu_seconds / requests


def benchmark() -> Iterator[Note | Row]:
    """Measure every way at every latency, then at the limit."""
    with Served(ENDPOINT, str(USERS)) as iam, Served(ENDPOINT, str(SAMPLED_USERS)) as sample:
        speed = in_fresh_process(SPEED, iam.url)
        yield Note(f"{iam.told['population']}. The endpoint alone answers {_speed(speed):,.0f} requests a second.")
        yield Note(f"At 80 ms, one call after another is measured on {SAMPLED_USERS} of them and scaled by calls (*).")
        floor = 0.0
        for latency in LATENCIES:
            base = _sequential(iam, sample, latency)
            floor = floor or base.cpu_per_call  # of the first latency, which is none
            yield _row(base, base, latency, floor)
            for way in WAYS[1:]:
                yield _row(_read(iam, way, latency=latency), base, latency, floor)
        yield Note(f"The floor is botocore's own processor time: a loop in one thread at 0 ms, {floor * 1_000:.2f} ms.")
    yield Note(f"At {RATE} requests a second, latency 20 ms: 400 users, and 800 with the report, for as many calls.")
    for way, users in LIMITED_USERS.items():
        with Served(ENDPOINT, str(users)) as iam:
            yield _limited_row(_read(iam, way, latency=0.02, rate=RATE), demanded=way != SEQUENTIAL)


def _speed(measured: Measured) -> float:
    return float(measured.more["requests"]) / measured.seconds


def _sequential(iam: Served, sample: Served, latency: float) -> Case:
    if latency < SAMPLED_FROM:
        return _read(iam, SEQUENTIAL, latency=latency)
    sampled = _read(sample, SEQUENTIAL, latency=latency)
    return Case(SEQUENTIAL + " *", sampled.measured, sampled.counts, USERS / SAMPLED_USERS)


def _read(iam: Served, way: str, **settings: float) -> Case:
    iam.set(**settings)
    measured = in_fresh_process(__name__, way, iam.url)
    return Case(way, measured, iam.counts())


def _row(case: Case, base: Case, latency: float, floor: float) -> Row:
    faster = base.seconds / case.seconds
    demands: list[Demand] = []
    if (least := LEAST_TIMES_FASTER.get((case.way, latency))) is not None:
        demands.append(Demand("times faster than one call after another", faster, least, at_least=True))
    if case.way in (DEFAULT, SIXTY_FOUR) and not latency:
        demands.append(Demand("calls, of those of one call after another", case.calls / base.calls, 1.0))
    if case.way == REPORT and not latency:
        demands.append(Demand("times fewer calls", base.calls / case.calls, LEAST_TIMES_FEWER, at_least=True))
    figures: dict[str, Figure] = {
        "seconds": case.seconds,
        "times faster": faster,
        "calls": case.calls,
        "calls/s": case.calls / case.seconds,
        "CPU ms/call": case.cpu_per_call * 1_000,
        "of floor": f"{case.cpu_per_call / floor:.0%}",
        "peak MB": case.measured.peak_mb,
    }
    return Row(f"{latency * 1_000:.0f} ms: {case.way}", figures, tuple(demands))


def _limited_row(case: Case, *, demanded: bool) -> Row:
    """The share is of all that the bucket lets through in the time: its burst, and the rate."""
    failure = case.measured.more["failure"]
    most = case.counts["burst"] + RATE * case.counts["seconds"]
    share = case.counts["allowed"] / most
    figures: dict[str, Figure] = {
        "seconds": case.seconds,
        "calls": case.counts["allowed"],
        "calls/s": case.counts["allowed"] / case.counts["seconds"],
        "refused": case.counts["refused"],
        "of the rate": f"{share:.0%}",
        "ended": failure or "ok",
        "peak MB": case.measured.peak_mb,
    }
    demands = (
        Demand("share of the allowed rate", share, LEAST_SHARE, at_least=True),
        Demand("failures", float(bool(failure)), 0.0),
    )
    return Row(f"{RATE}/s: {case.way}", figures, demands if demanded else ())


def iam_client(url: str, config: Config | None = None) -> IAMClient:
    """Make an IAM client of the local endpoint, which checks no signature."""
    import secrets

    import boto3

    return boto3.client(
        "iam",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="not-looked-at",
        aws_secret_access_key=secrets.token_hex(20),
        config=config,
    )


def sequential(url: str) -> Callable[[], int]:
    """Prepare to read as the original script did: every call with boto3's defaults, one after another."""
    iam = iam_client(url)

    def read() -> int:
        keys = 0
        for page in iam.get_paginator("list_users").paginate():
            for user in page["Users"]:
                for key_page in iam.get_paginator("list_access_keys").paginate(UserName=user["UserName"]):
                    for key in key_page["AccessKeyMetadata"]:
                        iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
                        keys += 1
        return keys

    return read


def ours(url: str, way: str) -> Callable[[], int]:
    """Prepare to read as this project does."""
    from keywatch.access_keys.extract import AccessKeyExtraction
    from keywatch.access_keys.iam import DEFAULT_CONCURRENCY, patient_config
    from keywatch.access_keys.record import Account

    threads = 64 if way == SIXTY_FOUR else DEFAULT_CONCURRENCY
    extraction = AccessKeyExtraction(
        iam_client(url, patient_config(threads)),
        Account("123456789012"),
        lookup="report" if way == REPORT else "exact",
        concurrency=threads,
    )
    return lambda: sum(1 for _ in extraction)


def main(way: str, url: str) -> None:
    """Measure one case, in this process."""
    read = sequential(url) if way == SEQUENTIAL else ours(url, way)
    failure, keys = "", 0
    with stopwatch() as watch:
        try:
            keys = read()
        except Exception as error:  # noqa: BLE001 - how it ended is what is measured
            failure = type(error).__name__
    report(watch, keys=keys, failure=failure)


if __name__ == "__main__":
    main(*sys.argv[1:])
