"""`AllowedHosts`: where a credential may go."""

from __future__ import annotations

import pytest

from keywatch.errors import ConfigurationError, HostNotAllowedError
from keywatch.transport import AWS_HOSTS, AZURE_CLOUDS, AllowedHosts, azure_cloud

GUID = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("hosts", "url"),
    [
        (AWS_HOSTS, "https://iam.amazonaws.com/"),
        (AWS_HOSTS, "https://IAM.AmazonAWS.com:443/?x"),
        (AWS_HOSTS, "https://sts.us-gov-west-1.amazonaws.com"),
        (AWS_HOSTS, "https://iam.cn-north-1.amazonaws.com.cn/"),
        (AWS_HOSTS, "https://iam.global.api.aws"),
        (AZURE_CLOUDS["AzureCloud"].data_collector_hosts, f"https://{GUID}.ods.opinsights.azure.com/api/logs"),
        (AZURE_CLOUDS["AzureUSGovernment"].data_collector_hosts, f"https://{GUID}.ods.opinsights.azure.us/api/logs"),
        (AZURE_CLOUDS["AzureChinaCloud"].data_collector_hosts, f"https://{GUID}.ods.opinsights.azure.cn/api/logs"),
        (AllowedHosts("Entra", ("login.microsoftonline.com",)), "https://login.microsoftonline.com/common"),
    ],
)
def test_hosts_of_the_cloud_are_allowed(hosts: AllowedHosts, url: str) -> None:
    """Every host of the connection's cloud may be reached."""
    hosts.require(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "https://iam.amazonaws.com.evil.example/",
        "https://evilamazonaws.com/",
        "https://amazonaws.com/",
        "https://iam.amazonaws.com@evil.example/",
        "https://evil.example\\@iam.amazonaws.com/",
        "https://evil.example\\.amazonaws.com/",
        "https://me:secret@iam.amazonaws.com/",
        "https://evil.example#.amazonaws.com/",
        "https://evil.example?.amazonaws.com/",
        "https://[::1/",
        "https:///path",
        "http://iam.amazonaws.com/",
        "iam.amazonaws.com",
        "",
    ],
)
def test_hosts_outside_the_cloud_are_refused(url: str) -> None:
    """No other host, spelling trick or scheme passes, and no password in a URL gets into the message."""
    with pytest.raises(HostNotAllowedError) as caught:
        AWS_HOSTS.require(url)

    assert "secret" not in str(caught.value)


def test_hosts_of_another_cloud_are_refused() -> None:
    """A workspace of a sovereign cloud is not one of the public cloud's."""
    with pytest.raises(HostNotAllowedError, match=r"not a host of AzureCloud.*choose the right cloud"):
        azure_cloud(None).data_collector_hosts.require(f"https://{GUID}.ods.opinsights.azure.us/api/logs")


def test_hosts_in_a_laboratory_are_all_allowed() -> None:
    """Only a laboratory may reach anything."""
    lab = AWS_HOSTS.in_lab(lab=True)

    lab.require("http://127.0.0.1:8080/")
    with pytest.raises(HostNotAllowedError):
        lab.in_lab(lab=False).require("http://127.0.0.1:8080/")


def test_azure_cloud_of_an_unknown_name_lists_those_there_are() -> None:
    """A misspelt cloud is a configuration error that names the choices."""
    with pytest.raises(ConfigurationError, match="AzureCloud, AzureUSGovernment, AzureChinaCloud"):
        azure_cloud("AzureMoon")
