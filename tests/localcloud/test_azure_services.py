"""Resource Manager and Event Hubs as the local cloud plays them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import requests
from azure.core.exceptions import HttpResponseError
from azure.identity import CertificateCredential
from azure.mgmt.resource.resources import ResourceManagementClient

from localcloud import Fault, FaultKind
from tests.localcloud.azure import EVENT_HUBS, KEY_VAULT, MANAGEMENT, Azure, error_of

VERSION = {"api-version": "2022-12-01"}


@pytest.fixture
def credential(azure: Azure) -> Iterator[CertificateCredential]:
    """Give the on-premises worker's credential."""
    with CertificateCredential(
        azure.on_premises.tenant_id,
        azure.on_premises.client_id,
        certificate_path=str(azure.cloud.azure.pem_file),
        **azure.sdk,
    ) as made:
        yield made


def test_resource_groups_are_listed_by_the_sdk(azure: Azure, credential: CertificateCredential) -> None:
    """The management SDK lists the subscription's one resource group."""
    access = azure.cloud.azure
    with ResourceManagementClient(credential, access.subscription_id, **azure.sdk) as client:
        assert [group.name for group in client.resource_groups.list()] == [access.resource_group]
    (request,) = azure.cloud.requests(action="resourcegroups/list")
    assert request.account == azure.on_premises.client_id


def test_resource_groups_need_reader(azure: Azure, credential: CertificateCredential) -> None:
    """Without the role Reader the SDK reports AuthorizationFailed, and the list of subscriptions is empty."""
    access = azure.cloud.azure
    azure.cloud.revoke("on-premises", "Reader", "/subscription")
    token = credential.get_token(f"{MANAGEMENT}/.default").token
    with (
        ResourceManagementClient(credential, access.subscription_id, **azure.sdk) as client,
        pytest.raises(HttpResponseError, match="AuthorizationFailed"),
    ):
        list(client.resource_groups.list())
    one = azure.ask("GET", f"{MANAGEMENT}/subscriptions/{access.subscription_id}", token, query=VERSION)

    assert error_of(one) == (403, "AuthorizationFailed", None)
    assert azure.ask("GET", f"{MANAGEMENT}/subscriptions", token, query=VERSION).json()["value"] == []


def test_subscription_is_described(azure: Azure, credential: CertificateCredential) -> None:
    """A reader sees the subscription, in the list and by its id, with its tenant."""
    access = azure.cloud.azure
    token = credential.get_token(f"{MANAGEMENT}/.default").token
    listed = azure.ask("GET", f"{MANAGEMENT}/subscriptions", token, query=VERSION).json()["value"]
    one = azure.ask("GET", f"{MANAGEMENT}/subscriptions/{access.subscription_id}", token, query=VERSION).json()

    assert listed == [one]
    assert (one["subscriptionId"], one["tenantId"]) == (access.subscription_id, access.tenant_id)


@pytest.mark.parametrize(
    ("path", "query", "error"),
    [
        ("subscriptions", {}, (400, "MissingApiVersionParameter", None)),
        ("subscriptions", {"api-version": "new"}, (400, "InvalidApiVersionParameter", None)),
        ("subscriptions/00000000-0000-0000-0000-000000000001", VERSION, (404, "SubscriptionNotFound", None)),
        ("tenants", VERSION, (404, "InvalidResourceType", None)),
    ],
)
def test_management_requests_are_checked(
    azure: Azure,
    credential: CertificateCredential,
    path: str,
    query: dict[str, str],
    error: tuple[int, str, str | None],
) -> None:
    """A request without a version, for another subscription, or for what is not played is refused."""
    token = credential.get_token(f"{MANAGEMENT}/.default").token

    assert error_of(azure.ask("GET", f"{MANAGEMENT}/{path}", token, query=query)) == error


def test_management_wants_its_own_token(azure: Azure) -> None:
    """Resource Manager refuses a missing token, one for the vault, and an expired one, each by its own code."""
    vault = azure.identity_token(resource=KEY_VAULT)
    azure.cloud.set_token_lifetime(0)
    tokens = {
        None: "AuthenticationFailed",
        vault: "InvalidAuthenticationTokenAudience",
        azure.identity_token(resource=MANAGEMENT): "ExpiredAuthenticationToken",
        "x": "InvalidAuthenticationToken",
    }
    for token, code in tokens.items():
        refused = azure.ask("GET", f"{MANAGEMENT}/subscriptions", token, query=VERSION)
        assert error_of(refused) == (401, code, None)


