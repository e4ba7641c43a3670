"""Where the traces of a run lie in the staging area, and how a task's is begun."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from keywatch.columns import iso_time
from keywatch.errors import StagingGoneError
from keywatch.pipeline.folders import RunFolder
from keywatch.trace import TracedTask, recording, trace_folder
from keywatch_airflow.settings import staging

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath
    from airflow.sdk.types import RuntimeTaskInstanceProtocol


def traces_of(dag_id: str, run_id: str) -> RunFolder[ObjectStoragePath]:
    """Return the folder of a run's traces, which are kept as long as a run's other files.

    Args:
        dag_id: Of any DAG.
        run_id: Airflow's run id.
    """
    return RunFolder(staging(), f"trace/{dag_id}/{run_id}")


@contextmanager
def recording_of(task_instance: RuntimeTaskInstanceProtocol) -> Iterator[None]:
    """Write down the requests of a task meanwhile.

    Raises:
        StagingUnavailableError: The staging area cannot be written at the moment.
    """
    run = traces_of(task_instance.dag_id, task_instance.run_id)
    try:
        run.listed_at()
    except StagingGoneError:
        run.start(iso_time(datetime.now(UTC)))
    task = TracedTask(
        dag_id=task_instance.dag_id,
        task_id=task_instance.task_id,
        map_index=-1 if task_instance.map_index is None else task_instance.map_index,
        try_number=task_instance.try_number,
    )
    with recording(trace_folder(run.folder), task):
        yield
