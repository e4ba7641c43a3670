"""Checks a Bicep file with its parameters.

python -m tests.bicep <main.bicep> <parameters.json> [name=value ...] [--queries <folder>]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.bicep.check import findings
from tests.bicep.queries import write_queries


def _given(argument: str) -> tuple[str, str]:
    name, equals, value = argument.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{argument!r} is not of the form name=value")
    return name, value


def main(arguments: list[str] | None = None) -> int:
    """Check what the command line names, and print what is wrong.

    Returns:
        1 if anything is.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.bicep", description="Checks a Bicep file.")
    parser.add_argument("main", type=Path, help="the Bicep file")
    parser.add_argument("parameters", type=Path, help="its parameter file")
    parser.add_argument("given", type=_given, nargs="*", metavar="name=value", help="a further parameter")
    parser.add_argument("--queries", type=Path, metavar="folder", help="write every query into a file there")
    asked = parser.parse_args(arguments)

    deployment, wrong = findings(asked.main, asked.parameters, dict(asked.given))
    for each in wrong:
        print(each, file=sys.stderr)  # noqa: T201 - this is a command
    if not deployment or wrong:
        return 1
    if asked.queries:
        write_queries(deployment.resources, asked.queries)
    made = [each for each in deployment.resources if not each.existing]
    print(f"{len(made)} resources of {asked.main} fit the SDKs' models")  # noqa: T201 - a command
    return 0


if __name__ == "__main__":
    sys.exit(main())
