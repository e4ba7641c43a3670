"""Every error that Keywatch raises, in one tree.

    KeywatchError
    ├── PermanentError                 a retry cannot help: somebody has to change something
    │   ├── ConfigurationError           a connection, parameter or file is not usable as it stands
    │   ├── HostNotAllowedError          a credential would leave the connection's cloud
    │   ├── TlsError                     the other side's TLS certificate is expired or not trusted
    │   ├── IdentityError                this machine has no identity, or not the one that a connection names
    │   ├── VaultForbiddenError          the vault does not let the caller do this: a role is missing
    │   ├── CertificateUnavailableError  there is no such certificate, or its private key cannot be had
    │   ├── CertificateUnusableError     the certificate is expired, disabled, or of a kind that the clouds refuse
    │   ├── CertificateNotRegisteredError  no usable version of the certificate is registered on the application
    │   ├── TokenRefusedError            Entra refuses a token for any other reason
    │   ├── SessionRefusedError          IAM Roles Anywhere gives no session for the certificate
    │   ├── AwsCredentialsError          AWS does not know, or no longer accepts, the credentials
    │   ├── AccessDeniedError            AWS refuses one action in one account
    │   ├── AccountUnusableError         AWS lets nobody work in one account, or not in the Region that was asked
    │   ├── NoAccountsError              there is nothing to audit
    │   ├── NoReportError                there is no report to look at yet
    │   ├── MalformedRowError            a staged row cannot become a record
    │   ├── PolicyError                  the policy is not usable as it is written
    │   ├── OwnerTableError              the table of owners is not usable as it is written
    │   ├── ProposalAlteredError         a proposal is not what was asked about
    │   ├── ApprovalError                an approval does not count, or no longer
    │   ├── SupersededProposalError      a newer run has proposed anew, so that an older approval counts for nothing
    │   ├── DeactivationRefusedError     a key is not, or no longer, what was approved
    │   ├── NoSubscriptionsError         there is no subscription to read
    │   ├── SubscriptionDeniedError      Azure refuses one action on one subscription
    │   ├── SubscriptionUnusableError    there is no such subscription, or nobody may use it
    │   ├── ActivityWindowError          the activity log cannot be asked for a window
    │   ├── PagingError                  a list of Azure's names a page that has been read as the next one
    │   ├── TraceUnreadableError         a trace is damaged, or not one
    │   ├── StagingGoneError             a staged file is no longer there
    │   ├── StagingDamagedError          a staged file is not what was written
    │   ├── SupersededError              another attempt does the same, and this one has stopped
    │   ├── LogTypeError                 Log Analytics would not accept the table's name
    │   ├── DestinationNotFoundError     there is no such workspace, rule or stream in Log Analytics
    │   ├── AuthorizationRefusedError    Log Analytics refuses the signature or the token: key, clock or role
    │   ├── RequestTooLargeError         one request is larger than the service accepts
    │   ├── RequestRefusedError          any other refusal that sending again would meet again
    │   ├── BadQueryError                a list of keys is asked for in a way that means nothing
    │   ├── AccountFileError             a file of accounts is not usable as it is written
    │   ├── InvitationError              an invitation to the portal cannot be issued, or not be accepted
    │   ├── NoAccountError               no account of the portal is bound to who asks
    │   ├── AccountChangedError          somebody else has changed an account meanwhile
    │   ├── AccessTokenError             the portal's API does not accept an access token, or the token does not suffice
    │   ├── SignInError                  a sign-in to the portal came to nothing
    │   ├── StoreSchemaError             the report store has another schema than this version of Keywatch
    │   ├── IncompleteReportError        the run's verdict: accounts or records are missing
    │   ├── DeactivationsFailedError     approved keys could not be deactivated, or the approval came to nothing
    │   └── CertificateAttentionError    the watch's verdict: a certificate needs somebody
    └── TransientError                 a later try may succeed
        ├── UnreachableError             no connection, or no answer in time
        ├── ThrottledError               the service asks for patience
        ├── ServiceUnavailableError      the service failed on its side
        ├── AwsServiceError              IAM or STS failed on its side
        ├── SessionExpiredError          AWS says that a session is over, though its time is not
        ├── StagingUnavailableError      the staging area cannot be read or written at the moment
        ├── StoreUnavailableError        the report store cannot be read or written at the moment
        ├── StoreBusyError               the report store is read by as many as may at once, or a run is writing it
        └── ExtractionIncompleteError    some accounts of a batch could not be read this time

Messages say what to do next. They hold no credential, no record and no full access key id.
"""

