"""Answers that the local cloud can be made to break, on the wire."""

from __future__ import annotations

import time

import pytest
import requests
from botocore.parsers import ResponseParserError

from localcloud import Fault, FaultKind, LocalCloud
from tests.localcloud.conftest import Aws, Collector

HTML = "<html><title>Proxy</title></html>"


def sent_once(cloud: LocalCloud, collector: Collector) -> requests.Response:
    """Send one record, and see that it was stored."""
    response = collector.send([{"x": 1}])
    assert len(cloud.rows("Test_CL")) == 1
    return response


def faults(cloud: LocalCloud) -> list[str | None]:
    """List the faults that were served."""
    return [record.fault for record in cloud.requests() if record.fault]


def test_refused_connection_is_the_proxys_answer(cloud: LocalCloud, collector: Collector) -> None:
    """A host that refuses the connection is a 503 of the proxy's to CONNECT, for one connection."""
    cloud.inject(Fault(FaultKind.REFUSE, host=".opinsights.azure.com"))

    with pytest.raises(requests.exceptions.ProxyError, match="503"):
        collector.send([{"x": 1}])
    assert "Test_CL" not in cloud.tables()
    assert sent_once(cloud, collector).status_code == 200
    assert faults(cloud) == ["refuse"]


def test_dropped_connection_is_reset(cloud: LocalCloud, collector: Collector) -> None:
    """A dropped connection ends without an answer, and without TLS's own goodbye."""
    cloud.inject(Fault(FaultKind.DROP_BEFORE))

    with pytest.raises(requests.exceptions.ConnectionError, match=r"without response|reset"):
        collector.send([{"x": 1}])
    assert "Test_CL" not in cloud.tables()


def test_answer_is_cut_in_its_body(cloud: LocalCloud, aws: Aws) -> None:
    """A truncated answer breaks off in the middle of its body."""
    cloud.inject(Fault(FaultKind.TRUNCATE, action="ListUsers"))

    with pytest.raises(ResponseParserError, match="unclosed token"):
        aws.client("iam").list_users()
    assert faults(cloud) == ["truncate"]


def test_answer_without_a_body_is_cut_in_its_head(cloud: LocalCloud, collector: Collector) -> None:
    """An answer that is a status alone breaks off in its first line, after the record was stored."""
    cloud.inject(Fault(FaultKind.TRUNCATE))

    with pytest.raises(requests.exceptions.ConnectionError):
        collector.send([{"x": 1}])
    assert len(cloud.rows("Test_CL")) == 1


def test_answer_is_replaced_on_its_way_back(cloud: LocalCloud, collector: Collector) -> None:
    """What is stored may be answered by something in between."""
    cloud.inject(Fault(FaultKind.REPLACE, status=504, body=HTML, content_type="text/html"))

    response = sent_once(cloud, collector)

    assert (response.status_code, response.text, response.headers["Content-Type"]) == (504, HTML, "text/html")
    assert [(record.status, record.fault) for record in cloud.requests()] == [(504, "replace")]


def test_answer_can_say_that_it_is_something_else(cloud: LocalCloud, aws: Aws) -> None:
    """A mislabelled answer is the service's own, but for its content type."""
    cloud.inject(Fault(FaultKind.MISLABEL, action="ListUsers", content_type="text/html"))

    headers = aws.client("iam").list_users()["ResponseMetadata"]["HTTPHeaders"]

    assert headers["content-type"] == "text/html"


def test_answer_trickles_in(cloud: LocalCloud, collector: Collector) -> None:
    """A slow answer comes in pieces, over the time that is said."""
    cloud.inject(Fault(FaultKind.TRICKLE, seconds=0.3))
    began = time.monotonic()

    assert sent_once(cloud, collector).status_code == 200
    assert time.monotonic() - began >= 0.25
