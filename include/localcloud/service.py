"""What the proxy asks of a service that it plays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from localcloud.http1 import Request, Response
    from localcloud.model import Fault


@dataclass(frozen=True)
class Call:
    """What a request asks for, as far as it can be read; faults are matched against it, and the log keeps some.

    Attributes:
        service: such as `iam`, `logs` or `vault`.
        host: the host the request was sent to.
        action: as in `Fault.action`.
        account: the caller's AWS account or client id, a managed identity's name, or the workspace id.
        user: the IAM user it is about.
        access_key_id: the access key it is about.
        caller_key_id: the access key it says it is signed with.
        parameters: of the query protocol.
        log_type: the Data Collector's Log-Type, or the stream without `Custom-`.
        payload: the parsed body, if the service has parsed it already.
        raw_bytes: length of a body that may be packed, once unpacked.
        detail: what else tells requests apart: a token's scope, a key's name and version, a subscription's id.
    """

    service: str
    host: str
    action: str | None = None
    account: str | None = None
    user: str | None = None
    access_key_id: str | None = None
    caller_key_id: str | None = None
    parameters: dict[str, str] = field(default_factory=dict, repr=False)
    log_type: str | None = None
    payload: Any = field(default=None, repr=False)
    raw_bytes: int | None = None
    detail: str | None = None


class Service(Protocol):
    """A service that answers for some hosts. All its calls are made from one thread."""

    @property
    def plays(self) -> tuple[str, ...]:
        """The hosts, in words."""

    def owns(self, host: str) -> bool:
        """Tell whether it answers for a host."""

    def read(self, host: str, request: Request) -> Call:
        """Tell what a request asks for."""

    def answer(self, request: Request, call: Call) -> Response:
        """Check the request and do what it asks for."""

    def apply(self, fault: Fault, call: Call) -> Response | None:
        """Do what a fault says; the response if the fault answers in the service's place."""