from __future__ import annotations


class KeywatchError(Exception):
    """Base of every error that Keywatch raises.

    Attributes:
        action: What AWS was asked, as IAM policies name it, such as `iam:ListUsers`; None of other failures.
        perhaps_done: Whether a request may have taken effect although no answer to it came.
        retried: Whether as many attempts as are allowed have been made already, so that no outer loop makes more.
    """

    action: str | None = None
    perhaps_done: bool = False
    retried: bool = False


class PermanentError(KeywatchError):
    """A retry cannot help."""


class TransientError(KeywatchError):
    """A later try may succeed.

    Attributes:
        retry_after: Seconds that the service asked to wait, or None if it did not say.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, perhaps_done: bool = False) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.perhaps_done = perhaps_done


class ConfigurationError(PermanentError):
    """A connection, parameter or file is not usable as it stands."""


class HostNotAllowedError(PermanentError):
    """A request, and the credential in it, would go to a host outside the connection's cloud."""


class TlsError(PermanentError):
    """The other side's TLS certificate is expired, not trusted, or made for another name."""


class IdentityError(PermanentError):
    """This machine has no identity to show to the vault, or not the one that the connection names."""


class VaultForbiddenError(PermanentError):
    """The vault does not let the caller do this: a role is missing, or a firewall is in the way."""


class CertificateUnavailableError(PermanentError):
    """There is no such certificate, or its private key cannot be had in the way that was asked for."""


class CertificateUnusableError(PermanentError):
    """The certificate is expired, not yet valid or disabled, or of a kind that the clouds refuse."""


class CertificateNotRegisteredError(PermanentError):
    """Entra does not know the certificate as one of the application's (AADSTS700027)."""


class TokenRefusedError(PermanentError):
    """Entra refuses a token.

    Attributes:
        code: Entra's error code without `AADSTS`, or None if it named none.
    """

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class SessionRefusedError(PermanentError):
    """IAM Roles Anywhere gives no session for the certificate: anchor, profile, role, subject or clock is wrong."""


class AwsCredentialsError(PermanentError):
    """AWS does not know, or no longer accepts, the credentials."""


class AccessDeniedError(PermanentError):
    """AWS refuses one action in one account.

    Attributes:
        account_id: The account, 12 digits.
    """

    def __init__(self, account_id: str, action: str, principal: str = "", resource: str = "") -> None:
        self.account_id = account_id
        self.action = action
        what = f"{action} on {resource}" if resource else action
        who = f" to {principal}" if principal else ""
        super().__init__(f"AWS account {account_id} denies {what}{who}. {_how_to_allow(action)}")
        self._made_of = (account_id, action, principal, resource)

    def __reduce__(self) -> tuple[type[AccessDeniedError], tuple[str, str, str, str]]:
        """Say what it is made of, for who hands it to another process."""
        return type(self), self._made_of


def _how_to_allow(action: str) -> str:
    if action == "sts:AssumeRole":
        return (
            "See that there is such a role, that its trust policy names who asks, and that who asks may sts:AssumeRole "
            "on it by a policy of their own."
        )
    if action == "iam:UpdateAccessKey":
        return (
            "Allow it to the deactivation role, as include/infra/aws/deactivation-members.yaml does; the audit role "
            "must not have it. Look for a service control policy that denies it."
        )
    policy = f'{{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}'
    allow = (
        f"Allow it in the policy of the audit role: {policy} (and look for a service control policy that denies it)."
    )
    if action == "organizations:ListAccounts":
        return f"{allow} Outside the management account, a delegation policy of the organisation must allow it too."
    return allow


class AccountUnusableError(PermanentError):
    """AWS lets nobody work in one account, or not in the Region that was asked."""


class NoAccountsError(PermanentError):
    """There is nothing to audit."""


class NoReportError(PermanentError):
    """There is no report to look at yet."""


class MalformedRowError(PermanentError):
    """A staged row cannot become a record."""


class PolicyError(PermanentError):
    """The policy is not usable as it is written; the message names each line."""


class OwnerTableError(PermanentError):
    """The table of owners is not usable as it is written; the message names each line."""


class ProposalAlteredError(PermanentError):
    """A proposal's file is not the one that a person was asked about, so nothing is done."""


class ApprovalError(PermanentError):
    """An approval does not count: nobody is named, it is of somebody else, or it came too late."""


class SupersededProposalError(PermanentError):
    """A newer run has looked at the keys, so that the approval of an older proposal counts for nothing."""


class DeactivationRefusedError(PermanentError):
    """A key is not, or no longer, what was approved, so it stays as it is."""


