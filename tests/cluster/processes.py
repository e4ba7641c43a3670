"""Processes and all that they start, of which none is left behind."""

from __future__ import annotations

import contextlib
import ctypes
import signal
import subprocess
import time
from collections.abc import Collection, Iterable, Iterator

import psutil

PR_SET_CHILD_SUBREAPER = 36
KILL_SECONDS = 10.0


@contextlib.contextmanager
def none_left_behind() -> Iterator[None]:
    """Kill, at the end, every process that was started meanwhile, those too whose parent is gone.

    They become children of this process, as Linux allows: so it finds them whatever they call themselves.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    before = set(offspring())
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        kill(each for each in offspring() if each not in before)
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def offspring() -> list[psutil.Process]:
    """List the processes that this one has started, and those that they have."""
    return psutil.Process().children(recursive=True)


def tree(pid: int) -> list[psutil.Process]:
    """List a process and all that it has started, itself first."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def kill(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Kill processes by SIGKILL, each stopped first so that it starts no other, and return those still there."""
    doomed = list(processes)
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for process in doomed:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
    _, alive = psutil.wait_procs(doomed, timeout=KILL_SECONDS)
    return list(alive)


def end(started: Collection[subprocess.Popen[bytes]], number: signal.Signals, seconds: float) -> None:
    """Ask processes to end, and kill what of them, and of all that they have started, does not."""
    family: list[psutil.Process] = []
    for process in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            family += tree(process.pid)
            process.send_signal(number)
    _, alive = psutil.wait_procs(family, timeout=seconds)
    kill(alive)
    for process in started:
        process.wait()


def wait_until_open(process: subprocess.Popen[bytes], answers: Iterator[bool], seconds: float) -> None:
    """Wait until a server answers.

    Raises:
        TimeoutError: It ended, or did not answer in time.
    """
    deadline = time.monotonic() + seconds
    for answered in answers:
        if answered:
            return
        if process.poll() is not None or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    raise TimeoutError(f"{process.args!r} does not answer, or ended: {process.poll()}")
