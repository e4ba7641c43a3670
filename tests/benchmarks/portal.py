"""The key owners' portal with 200 people signed in, each of whom asks for a page once in five seconds.

Web app and API run as they do for everybody, each a process of its own, on a report store and sessions in SQLite files;
a provider on loopback has signed the access tokens, so that the API checks real ones. Each person has 25 keys; how many
keys there are in all is what changes.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks.harness import (
    MB,
    Demand,
    Note,
    Row,
    clean_environment,
    in_fresh_process,
    progress,
    report,
    stopwatch,
)

if TYPE_CHECKING:
    from tests.keywatch.portal.tokens.issuer import Issuer

NAME: Final = "portal"
TITLE: Final = "the key owners' portal: 200 people signed in, one request each every 5 seconds, SQLite"
SIZES: Final = (100_000, 1_000_000)
PEOPLE: Final = 200
KEYS_EACH: Final = 25
EVERY_SECONDS: Final = 5.0
ROUNDS: Final = 8
"""Requests of each person that are counted, after one that is not."""
MOST_MS: Final = 100
MOST_GROWTH: Final = 1.1
"""Memory with the larger size may be this many times that with the smaller one."""
READY_SECONDS: Final = 60
HOUR: Final = 3_600
PAGE: Final = "/account"
CLIENT: Final = "keywatch-web"
AUDIENCE: Final = "keywatch-api"


@dataclass(frozen=True, slots=True)
class Load:
    """What the portal made of one size.

    Attributes:
        milliseconds: Of each answer that was counted.
        wrong: Answers that were not a page with the person's keys.
        web_mb: The web app's memory afterwards.
        api_mb: The API's.
    """

    milliseconds: list[float]
    wrong: int
    web_mb: float
    api_mb: float

    @property
    def p95(self) -> float:
        """The time within which 95 of 100 answers came."""
        return statistics.quantiles(self.milliseconds, n=100)[94]


def benchmark() -> Iterator[Note | Row]:
    """Measure both sizes."""
    yield Note(
        f"{PEOPLE} people with {KEYS_EACH} keys each, spread evenly over the {EVERY_SECONDS:.0f} seconds; {ROUNDS} "
        "requests of each for page My account are counted, which asks the API twice. Memory is resident, after all."
    )
    loads = {size: measure(size) for size in SIZES}
    first = loads[SIZES[0]]
    for size, load in loads.items():
        demands = [Demand("p95 ms", load.p95, MOST_MS), Demand("wrong answers", load.wrong, 0)]
        if load is not first:
            demands += [
                Demand("memory of the web app, of the first", load.web_mb / first.web_mb, MOST_GROWTH),
                Demand("memory of the API, of the first", load.api_mb / first.api_mb, MOST_GROWTH),
            ]
        yield Row(
            f"{size:,} keys",
            {
                "requests": len(load.milliseconds),
                "median ms": statistics.median(load.milliseconds),
                "p95 ms": load.p95,
                "worst ms": max(load.milliseconds),
                "web app MB": load.web_mb,
                "API MB": load.api_mb,
            },
            tuple(demands),
        )


def measure(size: int) -> Load:
    """Fill a store, start the portal on it, and let everybody ask."""
    from localcloud.standalone import free_port
    from tests.keywatch.portal.tokens.issuer import Issuer

    with tempfile.TemporaryDirectory() as name, Issuer(Path(name)) as issuer, contextlib.ExitStack() as stack:
        folder, web, api = Path(name), free_port(), free_port()
        in_fresh_process(__name__, "fill", str(size), str(folder / "report.db"))
        configure(folder, issuer, web, api)
        cookies = sign_in_everybody(folder, issuer)
        processes = [stack.enter_context(served(folder, app, port)) for app, port in (("api", api), ("web", web))]
        progress(f"portal {size:,} keys: {PEOPLE} people, {EVERY_SECONDS * (ROUNDS + 1):.0f} seconds")
        milliseconds, wrong = ask(web, cookies)
        return Load(milliseconds, wrong, resident(processes[1]), resident(processes[0]))


def configure(folder: Path, issuer: Issuer, web: int, api: int) -> None:
    """Write the portal's configuration."""
    (folder / "portal.toml").write_text(
        f"""
web_url = "http://127.0.0.1:{web}"
api_url = "http://127.0.0.1:{api}"
store = "sqlite:///{folder / "report.db"}"
sessions = "sqlite:///{folder / "sessions.db"}"

[provider]
flavour = "openid"
issuer = "https://{issuer.host}"
client_id = "{CLIENT}"
audience = "{AUDIENCE}"
acr = "mfa"
certificate = "keywatch-portal"

[vault]
url = "https://keywatch.vault.azure.net"

[transport]
ca_bundle = "{folder / "ca.pem"}"
proxy = "direct"
""",
        encoding="utf-8",
    )


def address(number: int) -> str:
    """Give a person's address."""
    return f"owner-{number:03}@keywatch.example"


