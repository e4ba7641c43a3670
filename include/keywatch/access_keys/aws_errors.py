"""botocore's errors in Keywatch's terms."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own
    CredentialRetrievalError,
    HTTPClientError,
    InvalidProxiesConfigError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
    SSOError,
    TokenRetrievalError,
)
from botocore.parsers import ResponseParserError

from keywatch.errors import (
    AccessDeniedError,
    AccountUnusableError,
    AwsCredentialsError,
    AwsServiceError,
    ConfigurationError,
    KeywatchError,
    PermanentError,
    SessionExpiredError,
    ThrottledError,
    TlsError,
    UnreachableError,
)
from keywatch.transport.knobs import OF_AN_AWS_CONNECTION
from keywatch.transport.presented import presented_to
from keywatch.transport.untrusted import is_untrusted, untrusted

log = logging.getLogger(__name__)

ACCESS_KEY_ID: Final = re.compile(r"(A(?:KIA|SIA|BIA|CCA))[A-Z0-9]{8,}([A-Z0-9]{4})", re.IGNORECASE)
"""An access key id of any kind, wherever it stands in a text (IAM user guide, "Unique identifiers")."""

LONGEST_MESSAGE: Final = 300
"""Characters of what AWS says that are handed on. Further on, a refused signature is quoted, session token included."""

CREDENTIAL_CODES: Final = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
EXPIRED_CODES: Final = frozenset({"ExpiredToken", "ExpiredTokenException"})
DENIED_CODES: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
THROTTLE_CODES: Final = frozenset(
    {"Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestThrottled", "TooManyRequestsException"}
)


NO_CREDENTIALS: Final = (
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)
NOT_USABLE: Final = (InvalidProxiesConfigError, NoRegionError, ParamValidationError, ProfileNotFound)
NO_ORGANIZATION: Final = "AWSOrganizationsNotInUseException"
NOT_USABLE_CODES: Final = frozenset({"InvalidInput", "ValidationError"})
ACCOUNT_CODES: Final = frozenset({"OptInRequired", "RegionDisabledException"})
"""What AWS says of an account that has not signed up, or has not enabled the Region (STS API reference, AssumeRole)."""

T = TypeVar("T")


class GoneError(AwsServiceError):
    """AWS says that what was asked about does not exist; the extraction takes a listed user or key for deleted."""


def ask_aws(account_id: str, action: str, call: Callable[[], T]) -> T:
    """Ask AWS, with botocore's errors turned into Keywatch's and no access key id left in them.

    Args:
        account_id: For the message, 12 digits.
        action: What is being asked, as IAM policies name it.
        call: Asks.

    Raises:
        GoneError: What was asked about does not exist.
        AccessDeniedError: AWS denies the action.
        AccountUnusableError: AWS lets nobody work in the account.
        AwsCredentialsError: AWS does not accept the credentials, or there are none.
        SessionExpiredError: AWS says that the credentials are those of a session that is over.
        ConfigurationError: AWS cannot be asked in this way: region, profile, proxy or parameters are wrong.
        ThrottledError: AWS throttles even after botocore's retries.
        TlsError: The TLS certificate is not trusted.
        UnreachableError: No connection, or no answer.
        AwsServiceError: Anything else that AWS answers.
    """
    try:
        return call()
    except ClientError as error:
        cause: Exception | None = _redacted(error)
    except ResponseParserError as error:
        log.warning("%s got an answer that is not AWS's (%s bytes)", action, len(str(error)))
        cause = None  # its text is the whole answer, full access key ids included
    except BotoCoreError as error:
        failure = _of(action, _without_answer(error, account_id, action))
        if type(error) is HTTPClientError:  # quotes the proxy's URL, password included
            raise failure from None
        raise failure from error
    except (KeyError, OverflowError, RuntimeError, ValueError) as error:
        log.warning("%s got an answer without what AWS always answers (%s)", action, type(error).__name__)
        cause = None
    # Raised here, so that the error as it came is not its context.
    if isinstance(cause, ClientError):
        raise _of(action, _answered(cause, account_id, action)) from cause
    cut_short = AwsServiceError(
        f"What answered {action} in AWS account {account_id} was cut short, or came from something in between. "
        "Check `config_kwargs.proxies` in the aws connection's extras."
    )
    raise _of(action, cut_short)


def _of(action: str, error: KeywatchError) -> KeywatchError:
    error.action = action
    return error


def _without_answer(error: BotoCoreError, account_id: str, action: str) -> KeywatchError:
    """Decide what an error of botocore's own means."""
    text = _shown(str(error))
    if isinstance(error, NO_CREDENTIALS):
        return AwsCredentialsError(
            f"There are no usable AWS credentials for {action}: {text}. Complete the aws connection of the run."
        )
    if isinstance(error, NOT_USABLE):
        return ConfigurationError(f"AWS cannot be asked for {action}: {text}. Correct the aws connection of the run.")
    if isinstance(error, SSLError):
        return _untrusted(error, action, text)
    if isinstance(error, (ConnectionError, HTTPClientError)):
        return UnreachableError(
            f"AWS cannot be reached for {action}: {text}. Check the network, and `config_kwargs.proxies` in the aws "
            "connection's extras."
        )
    return AwsServiceError(f"{action} in AWS account {account_id} failed: {text}.")


