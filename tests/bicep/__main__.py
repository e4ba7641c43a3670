"""Checks a Bicep file with its parameters.

python -m tests.bicep <main.bicep> [parameters.json] [name=value ...] [--queries <folder>]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.bicep.check import findings
from tests.bicep.queries import write_queries


def main(arguments: list[str] | None = None) -> int:
    """Check what the command line names, and print what is wrong.

    Returns:
        1 if anything is.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.bicep", description="Checks a Bicep file.")
    parser.add_argument("main", type=Path, help="the Bicep file")
    parser.add_argument(
        "parameters", nargs="*", metavar="parameters.json|name=value", help="its parameter file, and further parameters"
    )
    parser.add_argument("--queries", type=Path, metavar="folder", help="write every query into a file there")
    asked = parser.parse_args(arguments)
    files = [Path(each) for each in asked.parameters if "=" not in each]
    if len(files) > 1:
        parser.error(f"one parameter file at most, and others as name=value; not {', '.join(map(str, files))}")

    given = dict(each.split("=", 1) for each in asked.parameters if "=" in each)
    deployment, wrong = findings(asked.main, files[0] if files else None, given)
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
