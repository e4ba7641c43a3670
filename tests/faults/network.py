"""What goes wrong between the audit and a service, service by service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from keywatch.errors import (
    AuthorizationRefusedError,
    CertificateUnavailableError,
    ConfigurationError,
    DestinationNotFoundError,
    ExtractionIncompleteError,
    IncompleteReportError,
    KeywatchError,
    RequestRefusedError,
    ServiceUnavailableError,
    SessionRefusedError,
    StagingDamagedError,
    StagingGoneError,
    StagingUnavailableError,
    TlsError,
    TokenRefusedError,
    UnreachableError,
    VaultForbiddenError,
)
from localcloud import Fault, FaultKind
from tests.faults.audit import ATTEMPTS, TRIES, Step, To
from tests.faults.case import Case, Ends

PAGE: Final = "<html><head><title>Notice</title></head><body>Try later.</body></html>"
HTML: Final = "text/html"
EXPIRED: Final = (
    '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type>'
    "<Code>ExpiredToken</Code><Message>The security token included in the request is expired</Message></Error>"
    "<RequestId>0</RequestId></ErrorResponse>"
)


@dataclass(frozen=True)
class Target:
    """A service, and the request to it that is hit.

    Attributes:
        stage: What the matrix calls it.
        host: A suffix of its host names.
        action: As the local cloud calls the request.
        log_type: Further what tells the request from others.
        to: Where the records go.
        on_s3: Whether staging is on S3, or else in a folder.
    """

    stage: str
    host: str
    action: str
    log_type: str | None = None
    to: To = "Logs Ingestion"
    on_s3: bool = False

    def fault(self, kind: FaultKind, **more: Any) -> Fault:  # noqa: ANN401 - the fault's own fields
        """Describe a fault of the request."""
        return Fault(kind, host=self.host, action=self.action, log_type=self.log_type, **more)

    def status(self, status: int, **more: Any) -> Fault:  # noqa: ANN401 - the fault's own fields
        """Describe an answer in the service's place."""
        return self.fault(FaultKind.STATUS, status=status, **more)

    def tunnel(self, kind: FaultKind, count: int | None = 1) -> Fault:
        """Describe a fault of a new connection to the service."""
        return Fault(kind, host=self.host, count=count)

    def expired(self) -> Fault:
        """Describe how the service says that a token or session is over."""
        if self.host.startswith("iam."):
            return self.status(403, body=EXPIRED, content_type="text/xml")
        return self.status(401)


@dataclass(frozen=True)
class End:
    """What becomes of a run.

    Attributes:
        how: By what means.
        sees: What the user sees.
        error: With which a step fails, at first or for good.
        words: A part of what the error says.
        red: Tries that fail.
        twice: Whether records are counted as perhaps there twice.
    """

    how: str
    sees: str
    error: type[KeywatchError] | None = None
    words: str = ""
    red: int = 0
    twice: bool = False
    ends: Ends = Ends.SURVIVED


TO_CLEAR: Final[dict[type[KeywatchError], Step]] = {
    IncompleteReportError: "extract",
    StagingGoneError: "list_accounts",
    StagingDamagedError: "list_accounts",
}


@dataclass(frozen=True, kw_only=True)
class NetworkCase(Case):
    """One fault of one service.

    Attributes:
        target: The service.
        inject: The fault.
        end: What becomes of the run.
    """

    target: Target
    inject: Fault
    end: End

    @property
    def to_clear(self) -> Step | None:
        """The step that the error asks to clear with all behind it, if it is not the one that failed."""
        return TO_CLEAR.get(self.error) if self.error else None

    @property
    def read_timeout(self) -> float:
        """Seconds that an answer may take."""
        return self.inject.seconds / 2 if self.inject.kind is FaultKind.DELAY else 30.0


NO_ANSWER: Final = "no answer in time, though it was done"
CUT: Final = "an answer cut short"
PAGE_200: Final = "a page with HTTP 200 in its place"
PAGE_502: Final = "a page with HTTP 502 in its place"
PAGE_504: Final = "a page with HTTP 504, though it was done"
RESET: Final = "connection reset, nothing done"
RESET_DONE: Final = "connection reset, though it was done"
REFUSED_ALWAYS: Final = "connection refused, always"
UNTRUSTED: Final = "a certificate of a stranger, always"
UNTRUSTED_ONCE: Final = "a certificate of a stranger, once"
OVER: Final = "its token or session is over"
BURST: Final = "HTTP 503, more often than a try asks"
TWICE_502: Final = "HTTP 502, twice"

