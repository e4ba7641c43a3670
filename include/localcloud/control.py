"""The control interface: JSON over plain HTTP on a loopback port of its own, guarded by a token."""

from __future__ import annotations

import asyncio
import dataclasses
import hmac
import json
import sys
import traceback
from typing import TYPE_CHECKING, Any

from localcloud.aws import accounts_control
from localcloud.aws import control as aws_control
from localcloud.azure import resources_control
from localcloud.azure.control import VERBS
from localcloud.http1 import DATE, BadRequestError, Request, Response, ServerConnection
from localcloud.identity import control as identity_control
from localcloud.kql import KqlError
from localcloud.model import Fault, from_json
from localcloud.store import UnknownTableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from localcloud.cloud import Cloud


class Control:
    """Answers whoever has the token."""

    def __init__(self, cloud: Cloud, token: str, worker: Executor) -> None:
        self._cloud = cloud
        self._token = token
        self._worker = worker

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until it ends."""
        connection = ServerConnection(reader, writer)
        loop = asyncio.get_running_loop()
        try:
            while (request := await connection.request()) is not None:
                await connection.respond(await loop.run_in_executor(self._worker, self._answer, request))
        except (ConnectionError, BadRequestError):
            writer.transport.abort()
        finally:
            writer.close()

    def _answer(self, request: Request) -> Response:
        given = request.headers.get("authorization", "").encode("latin-1")
        if not hmac.compare_digest(given, f"Bearer {self._token}".encode()):
            return _json(401, {"error": "The control interface needs its token"})
        handler = ROUTES.get((request.method, request.path))
        if handler is None:
            return _json(404, {"error": f"No {request.method} {request.path}"})
        try:
            body = json.loads(request.body) if request.body else {}
            return _json(200, handler(self._cloud, request.query, body))
        except (KqlError, UnknownTableError, ValueError, KeyError, TypeError) as error:
            return _json(400, {"error": str(error), "kind": type(error).__name__})
        except Exception as error:  # noqa: BLE001 - shown to whoever asked, and in the log
            traceback.print_exc(file=sys.stderr)
            return _json(500, {"error": repr(error)})


def _json(status: int, value: object) -> Response:
    return Response(status, json.dumps(value).encode(), "application/json")


def _truth(cloud: Cloud, _: dict[str, str], __: dict[str, Any]) -> Any:  # noqa: ANN401
    population = cloud.population
    return {
        "now": population.now.isoformat(),
        "users": [dataclasses.asdict(user) for user in population.users],
        "keys": [dataclasses.asdict(key) for key in population.keys],
        "root_keys": population.root_keys,
    }


def _tables(cloud: Cloud, query: dict[str, str], _: dict[str, Any]) -> Any:  # noqa: ANN401
    workspace = cloud.workspace(query.get("workspace"))
    names = cloud.store.tables(workspace)
    return {name: cloud.store.columns(workspace, name) for name in names}


def _rows(cloud: Cloud, query: dict[str, str], _: dict[str, Any]) -> Any:  # noqa: ANN401
    return cloud.store.rows(cloud.workspace(query.get("workspace")), query["table"])


def _deploy(cloud: Cloud, _: dict[str, str], body: dict[str, Any]) -> None:
    cloud.collection.deploy(cloud.workspace(body.get("workspace")), body.get("tables", ()), body.get("rule"))


def _save_function(cloud: Cloud, _: dict[str, str], body: dict[str, Any]) -> None:
    cloud.save_function(body["name"], body["kql"], body.get("workspace"))


def _query(cloud: Cloud, _: dict[str, str], body: dict[str, Any]) -> Any:  # noqa: ANN401
    return cloud.query(body["kql"], body.get("workspace"))


def _requests(cloud: Cloud, query: dict[str, str], _: dict[str, Any]) -> Any:  # noqa: ANN401
    return [dataclasses.asdict(record) for record in cloud.log.select(query)]


def _clear_requests(cloud: Cloud, _: dict[str, str], __: dict[str, Any]) -> None:
    cloud.log.clear()


def _faults(cloud: Cloud, _: dict[str, str], __: dict[str, Any]) -> Any:  # noqa: ANN401
    return [dataclasses.asdict(fault) | {"hits": hits} for fault, hits in cloud.faults.hits()]


def _inject(cloud: Cloud, _: dict[str, str], body: dict[str, Any]) -> None:
    cloud.faults.inject(from_json(Fault, body))


def _clear_faults(cloud: Cloud, _: dict[str, str], __: dict[str, Any]) -> None:
    cloud.faults.clear()


def _reset(cloud: Cloud, _: dict[str, str], __: dict[str, Any]) -> None:
    cloud.reset()


def _delete_user(cloud: Cloud, _: dict[str, str], body: dict[str, Any]) -> Any:  # noqa: ANN401
    return {"deleted": cloud.accounts.delete_user(body["account"], body["user"])}


def _delete_key(cloud: Cloud, _: dict[str, str], body: dict[str, Any]) -> Any:  # noqa: ANN401
    return {"deleted": cloud.accounts.delete_key(body["access_key_id"])}


def _azure(verb: str) -> Callable[[Cloud, dict[str, str], dict[str, Any]], Any]:
    return lambda cloud, _, body: VERBS[verb](cloud.azure, body)


def _set_clock_offset(_: Cloud, __: dict[str, str], body: dict[str, Any]) -> None:
    DATE.offset = float(body["seconds"])


def _resources(verb: str) -> Callable[[Cloud, dict[str, str], dict[str, Any]], Any]:
    return lambda cloud, _, body: resources_control.VERBS[verb](cloud.azure.resources, body)


def _accounts(verb: str) -> Callable[[Cloud, dict[str, str], dict[str, Any]], Any]:
    return lambda cloud, _, body: accounts_control.VERBS[verb](cloud.accounts, body)


def _identity(verb: str) -> Callable[[Cloud, dict[str, str], dict[str, Any]], Any]:
    return lambda cloud, _, body: identity_control.VERBS[verb](cloud.identities, body)


def _serve_at(cloud: Cloud, _: dict[str, str], body: dict[str, Any]) -> None:
    cloud.gateway.serve_at(body["host"], body["port"])


def _serve_no_longer(cloud: Cloud, _: dict[str, str], body: dict[str, Any]) -> None:
    cloud.gateway.serve_no_longer(body["host"])


def _aws(verb: str) -> Callable[[Cloud, dict[str, str], dict[str, Any]], Any]:
    return lambda cloud, _, body: aws_control.VERBS[verb](cloud, body)


ROUTES: dict[tuple[str, str], Callable[[Cloud, dict[str, str], dict[str, Any]], Any]] = {
    ("GET", "/truth"): _truth,
    ("GET", "/tables"): _tables,
    ("GET", "/rows"): _rows,
    ("POST", "/deploy"): _deploy,
    ("POST", "/function"): _save_function,
    ("POST", "/query"): _query,
    ("GET", "/requests"): _requests,
    ("DELETE", "/requests"): _clear_requests,
    ("GET", "/faults"): _faults,
    ("POST", "/faults"): _inject,
    ("DELETE", "/faults"): _clear_faults,
    ("POST", "/reset"): _reset,
    ("POST", "/delete-user"): _delete_user,
    ("POST", "/delete-key"): _delete_key,
    ("POST", "/clock-offset"): _set_clock_offset,
    **{("POST", f"/azure/{verb}"): _azure(verb) for verb in VERBS},
    **{("POST", f"/resources/{verb}"): _resources(verb) for verb in resources_control.VERBS},
    ("POST", "/identity/serve_at"): _serve_at,
    ("POST", "/identity/serve_no_longer"): _serve_no_longer,
    **{("POST", f"/identity/{verb}"): _identity(verb) for verb in identity_control.VERBS},
    **{("POST", f"/aws/{verb}"): _aws(verb) for verb in aws_control.VERBS},
    **{("POST", f"/accounts/{verb}"): _accounts(verb) for verb in accounts_control.VERBS},
}