@pytest.fixture
def publisher(azure: Azure) -> str:
    """Give a token of application event-publisher for Event Hubs."""
    application = azure.cloud.azure.applications["event-publisher"]
    signer = azure.exported(azure.cloud.certificate_versions("event-publisher")[0])
    answer = azure.token_request(
        application.tenant_id,
        client_id=application.client_id,
        client_assertion=signer.assertion(application),
        scope=f"{EVENT_HUBS}/.default",
    )
    return str(answer.json()["access_token"])


def send(
    azure: Azure,
    token: str | None,
    data: bytes = b"hello",
    hub: str | None = None,
    headers: dict[str, str] | None = None,
) -> requests.Response:
    """Send an event; a header that is given as nothing is left out."""
    access = azure.cloud.azure
    given = {"Content-Type": "application/json"} | (headers or {})
    if token is not None:
        given["Authorization"] = f"Bearer {token}"
    return azure.session.post(
        f"{access.event_hub_namespace}/{hub or access.event_hub}/messages",
        data=data,
        headers={name: value for name, value in given.items() if value},
        params={"timeout": "60", "api-version": "2014-01"},
        timeout=30,
    )


def test_event_is_kept(azure: Azure, publisher: str) -> None:
    """An accepted event is kept with its type, its sender and its partition key."""
    answer = send(azure, publisher, "Zoë".encode(), headers={"BrokerProperties": json.dumps({"PartitionKey": "a"})})
    (event,) = azure.cloud.events()

    assert (answer.status_code, answer.content) == (201, b"")
    assert (event["body"], event["content_type"], event["partition_key"]) == ("Zoë", "application/json", "a")
    assert event["sender"] == azure.cloud.azure.applications["event-publisher"].client_id
    (request,) = azure.cloud.requests(action="events/send")
    assert (request.account, request.detail) == (event["sender"], azure.cloud.azure.event_hub)
    azure.cloud.reset()
    assert azure.cloud.events() == []


def test_batch_is_split_into_events(azure: Azure, publisher: str) -> None:
    """A batch becomes several events, each with its own properties."""
    batch = [{"Body": "one", "BrokerProperties": {"PartitionKey": "a"}}, {"Body": "two"}]
    kind = {"Content-Type": "application/vnd.microsoft.servicebus.json"}

    assert send(azure, publisher, json.dumps(batch).encode(), headers=kind).status_code == 201
    assert [(each["body"], each["partition_key"]) for each in azure.cloud.events()] == [("one", "a"), ("two", None)]
    assert send(azure, publisher, b'{"Body": 5}', headers=kind).status_code == 400


def test_event_needs_the_role(azure: Azure, publisher: str) -> None:
    """Without the role, with another audience, another tenant's token or none, nothing is accepted."""
    azure.cloud.grant("airflow-worker", "Azure Event Hubs Data Sender", "/eventhub")
    foreign = azure.identity_token(resource=EVENT_HUBS)
    tokens = [None, foreign, azure.identity_token(), "x"]

    assert [send(azure, token).status_code for token in tokens] == [401] * 4
    azure.cloud.revoke("event-publisher", "Azure Event Hubs Data Sender", "/eventhub")
    refused = send(azure, publisher)
    assert (refused.status_code, "'Send' claim(s) are required" in refused.text) == (401, True)
    assert azure.cloud.events() == []


def test_event_is_checked(azure: Azure, publisher: str) -> None:
    """An event for another hub, without a type, with odd properties, or over 1 MiB is refused."""
    largest = send(azure, publisher, b"x" * 1_048_576)
    refused = [
        send(azure, publisher, hub="other"),
        send(azure, publisher, headers={"Content-Type": ""}),
        send(azure, publisher, headers={"BrokerProperties": "[]"}),
        send(azure, publisher, headers={"BrokerProperties": "[" * 20_000}),
        send(azure, publisher, b"\xff"),
        send(azure, publisher, b"x" * 1_048_577),
    ]

    assert largest.status_code == 201
    assert [each.status_code for each in refused] == [404, 400, 400, 400, 400, 413]
    assert len(azure.cloud.events()) == 1


def test_faults_hit_both(azure: Azure, publisher: str, credential: CertificateCredential) -> None:
    """Throttling hits each service by its host, in its own form."""
    azure.cloud.inject(Fault(FaultKind.THROTTLE, host=".servicebus.windows.net", retry_after=1))
    azure.cloud.inject(Fault(FaultKind.THROTTLE, host="management.azure.com", retry_after=2))
    token = credential.get_token(f"{MANAGEMENT}/.default").token
    event = send(azure, publisher)
    listing = azure.ask("GET", f"{MANAGEMENT}/subscriptions", token, query=VERSION)

    assert (event.status_code, event.headers["Retry-After"], event.text[:7]) == (429, "1", "<Error>")
    assert (listing.status_code, listing.headers["Retry-After"]) == (429, "2")