FAULTS: Final[dict[str, Callable[[Target], Fault]]] = {
    "connection refused, once": lambda it: it.tunnel(FaultKind.REFUSE),
    REFUSED_ALWAYS: lambda it: it.tunnel(FaultKind.REFUSE, None),
    RESET: lambda it: it.fault(FaultKind.DROP_BEFORE),
    RESET_DONE: lambda it: it.fault(FaultKind.DROP_AFTER),
    NO_ANSWER: lambda it: it.fault(FaultKind.DELAY, seconds=1.6),
    UNTRUSTED: lambda it: it.tunnel(FaultKind.TLS_UNTRUSTED, None),
    UNTRUSTED_ONCE: lambda it: it.tunnel(FaultKind.TLS_UNTRUSTED),
    CUT: lambda it: it.fault(FaultKind.TRUNCATE),
    PAGE_200: lambda it: it.status(200, body=PAGE, content_type=HTML),
    PAGE_502: lambda it: it.status(502, body=PAGE, content_type=HTML),
    PAGE_504: lambda it: it.fault(FaultKind.REPLACE, status=504, body=PAGE, content_type=HTML),
    OVER: lambda it: it.expired(),
    "HTTP 403, once": lambda it: it.fault(FaultKind.DENY),
    "HTTP 404, once": lambda it: it.status(404),
    "HTTP 408": lambda it: it.status(408),
    "HTTP 413": lambda it: it.status(413),
    "HTTP 429 with Retry-After": lambda it: it.fault(FaultKind.THROTTLE, retry_after=1),
    "HTTP 429 without Retry-After, twice": lambda it: it.fault(FaultKind.THROTTLE, count=2),
    "HTTP 500, twice": lambda it: it.status(500, count=2),
    TWICE_502: lambda it: it.status(502, count=2),
    "HTTP 503, twice": lambda it: it.status(503, count=2),
    BURST: lambda it: it.status(503, count=ATTEMPTS + 2),
    "a slow answer": lambda it: it.fault(FaultKind.TRICKLE, seconds=0.5),
    "an answer labelled as another type": lambda it: it.fault(FaultKind.MISLABEL, content_type=HTML),
}

AT_ONCE: Final = "it is asked again at once"
WARNED: Final = "a warning in the task's log"
RED_ONCE: Final = "one red try, and a green one"

SURVIVED: Final = End(AT_ONCE, WARNED)
UNSEEN: Final = End(AT_ONCE, "nothing")
AS_IT_IS: Final = End("it is taken as it is", "nothing")
COUNTED: Final = End(AT_ONCE, f"{WARNED}, and those records counted in `perhaps_twice`", twice=True)
IN_HALVES: Final = End("the chunk is sent in halves", "nothing")
ANEW: Final = End("another token is asked for", WARNED)


def next_try(error: type[KeywatchError]) -> End:
    """Describe a try that fails, and another that does not."""
    return End("the task's next try", RED_ONCE, error, red=1)


def believed(error: type[KeywatchError], sees: str, words: str, red: int = 1) -> End:
    """Describe a refusal that no retry helps."""
    return End("no further try, since none can help", sees, error, words, red, ends=Ends.REFUSED)


def in_vain(error: type[KeywatchError], sees: str, words: str, red: int = TRIES) -> End:
    """Describe attempt after attempt without success."""
    how = f"{ATTEMPTS} attempts in each of {TRIES} tries are in vain"
    return End(how, sees, error, words, red, ends=Ends.REFUSED)


NOT_TRUSTED: Final = believed(TlsError, "names the host, and where a proxy's authority is set", "is not trusted")
NOT_REACHED: Final = in_vain(UnreachableError, "names the host, and where its proxy is set", "503")

USUAL: Final[dict[str, End]] = {
    **dict.fromkeys(FAULTS, SURVIVED),
    UNTRUSTED: NOT_TRUSTED,
    REFUSED_ALWAYS: NOT_REACHED,
    BURST: next_try(ServiceUnavailableError),
    "a slow answer": AS_IT_IS,
    "an answer labelled as another type": AS_IT_IS,
}
OF_BOTO: Final = {name: UNSEEN if end is SURVIVED else end for name, end in USUAL.items()}
OF_A_LOAD: Final[dict[str, End]] = {
    **USUAL,
    **dict.fromkeys((RESET, RESET_DONE, NO_ANSWER, CUT, PAGE_200, PAGE_502, PAGE_504, "HTTP 408"), COUNTED),
    "HTTP 413": IN_HALVES,
}

