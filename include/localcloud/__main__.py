"""The commands: `python -m localcloud serve | query | requests | demo | up | browser`."""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud.client import LocalCloud, LocalCloudError
from localcloud.model import Seed, from_json

if TYPE_CHECKING:
    from collections.abc import Callable

STATE = Path(".airflow") / "localcloud"
"""Where the state of a running local cloud is, unless told otherwise."""

INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C has ended."""

OWN_MODULE = ("demo", "up", "browser")
"""Commands with a module and options of their own, which import what the others do not need."""


def main(argv: list[str] | None = None) -> int:
    """Run a command and give its exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments and arguments[0] in OWN_MODULE:
        try:
            return int(importlib.import_module(f"localcloud.{arguments[0]}").main(arguments[1:]))
        except KeyboardInterrupt:
            print("Stopped.", file=sys.stderr)
            return INTERRUPTED
    options = _parser().parse_args(arguments)
    try:
        command: Callable[[argparse.Namespace], int] = options.command
        return command(options)
    except (LocalCloudError, ValueError) as error:
        print(f"localcloud: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud", description="AWS and Azure on loopback.")
    commands = parser.add_subparsers(required=True, metavar="command")
    serve = commands.add_parser("serve", help="run the local cloud until it is stopped")
    serve.add_argument("--port", type=int, default=0, help="of the proxy (default: any free one)")
    serve.add_argument("--control-port", type=int, default=0, help="of the control interface (default: any free one)")
    serve.add_argument("--seed", default="{}", help='what to fill the accounts with, e.g. {"accounts": 1, "users": 9}')
    serve.add_argument("--with-parent", action="store_true", help="end with the process that started it")
    serve.set_defaults(command=_serve)
    query = commands.add_parser("query", help="ask a running local cloud what its workspace holds")
    query.add_argument("kql", help="a query in a small part of KQL, beginning with a table")
    query.set_defaults(command=_query)
    requests = commands.add_parser("requests", help="list the requests that a running local cloud has had")
    requests.add_argument("filters", nargs="*", metavar="field=value", help="such as action=ListUsers status=400")
    requests.set_defaults(command=_requests)
    commands.add_parser("demo", help="run the daily report for real, on a local cloud", add_help=False)
    commands.add_parser("up", help="Airflow's UI with a local cloud behind it", add_help=False)
    commands.add_parser("browser", help="a browser that sees the local cloud of `up`", add_help=False)
    for each in (serve, query, requests):
        each.add_argument("--state", type=Path, default=STATE, help=f"folder of its state (default: {STATE})")
    return parser


def _serve(options: argparse.Namespace) -> int:
    from localcloud import server  # here, because it takes seconds to import

    seed = from_json(Seed, json.loads(options.seed))
    return server.serve(server.Options(options.state, options.port, options.control_port, seed, options.with_parent))


def _query(options: argparse.Namespace) -> int:
    for row in LocalCloud.attach(options.state).query(options.kql):
        print(json.dumps(row, ensure_ascii=False))
    return 0


def _requests(options: argparse.Namespace) -> int:
    filters = dict(each.split("=", 1) for each in options.filters if "=" in each)
    if len(filters) != len(options.filters):
        raise ValueError("A filter is field=value")
    for record in LocalCloud.attach(options.state).requests(**filters):
        print(json.dumps(dataclasses.asdict(record), ensure_ascii=False))
    return 0


if __name__ == "__main__":
    sys.exit(main())