def _untrusted(error: SSLError, action: str, text: str) -> TlsError | UnreachableError:
    """Say whose certificate was presented in the place of AWS's, and what to add where."""
    if not is_untrusted(error):
        return UnreachableError(f"TLS could not be spoken with AWS for {action}: {text}. Check the network.")
    host = urlsplit(str(error.kwargs["endpoint_url"])).hostname or "AWS"
    return untrusted(host, error.kwargs["error"], presented_to(error), OF_AN_AWS_CONNECTION)


def _answered(error: ClientError, account_id: str, action: str) -> KeywatchError:
    """Decide what a refusal of AWS's means."""
    code = error.response["Error"].get("Code", "")
    message = error.response["Error"].get("Message", "")
    if code == "NoSuchEntity":
        return GoneError(f"{action} in AWS account {account_id} failed: {message}.")
    if code in DENIED_CODES:
        return AccessDeniedError(account_id, action, *_principal_and_resource(message))
    if code in CREDENTIAL_CODES:
        return AwsCredentialsError(
            f"AWS refuses the credentials for {action} ({code}). Renew them in the run's aws connection; if they are "
            "right, set the worker's clock."
        )
    if code in EXPIRED_CODES:
        return SessionExpiredError(
            f"AWS says that the session has expired, for {action} in account {account_id} ({code}). Another try asks "
            "for another one. If that does not help: set the worker's clock; a session token that the run's aws "
            "connection holds itself has to be renewed there."
        )
    if code in THROTTLE_CODES:
        lower = "`concurrency`" if action.startswith("iam:") else "`accounts_at_once`"
        return ThrottledError(
            f"AWS throttles {action} in account {account_id} even after slowing down. Lower {lower}, or run when less "
            f"else uses {action.partition(':')[0]} there."
        )
    return _not_usable(code, message, account_id, action) or AwsServiceError(
        f"{action} in AWS account {account_id} failed ({code}: {message})."
    )


def _not_usable(code: str, message: str, account_id: str, action: str) -> PermanentError | None:
    """Recognise a refusal that a correction of account, connection or parameters mends."""
    if code in ACCOUNT_CODES:
        return AccountUnusableError(
            f"AWS does not let anybody work in account {account_id} for {action} ({code}: {message}). See that the "
            "account is signed up, and that the connection's Region is enabled there."
        )
    if code == NO_ORGANIZATION:
        return ConfigurationError(
            f"AWS account {account_id} is in no organisation. Name the accounts in `accounts`, or give a connection of "
            "the organisation's management account or of one that may list in its place."
        )
    if code in NOT_USABLE_CODES:
        return ConfigurationError(
            f"AWS cannot be asked for {action} in account {account_id} ({code}: {message}). Correct the run's "
            "parameters or its aws connection."
        )
    return None


def _redacted(error: ClientError) -> ClientError:
    """Copy an error: access key ids shortened, and nothing of credentials that AWS refuses."""
    given = error.response.get("Error", {})
    code = _shown(str(given.get("Code", "")))
    message = "" if code in CREDENTIAL_CODES | EXPIRED_CODES else _shown(str(given.get("Message", "")))
    answer: dict[str, Any] = {"Code": code, "Message": message}
    return ClientError({"Error": answer}, error.operation_name)  # type: ignore[typeddict-item]


def _shown(text: str) -> str:
    """Return what may be shown of a text: its first line, not too long, access key ids shortened."""
    first = text.strip().splitlines()[0] if text.strip() else ""
    return ACCESS_KEY_ID.sub(r"\1...\2", first)[:LONGEST_MESSAGE].rstrip(".")


def _principal_and_resource(message: str) -> tuple[str, str]:
    """Find who was denied what in "User: arn:... is not authorized to perform: ... on resource: arn:..."."""
    who, what = re.search(r"^User: (arn:\S+)", message), re.search(r"on resource: (arn:\S+:role/\S+)", message)
    return who[1] if who else "", what[1] if what else ""
