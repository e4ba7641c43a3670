"""botocore's errors in Keywatch's terms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, NoReturn

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    SSLError,
)
from botocore.parsers import ResponseParserError

from keywatch.errors import (
    AccessDeniedError,
    AwsCredentialsError,
    AwsServiceError,
    CertificateError,
    KeywatchError,
    ThrottledError,
    UnreachableError,
)

ACCESS_KEY_ID: Final = re.compile(r"\b(A[A-Z]{3})[A-Z0-9]{8,}([A-Z0-9]{4})\b")
"""An access key id of any kind, in running text (IAM user guide, "Unique identifiers")."""

CREDENTIAL_CODES: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
DENIED_CODES: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
THROTTLE_CODES: Final = frozenset(
    {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}
)


class GoneError(KeywatchError):
    """What was asked about has been deleted meanwhile. Never leaves the extraction."""


@contextmanager
def aws_errors(account_id: str, action: str) -> Iterator[None]:
    """Turn botocore's errors into Keywatch's, with no access key id left in them.

    Args:
        account_id: For the message, 12 digits.
        action: What is being asked, as IAM policies name it.

    Raises:
        GoneError: What was asked about does not exist.
        AccessDeniedError: AWS denies the action.
        AwsCredentialsError: AWS does not accept the credentials, or there are none.
        ThrottledError: AWS throttles even after botocore's retries.
        CertificateError: The TLS certificate is not trusted.
        UnreachableError: No connection, or no answer.
        AwsServiceError: Anything else that AWS answers.
    """
    try:
        yield
    except ClientError as error:
        _raise_for_answer(error, account_id, action)
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise AwsCredentialsError(
            f"There are no usable AWS credentials for {action}. Complete the aws connection of the run."
        ) from error
    except SSLError as error:
        raise CertificateError(
            f"The TLS certificate met on the way to AWS for {action} is not trusted: {error}. If a proxy inspects "
            "TLS here, give its certificate authority as `verify` in the aws connection's extras."
        ) from error
    except (ConnectionError, HTTPClientError) as error:
        raise UnreachableError(
            f"AWS cannot be reached for {action}: {error}. Check the network, and `config_kwargs.proxies` in the aws "
            "connection's extras."
        ) from error
    except ResponseParserError:
        # Not chained: its text is the whole answer, full access key ids included.
        raise AwsServiceError(
            f"What answered {action} in AWS account {account_id} was cut short, or came from something in between. "
            "Check `config_kwargs.proxies` in the aws connection's extras."
        ) from None
    except BotoCoreError as error:
        raise AwsServiceError(f"{action} in AWS account {account_id} failed: {error}.") from error


def _raise_for_answer(error: ClientError, account_id: str, action: str) -> NoReturn:
    cause = _redacted(error)
    code = cause.response["Error"].get("Code", "")
    message = cause.response["Error"].get("Message", "")
    if code == "NoSuchEntity":
        raise GoneError(message) from cause
    if code in DENIED_CODES:
        raise AccessDeniedError(account_id, action, _principal(message)) from cause
    if code in CREDENTIAL_CODES:
        raise AwsCredentialsError(
            f"AWS refuses the credentials for {action} ({code}: {message}). Renew them in the run's aws connection; "
            "if they are right, set the worker's clock."
        ) from cause
    if code in THROTTLE_CODES:
        raise ThrottledError(
            f"AWS throttles {action} in account {account_id} even after slowing down. Lower `concurrency`, or run when "
            "less else uses IAM there."
        ) from cause
    raise AwsServiceError(f"{action} in AWS account {account_id} failed ({code}: {message}).") from cause


def _redacted(error: ClientError) -> ClientError:
    """Copy an error, with shortened access key ids."""
    answer: dict[str, Any] = dict(error.response.get("Error", {}))
    answer["Message"] = ACCESS_KEY_ID.sub(r"\1...\2", str(answer.get("Message", "")))
    return ClientError({"Error": answer}, error.operation_name)  # type: ignore[typeddict-item]


def _principal(message: str) -> str:
    """Find who was denied in "User: arn:... is not authorized to perform: ..."."""
    match = re.search(r"arn:aws[\w-]*:\S+", message)
    return match[0] if match else ""