class NoSubscriptionsError(PermanentError):
    """There is no subscription to read."""


class SubscriptionDeniedError(PermanentError):
    """Azure does not let the application do one thing on one subscription: a role is missing."""


class SubscriptionUnusableError(PermanentError):
    """There is no such subscription in the application's tenant, or nobody may use it."""


class ActivityWindowError(PermanentError):
    """The activity log cannot be asked for a window: it ends before it starts, or Azure no longer keeps it."""


class PagingError(PermanentError):
    """A list of Azure's goes round in circles: a page names one that has been read as the next."""


class TraceUnreadableError(PermanentError):
    """A trace file is damaged, or not one that Keywatch has written."""


class StagingGoneError(PermanentError):
    """A staged file is no longer there."""


class StagingDamagedError(PermanentError):
    """A staged file is not what was written: cut short, or altered."""


class SupersededError(PermanentError):
    """Another attempt at the same has begun, so that this one, which was given up for dead, stops."""


class LogTypeError(PermanentError):
    """Log Analytics would not accept the table's name."""


class DestinationNotFoundError(PermanentError):
    """There is no such Log Analytics workspace, data collection rule or stream, or it is no longer active."""


class AuthorizationRefusedError(PermanentError):
    """Log Analytics refuses the signature or the token: the key or a clock is wrong, or a role is missing.

    Attributes:
        of_the_token: Whether it is the token that is refused, so that another one may be accepted.
    """

    def __init__(self, message: str, *, of_the_token: bool = False) -> None:
        super().__init__(message)
        self.of_the_token = of_the_token


class RequestTooLargeError(PermanentError):
    """One request is larger than the service accepts."""


class RequestRefusedError(PermanentError):
    """The service refused the request for a reason that sending it again would meet again.

    Attributes:
        code: The service's own error code, or None if it gave none.
    """

    def __init__(self, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code


class BadQueryError(PermanentError):
    """A list of keys is asked for in a way that means nothing."""


class AccountFileError(PermanentError):
    """A file of accounts is not usable as it is written; the message names each entry."""


class InvitationError(PermanentError):
    """An invitation to the portal cannot be issued, or not be accepted: unknown, used, over, or somebody else's."""


class NoAccountError(PermanentError):
    """No account of the portal is bound to who asks, or there is none of that address."""


class AccountChangedError(PermanentError):
    """Somebody else has changed an account since it was read, so nothing is changed."""


class AccessTokenError(PermanentError):
    """The portal's API does not accept an access token, or the token does not suffice.

    Attributes:
        error: The code of RFC 6750, such as `invalid_token` or `insufficient_scope`; None if no token came.
        parameters: What else `WWW-Authenticate` says, such as the scope that is missing.
    """

    def __init__(self, message: str, error: str | None = None, **parameters: str) -> None:
        super().__init__(message)
        self.error = error
        self.parameters = parameters


class SignInError(PermanentError):
    """A sign-in to the portal came to nothing: refused, over, or not what was asked for.

    Attributes:
        code: The provider's own, such as `AADB2C90118` or `access_denied`; None if the portal itself refuses.
        error: What OAuth calls it, such as `invalid_grant`; likewise.
    """

    def __init__(self, message: str, code: str | None = None, error: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.error = error


class StoreSchemaError(PermanentError):
    """The report store has another schema than this version of Keywatch knows."""


class IncompleteReportError(PermanentError):
    """The run's verdict: accounts were not read, or records not accepted."""


class DeactivationsFailedError(PermanentError):
    """Approved keys could not be deactivated, and the message names them; or the approval came to nothing."""


class CertificateAttentionError(PermanentError):
    """The watch's verdict: a certificate expires soon, or is not registered, or gives no token."""


class UnreachableError(TransientError):
    """No connection could be made, or no answer came in time."""


class ThrottledError(TransientError):
    """The service asks for fewer requests."""


class ServiceUnavailableError(TransientError):
    """The service failed on its side."""


class AwsServiceError(TransientError):
    """IAM or STS failed on its side."""


class SessionExpiredError(TransientError):
    """AWS says that a session is over, though its time is not; another try has another session."""


class StagingUnavailableError(TransientError):
    """The staging area cannot be read or written at the moment: it is full, out of reach, or not for this worker."""


class StoreUnavailableError(TransientError):
    """The report store cannot be read or written at the moment."""


class StoreBusyError(TransientError):
    """The report store is read by as many as may at once, or a run is writing it just now."""


class ExtractionIncompleteError(TransientError):
    """Some accounts of a batch could not be read this time."""
