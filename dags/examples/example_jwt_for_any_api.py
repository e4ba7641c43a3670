"""### A DAG that proves itself to a third party's API with a signed JWT.

Many services outside Azure take a JSON Web Token signed by a certificate's key and answer with an access token (RFC
7523, section 2.1). The hook signs it with whatever key the connection has; one on an HSM stays there.

**Before the first run.** Give the service the certificate's public part. Make a connection of type http: the service's
host, the name by which it knows us as login, and the path of its token endpoint as schema. Who may trigger this DAG
chooses neither the host nor the claims.

**When it fails.** Press *Test* on the certificate connection; if that is green, a role or a connection named above is
missing.
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
        "api_conn_id": Param(
            "partner_api",
            type="string",
            title="API connection",
            description="Of type http: host, our name there as login, and the token endpoint's path as schema.",
        ),
        "path": Param("/v1/status", type="string", pattern="^/", title="Path", description="What is fetched."),
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

        from airflow.sdk import BaseHook

        from keywatch_airflow.hooks.key_vault_certificate import KeyVaultCertificateHook

        api = BaseHook.get_connection(params["api_conn_id"])
        base, now = f"https://{api.host}:{api.port or 443}", int(time.time())
        claims = {
            "iss": api.login,
            "sub": api.login,
            "aud": f"{base}{api.schema}",
            "jti": str(uuid.uuid4()),
            "iat": now,
            "exp": now + 300,
        }
        hook = KeyVaultCertificateHook(params["certificate_conn_id"])
        session = hook.get_session(f"{api.host}:{api.port}" if api.port else str(api.host))
        assertion = hook.sign_jwt(claims, algorithm=params["algorithm"])
        grant = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
        token = session.post(f"{base}{api.schema}", data=grant).json()["access_token"]
        return session.get(f"{base}{params['path']}", headers={"Authorization": f"Bearer {token}"}).json()

    call_the_api()


example_jwt_for_any_api()
