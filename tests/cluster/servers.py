"""PostgreSQL and Redis of the operating system, on loopback, each with a folder of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg

from localcloud.standalone import free_port
from tests.cluster.processes import end, wait_until_open

START_SECONDS = 30.0
STOP_SECONDS = 10.0
UNPRIVILEGED: Final = "nobody"
"""Whom PostgreSQL runs as where the tests are root's: it refuses to be root."""


@contextlib.contextmanager
def postgresql(environment: Mapping[str, str]) -> Iterator[int]:
    """Run PostgreSQL, and give its port.

    Args:
        environment: `POSTGRES_USER`, `POSTGRES_PASSWORD` and `POSTGRES_DB`, as the image of that name reads them.
    """
    user, password = environment["POSTGRES_USER"], environment["POSTGRES_PASSWORD"]
    port = free_port()
    with _folder() as folder:
        _init_database(folder, user, password)
        command = [_program("postgres"), "-D", str(folder / "data"), "-h", "127.0.0.1", "-p", str(port)]
        quick = ["-c", "fsync=off", "-c", "max_connections=200", "-c", f"unix_socket_directories={folder}"]
        process = _start([*command, *quick], folder / "log", **_unprivileged())
        try:
            url = f"host=127.0.0.1 port={port} user={user} password={password} dbname="
            wait_until_open(process, _accepts(url + "postgres"), START_SECONDS)
            with psycopg.connect(url + "postgres", autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{environment["POSTGRES_DB"]}"'.encode())
            yield port
        finally:
            end([process], signal.SIGINT, STOP_SECONDS)


@contextlib.contextmanager
def redis(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Iterator[int]:
    """Run Redis, and give its port.

    Args:
        command: As docker-compose.yaml has it: a shell's, with `redis-server -` in it.
        environment: As docker-compose.yaml has it.
        folder: Where its data go.
    """
    port = free_port()
    *shell, script = command
    server = "redis-server -"
    here = script.replace(server, f"{server} --bind 127.0.0.1 --port {port} --dir {folder}")
    process = _start([*shell, here], folder / "log", env={"PATH": os.environ["PATH"], **environment})
    try:
        wait_until_open(process, _listens(port), START_SECONDS)
        yield port
    finally:
        end([process], signal.SIGTERM, STOP_SECONDS)


def _start(command: list[str], log: Path, **options: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401 - of Popen
    with log.open("wb") as file:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder that the unprivileged user may enter, which pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="keywatch-postgresql-"))
    try:
        if _unprivileged():
            shutil.chown(folder, UNPRIVILEGED)
        yield folder
    finally:
        shutil.rmtree(folder)


def _init_database(folder: Path, user: str, password: str) -> None:
    """Make a data directory whose only user needs a password."""
    secret = folder / "password"
    secret.write_text(password, encoding="utf-8")
    options = [
        "--username",
        user,
        "--pwfile",
        str(secret),
        "--auth",
        "scram-sha-256",
        "--no-sync",
        "--encoding",
        "UTF8",
    ]
    command = [_program("initdb"), "--pgdata", str(folder / "data"), "--locale", "C.UTF-8", *options]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, **_unprivileged())
    secret.unlink()
    if finished.returncode:
        raise RuntimeError(f"initdb failed:\n{finished.stdout}\n{finished.stderr}")


def _unprivileged() -> dict[str, Any]:
    """Options of Popen by which a process is not root."""
    if os.geteuid() != 0:
        return {}
    return {"user": UNPRIVILEGED, "group": pwd.getpwnam(UNPRIVILEGED).pw_gid, "extra_groups": []}


def _program(name: str) -> str:
    """Find a program of PostgreSQL's, which Debian keeps out of PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    program = str(found[-1]) if found else shutil.which(name)
    if program is None:
        raise FileNotFoundError(f"PostgreSQL's {name} is not installed: make test-cluster says what to do.")
    return program


def _accepts(url: str) -> Iterator[bool]:
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            yield False
        else:
            yield True


def _listens(port: int) -> Iterator[bool]:
    while True:
        with socket.socket() as probe:
            yield probe.connect_ex(("127.0.0.1", port)) == 0