def sign_in_everybody(folder: Path, issuer: Issuer) -> list[str]:
    """Bind everybody's account, and put a session of each where the web app finds it; give their cookies."""
    from keywatch.portal.accounts.store import AccountStore
    from keywatch.portal.provider.model import Identity, Subject
    from keywatch.portal.web.session import Person, Session, Tokens
    from keywatch.portal.web.session_store import Lifetimes, SessionStore
    from keywatch.report.engine import sqlite_url

    accounts = AccountStore(sqlite_url(folder / "report.db"))
    sessions, cookies = SessionStore(sqlite_url(folder / "sessions.db"), Lifetimes(HOUR, HOUR), time.time), []
    for number in range(PEOPLE):
        subject = Subject(f"https://{issuer.host}", f"subject-{number}")
        identity = Identity(subject, f"Owner {number}", address(number), email_verified=True)
        accounts.accept(accounts.invite(address(number), issued_by="benchmark").code, identity)
        person = Person(
            subject=subject,
            name=identity.name,
            email=identity.email,
            email_verified=True,
            claims={"name": identity.name},
            tokens=Tokens(access_token=access_token(issuer, subject.value), expires=time.time() + HOUR),
        )
        cookies.append(sessions.add(Session(csrf="x", person=person)))
    sessions.close()
    accounts.close()
    return cookies


def access_token(issuer: Issuer, subject: str) -> str:
    """Sign an access token."""
    from tests.keywatch.portal.tokens.issuer import header, sign

    now = int(time.time())
    return sign(
        {
            "iss": f"https://{issuer.host}",
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now,
            "exp": now + HOUR,
            "auth_time": now,
            "acr": "password",
            "scope": "Accounts.Read Accounts.Write",
        },
        header(),
    )


@contextlib.contextmanager
def served(folder: Path, app: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run one of the portal's apps, as anybody does."""
    command = [
        sys.executable,
        "-m",
        "keywatch.portal",
        app,
        "--config",
        str(folder / "portal.toml"),
        "--port",
        str(port),
    ]
    with (folder / f"{app}.log").open("wb") as log:
        process = subprocess.Popen(command, env=clean_environment(), stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_until_ready(process, port, folder / f"{app}.log")
            yield process
        finally:
            process.terminate()
            process.wait(30)


def wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until an app answers."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == http.HTTPStatus.OK:
                connection.close()
                return
        time.sleep(0.1)
    raise TimeoutError(f"The portal did not start:\n{log.read_text(encoding='utf-8')[-3000:]}")


def ask(port: int, cookies: list[str]) -> tuple[list[float], int]:
    """Let everybody ask once in five seconds; give the milliseconds of each answer, and how many were wrong."""
    taken: list[float] = []
    wrong: list[int] = []
    began = time.monotonic() + 1
    threads = [
        threading.Thread(target=one_person, args=(port, cookie, began + number * EVERY_SECONDS / PEOPLE, taken, wrong))
        for number, cookie in enumerate(cookies)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken, len(wrong) + PEOPLE * ROUNDS - len(taken)


def one_person(port: int, cookie: str, begin: float, taken: list[float], wrong: list[int]) -> None:
    """Ask for the page again and again, over one connection, as a browser does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for number in range(ROUNDS + 1):
        time.sleep(max(0.0, begin + number * EVERY_SECONDS - time.monotonic()))
        started = time.perf_counter()
        connection.request("GET", PAGE, headers={"Cookie": f"__Host-keywatch={cookie}"})
        answer = connection.getresponse()
        body = answer.read()
        if number:
            taken.append((time.perf_counter() - started) * 1_000)
        if answer.status != http.HTTPStatus.OK or body.count(b"AKIA...") != KEYS_EACH:
            wrong.append(answer.status)
    connection.close()


def resident(process: subprocess.Popen[bytes]) -> float:
    """Return a process's resident memory."""
    import psutil

    return float(psutil.Process(process.pid).memory_info().rss) / MB


def fill(count: str, path: str) -> None:
    """Write a run of so many keys, and give everybody theirs."""
    from sqlalchemy import text

    from keywatch.report.engine import open_engine, sqlite_url
    from keywatch.report.write import write_run
    from tests.benchmarks.report_store import FIRST_DAY, records, run

    engine = open_engine(sqlite_url(Path(path)), writing=True)
    with stopwatch() as watch:
        write_run(engine, run(FIRST_DAY, int(count)), records(int(count), FIRST_DAY))
        with engine.begin() as connection:
            ids = connection.scalars(text("SELECT id FROM access_key WHERE access_key_id IS NOT NULL")).all()
            theirs = random.Random(2).sample(list(ids), PEOPLE * KEYS_EACH)  # noqa: S311 - no secret
            for number, key in enumerate(theirs):
                connection.execute(
                    text("UPDATE access_key SET owner = :owner, owner_source = 'table' WHERE id = :id"),
                    {"owner": address(number % PEOPLE), "id": key},
                )
        engine.dispose()
    os.sync()  # or the disk would be busy with the store while it is asked
    report(watch)


if __name__ == "__main__":
    {"fill": fill}[sys.argv[1]](*sys.argv[2:])
