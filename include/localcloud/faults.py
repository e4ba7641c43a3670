"""Which injected fault hits which request."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcloud.model import TUNNEL_KINDS, Fault, FaultKind

if TYPE_CHECKING:
    from localcloud.service import Call

ACCOMPANYING = frozenset({FaultKind.DELAY, FaultKind.VANISH})
"""Faults after which the request goes on, to the next fault or the service."""


@dataclass
class _Injected:
    fault: Fault
    passed: int = 0
    hits: int = 0

    def take(self) -> bool:
        """Count a matching request; True if the fault hits it."""
        if self.passed < self.fault.after:
            self.passed += 1
            return False
        if self.fault.count is not None and self.hits >= self.fault.count:
            return False
        self.hits += 1
        return True


class Faults:
    """The injected faults, in order. Safe to use from several threads."""

    def __init__(self) -> None:
        self._injected: list[_Injected] = []
        self._lock = threading.Lock()

    def inject(self, fault: Fault) -> None:
        """Add a fault behind the others."""
        with self._lock:
            self._injected.append(_Injected(fault))

    def clear(self) -> None:
        """Remove all faults."""
        with self._lock:
            self._injected.clear()

    def hits(self) -> list[tuple[Fault, int]]:
        """List the faults with how many requests each has hit."""
        with self._lock:
            return [(each.fault, each.hits) for each in self._injected]

    def for_call(self, call: Call, body_bytes: int = 0) -> list[Fault]:
        """Take the faults that hit a request: any number that accompany it, then at most one that decides.

        Args:
            call: the request.
            body_bytes: the length of its body on the wire.
        """
        chosen: list[Fault] = []
        with self._lock:
            for each in self._injected:
                if each.fault.kind in TUNNEL_KINDS or not _matches(each.fault, call, body_bytes) or not each.take():
                    continue
                chosen.append(each.fault)
                if each.fault.kind not in ACCOMPANYING:
                    break
        return chosen

    def for_tunnel(self, host: str) -> Fault | None:
        """Take the fault that hits a new connection to a host."""
        with self._lock:
            for each in self._injected:
                fault = each.fault
                if fault.kind in TUNNEL_KINDS and _host_matches(fault.host, host) and each.take():
                    return fault
        return None


def _host_matches(suffix: str | None, host: str) -> bool:
    return suffix is None or host.endswith(suffix.lower())


def _matches(fault: Fault, call: Call, body_bytes: int) -> bool:
    if fault.larger_than is not None and body_bytes <= fault.larger_than:
        return False
    wanted = (
        (fault.action, call.action),
        (fault.account, call.account),
        (fault.log_type, call.log_type),
        (fault.detail, call.detail),
    )
    if not _host_matches(fault.host, call.host) or any(want not in (None, has) for want, has in wanted):
        return False
    return _subject_matches(fault, call)


def _subject_matches(fault: Fault, call: Call) -> bool:
    """Check the user and key; what is to vanish may do so before a call that is about nobody, such as ListUsers."""
    pairs = ((fault.user, call.user), (fault.access_key_id, call.access_key_id))
    if fault.kind is FaultKind.VANISH:
        return all(want is None or has in (None, want) for want, has in pairs)
    return all(want in (None, has) for want, has in pairs)
