"""Waits in the triggerer for the answer to a request, and closes it when it is over."""

from __future__ import annotations

import logging
from typing import Any, Final

from airflow.providers.standard.triggers.hitl import HITLTrigger
from airflow.triggers.base import TriggerEvent
from asgiref.sync import sync_to_async

from keywatch.errors import KeywatchError
from keywatch_airflow.report_store import report_reader

log = logging.getLogger(__name__)

POKE_SECONDS: Final = 10.0
"""How often is asked whether the request is answered or superseded; an answer resumes its task by itself."""


class ApprovalTrigger(HITLTrigger):
    """Airflow's trigger of a request that waits for a person, which also ends when the proposal is no longer open.

    Args:
        proposal: Its SHA-256.
        poke_interval: Seconds from one look to the next.
        arguments: Of `HITLTrigger`.
    """

    def __init__(self, *, proposal: str, poke_interval: float = POKE_SECONDS, **arguments: Any) -> None:  # noqa: ANN401 - Airflow's
        super().__init__(poke_interval=poke_interval, **arguments)
        self.proposal = proposal

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Say how to make it again."""
        _, arguments = super().serialize()
        return f"{__name__}.{type(self).__name__}", {**arguments, "proposal": self.proposal}

    async def _handle_response(self) -> TriggerEvent | None:
        """Look for an answer, and, if there is none, whether one is still wanted."""
        if answered := await super()._handle_response():  # type: ignore[no-untyped-call]
            return answered  # type: ignore[no-any-return]
        if not await sync_to_async(self._is_closed, thread_sensitive=False)():
            return None
        log.info("The proposal %s is superseded: its request is closed", self.proposal)
        return await self._handle_timeout()  # which answers with the default, as of a request that nobody answers

    def _is_closed(self) -> bool:
        """Tell whether the proposal is no longer open; a store that cannot be read now is asked again later."""
        try:
            state = report_reader().proposal(self.proposal)
        except KeywatchError as error:
            log.warning("Whether the proposal is still open cannot be seen now: %s", error)
            return False
        return state is not None and state.state != "open"
