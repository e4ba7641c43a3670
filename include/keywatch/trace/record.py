"""Recording the HTTP requests of one task."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from keywatch.errors import KeywatchError
from keywatch.staging import StagingPath, make_folder, remove
from keywatch.trace.entry import iso_time
from keywatch.trace.files import TracedTask
from keywatch.trace.har import page, write_har
from keywatch.trace.known import KnownSecrets
from keywatch.trace.recorder import Recorder
from keywatch.trace.tap import Tap

log = logging.getLogger(__name__)

LONGEST_BODY: Final = 65_536
"""Characters of a body that are written, unless told otherwise."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A recording that goes on."""

    _known: KnownSecrets = field(default_factory=KnownSecrets, repr=False)
    _process: int = field(default_factory=os.getpid, repr=False)

    def hide(self, *secrets: str) -> None:
        """Keep values from being written, wherever they stand, also in what has been recorded already.

        Args:
            secrets: Each of 4 characters or more; shorter ones would be found in words, and are ignored.
        """
        for secret in secrets:
            self._known.give(secret)

    @property
    def goes_on_here(self) -> bool:
        """Whether it is of this process, and not of one that this was forked from."""
        return self._process == os.getpid()


_claiming = threading.Lock()
_going_on: Recording | None = None


@contextlib.contextmanager
def recording(
    folder: StagingPath, task: TracedTask, *, secrets: Iterable[str] = (), longest_body: int = LONGEST_BODY
) -> Iterator[Recording]:
    """Record every HTTP request that this process makes meanwhile, and write them as one HAR file.

    There is one recording at a time, since all threads of the process are recorded. A second one, within the first or
    beside it, joins it: its requests are in the first one's file, its secrets are kept out of that, and a warning says
    so. What goes wrong in recording or writing is logged; neither a request nor the task fails of it.

    Args:
        folder: Where the file is written, see `trace_folder`. It is made if need be.
        task: Gives the file its name, and the requests the page that they belong to.
        secrets: Values that are not to be written wherever they stand, of 4 characters or more each.
        longest_body: Characters of a body that are written.

    Yields:
        The recording, which can be told of further secrets.
    """
    try:
        recorder = Recorder(task.page_id, longest_body)
    except OSError as error:
        log.warning("Tracing is on, but nothing is recorded: no temporary file can be made (%s).", error.strerror)
        yield Recording()
        return
    mine = Recording(recorder.known)
    try:
        going_on = _claim(mine)
        going_on.hide(*secrets)
        if going_on is mine:
            with _recorded(recorder, mine, folder, task):
                yield mine
        else:
            log.warning("%s is traced together with what is recorded already, in the same file.", task.title)
            yield going_on
    finally:
        _release(mine)
        recorder.close()


@contextlib.contextmanager
def _recorded(recorder: Recorder, mine: Recording, folder: StagingPath, task: TracedTask) -> Iterator[None]:
    """Record, and write what was recorded, whatever happens meanwhile."""
    path = folder / task.file_name()
    its_page = page(task.page_id, task.title, iso_time(datetime.now(UTC)))
    log.warning(
        "Tracing is on: every HTTP request of this task is recorded, and will be in %s. Secrets are removed, but the "
        "file tells what was asked and answered: names, ARNs, addresses. Remove it once it is not needed any more.",
        path,
    )
    tap = Tap(recorder)
    try:
        yield
    finally:
        tap.close()
        _release(mine)
        _write(recorder, folder, path, its_page)


def _claim(mine: Recording) -> Recording:
    """Return the recording that goes on: this one, unless another one does already."""
    global _going_on  # noqa: PLW0603 - what is recorded belongs to the process, and so does this
    with _claiming:
        if _going_on is None or not _going_on.goes_on_here:
            _going_on = mine
        return _going_on


def _release(mine: Recording) -> None:
    """Let another recording go on, if this one did."""
    global _going_on  # noqa: PLW0603 - as above
    with _claiming:
        if _going_on is mine:
            _going_on = None


def _write(recorder: Recorder, folder: StagingPath, path: StagingPath, its_page: dict[str, object]) -> None:
    try:
        make_folder(folder)
        count = write_har(path, [its_page], recorder.entries())
    except Exception as error:  # noqa: BLE001 - whatever it is, the task has done its work
        reason = str(error) if isinstance(error, KeywatchError) else type(error).__name__
        log.warning("The trace could not be written to %s: %s", path, reason.removesuffix(" Another try follows."))
        with contextlib.suppress(KeywatchError):
            remove(path)  # rather none than half of one
    else:
        log.info("%d requests were recorded in %s.", count, path)