IAM: Final = Target("extract", "iam.amazonaws.com", "ListAccessKeys")
INGESTION: Final = Target(
    "load, Logs Ingestion", ".ingest.monitor.azure.com", "POST logs", log_type="AWS_Access_Key_Report"
)
COLLECTOR: Final = Target(
    "load, Data Collector",
    ".ods.opinsights.azure.com",
    "POST /api/logs",
    log_type="AWS_Access_Key_Report",
    to="Data Collector",
)
VAULT: Final = Target("Key Vault", ".vault.azure.net", "keys/sign")
ENTRA: Final = Target("token endpoint", "login.microsoftonline.com", "token")
SESSIONS: Final = Target("CreateSession", "rolesanywhere.us-east-1.amazonaws.com", "CreateSession")
WRITES: Final = Target("staging on S3, writing", ".s3.amazonaws.com", "PutObject", on_s3=True)
READS: Final = Target("staging on S3, reading", ".s3.amazonaws.com", "GetObject", on_s3=True)

STAGING: Final[dict[str, End]] = {
    **OF_BOTO,
    **dict.fromkeys(
        (OVER, "HTTP 403, once", "HTTP 404, once", "HTTP 408", "HTTP 413", BURST), next_try(StagingUnavailableError)
    ),
}

ENDS: Final[dict[Target, dict[str, End]]] = {
    IAM: {
        **OF_BOTO,
        **dict.fromkeys(
            (CUT, PAGE_200, OVER, "HTTP 404, once", "HTTP 408", "HTTP 413"), next_try(ExtractionIncompleteError)
        ),
        "HTTP 403, once": believed(
            IncompleteReportError, "names account, action and policy", "denies iam:ListAccessKeys", red=0
        ),
        REFUSED_ALWAYS: in_vain(
            IncompleteReportError, "names accounts and host, and where the proxy is set", "cannot be reached", TRIES - 1
        ),
    },
    INGESTION: {
        **OF_A_LOAD,
        OVER: ANEW,
        TWICE_502: COUNTED,
        "HTTP 403, once": believed(AuthorizationRefusedError, "names the missing role", "Monitoring Metrics Publisher"),
        "HTTP 404, once": believed(DestinationNotFoundError, "names rule and stream", "has no rule dcr-"),
    },
    COLLECTOR: {
        **OF_A_LOAD,
        OVER: believed(RequestRefusedError, "names status and code", "HTTP 401"),
        "HTTP 403, once": believed(
            AuthorizationRefusedError, "says whether key or clock is wrong", "the shared key on the connection"
        ),
        "HTTP 404, once": believed(DestinationNotFoundError, "names the workspace", "There is no active workspace"),
    },
    VAULT: {
        **USUAL,
        OVER: End("the vault's challenge is answered with another token", "nothing"),
        "HTTP 403, once": believed(VaultForbiddenError, "names the missing role", "Key Vault Crypto User"),
        "HTTP 404, once": believed(CertificateUnavailableError, "names the certificate", "has no key keywatch-audit"),
        "HTTP 413": believed(RequestRefusedError, "names status and code", "HTTP 413"),
    },
    ENTRA: {
        **USUAL,
        "HTTP 403, once": believed(TokenRefusedError, "says what Entra refuses, and its code", "AADSTS53003"),
    },
    SESSIONS: {
        **USUAL,
        **dict.fromkeys(
            (OVER, "HTTP 404, once", "HTTP 413"),
            believed(ConfigurationError, "names the extras to correct", "Correct roles_anywhere"),
        ),
        "HTTP 403, once": believed(
            SessionRefusedError, "says what to look at in trust anchor, profile or role", "role"
        ),
    },
    WRITES: STAGING
    | {PAGE_200: believed(StagingGoneError, "says that the whole run has to be cleared", "Clear the whole run")},
    READS: STAGING
    | {PAGE_200: believed(StagingDamagedError, "says that the whole run has to be cleared", "Clear the whole run")},
}

LEFT_OUT: Final[dict[Target, tuple[str, ...]]] = {
    **{each: (UNTRUSTED_ONCE,) for each in ENDS if not each.on_s3},
    IAM: (UNTRUSTED_ONCE, BURST),
    WRITES: (UNTRUSTED, REFUSED_ALWAYS),
    READS: (UNTRUSTED, REFUSED_ALWAYS, BURST, *(name for name in FAULTS if "twice" in name)),
}
"""What a case of is no news: once is as good as always where nothing is tried again, s3fs asks for half a minute before
it gives up, and which of IAM's many requests a burst hits is a matter of luck."""


def _cases() -> Iterator[NetworkCase]:
    for target, ends in ENDS.items():
        for name, make in FAULTS.items():
            if name not in LEFT_OUT[target]:
                end = ends[name]
                yield NetworkCase(
                    stage=target.stage,
                    fault=name,
                    ends=end.ends,
                    how=end.how,
                    sees=end.sees,
                    error=end.error,
                    target=target,
                    inject=make(target),
                    end=end,
                )


CASES: Final = tuple(_cases())
