"""### A DAG that proves itself to a third party's API with a signed JWT.

Many services outside Azure take a JSON Web Token signed by a certificate's key and answer with an access token (RFC
7523, section 2.1). The hook signs it with whatever key the connection has; one on an HSM stays there.

**Before the first run.** Give the service the certificate's public part, and find out what it wants as issuer, subject
and audience.

**When it fails.** The log ends with one error that says what to do; the connection's *Test* button finds the step.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Param, dag, task
from airflow.sdk.definitions.retry_policy import ExceptionRetryPolicy, RetryAction, RetryRule

NO_USE_IN_RETRYING = ExceptionRetryPolicy(
    [RetryRule("keywatch.errors.PermanentError", RetryAction.FAIL, reason="a retry cannot help")]
)


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["example"],
    default_args={"owner": "cloud-security", "retry_policy": NO_USE_IN_RETRYING},
    params={
        "certificate_conn_id": Param(
            "keyvault_certificate_default",
            type="string",
            title="Certificate connection",
            description="Of type keyvault_certificate.",
        ),
        "token_url": Param(
            "https://api.example.com/oauth2/token",
            type="string",
            pattern="^https://",
            title="Token URL",
            description="Where the service takes assertions.",
        ),
        "api_url": Param(
            "https://api.example.com/v1/status",
            type="string",
            pattern="^https://",
            title="API",
            description="What is fetched with the token.",
        ),
        "issuer": Param(
            "keywatch",
            type="string",
            minLength=1,
            title="Issuer",
            description="By what name the service knows us; the subject, too.",
        ),
        "algorithm": Param(
            "RS256", type="string", enum=["RS256", "PS256"], title="Algorithm", description="What the service accepts."
        ),
    },
)
def example_jwt_for_any_api() -> None:
    """Wire the example."""

    @task
    def call_the_api(params: Any = None) -> Any:
        import time
        import uuid

        import requests

        from keywatch_airflow.hooks.key_vault_certificate import KeyVaultCertificateHook

        now = int(time.time())
        claims = {
            "iss": params["issuer"],
            "sub": params["issuer"],
            "aud": params["token_url"],
            "jti": str(uuid.uuid4()),
            "iat": now,
            "exp": now + 300,
        }
        hook = KeyVaultCertificateHook(params["certificate_conn_id"])
        assertion = hook.sign_jwt(claims, algorithm=params["algorithm"])
        grant = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
        answer = requests.post(params["token_url"], data=grant, timeout=60)
        answer.raise_for_status()
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        found = requests.get(params["api_url"], headers=headers, timeout=60)
        found.raise_for_status()
        return found.json()

    call_the_api()


example_jwt_for_any_api()
