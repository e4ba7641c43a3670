"""Tells Airflow when a task's requests are written down: where its run, or a connection that it uses, says `trace`.

Airflow calls the listener in the process of each task, of whatever DAG, and in other processes too.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any, Final

from airflow.listeners import hookimpl
from keywatch.errors import KeywatchError

if TYPE_CHECKING:
    from airflow.sdk.types import RuntimeTaskInstanceProtocol

log = logging.getLogger(__name__)

TRACE: Final = "trace"


class TaskTrace:
    """The trace of the task that runs in this process; there is one at most."""

    def __init__(self) -> None:
        self._task: RuntimeTaskInstanceProtocol | None = None
        self._recording: contextlib.ExitStack | None = None
        self._is_begun = False
        self._lock = threading.Lock()

    @hookimpl
    def on_task_instance_running(self, previous_state: object, task_instance: Any) -> None:  # noqa: ANN401 - Airflow's
        """Begin, if the run's parameters say so."""
        del previous_state
        self.end()
        if not hasattr(task_instance, "get_template_context"):  # in the API server, of a task that runs elsewhere
            return
        self._task = task_instance
        if task_instance.get_template_context().get("params", {}).get(TRACE) is True:
            self.begin()

    @hookimpl
    def on_task_instance_success(self, previous_state: object, task_instance: object) -> None:
        """End."""
        del previous_state, task_instance
        self.end()

    @hookimpl
    def on_task_instance_failed(self, previous_state: object, task_instance: object, error: object) -> None:
        """End."""
        del previous_state, task_instance, error
        self.end()

    @hookimpl
    def on_task_instance_skipped(self, previous_state: object, task_instance: object) -> None:
        """End."""
        del previous_state, task_instance
        self.end()

    @hookimpl
    def before_stopping(self, component: object) -> None:
        """End, whatever became of the task: it may have been deferred."""
        del component
        self.end()

    def begin(self) -> None:
        """Write down the requests of the running task from now on; nothing happens outside of a task, or twice.

        A trace that cannot be written fails no task.
        """
        with self._lock:
            task, wanted = self._task, not self._is_begun
            self._is_begun = True  # before the staging area is opened, which may go by a connection that is traced too
        if task is None or not wanted:
            return
        from keywatch_airflow.trace_files import recording_of

        stack = contextlib.ExitStack()
        try:
            stack.enter_context(recording_of(task))
        except KeywatchError as error:
            log.warning("This task is not traced: %s", error)
            return
        self._recording = stack

    def end(self) -> None:
        """Put what was written down where it belongs."""
        recording, self._recording, self._task = self._recording, None, None
        self._is_begun = False
        if recording is not None:
            recording.close()


TASK_TRACE: Final = TaskTrace()
"""The listener, one in each process."""


def trace_this_task() -> None:
    """Write down the requests of the task that runs in this process, since a connection that it uses says so."""
    TASK_TRACE.begin()
