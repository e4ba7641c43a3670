"""Queries of addresses: each operation has its parameters, and what is none of them is a mistake, not ignored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request

from keywatch.portal.api.bearer import QUERY_PARAMETER
from keywatch.portal.api.problems import UnfitRequestError


def only(*names: str) -> Callable[[Request], Coroutine[Any, Any, None]]:
    """Make the dependency that refuses all parameters but some, and those twice.

    An address with a token in it is left to `BearerToken`, which says what is wrong with that.

    Args:
        names: Of the parameters that there are.
    """
    may_be = "takes each once: " + ", ".join(names) if names else "takes no parameter"

    async def check(request: Request) -> None:
        times = Counter(name for name, _ in request.query_params.multi_items())
        is_wrong = set(times) - set(names) or any(count > 1 for count in times.values())
        if is_wrong and QUERY_PARAMETER not in times:
            raise UnfitRequestError(
                HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_parameter", f"This address {may_be}. Correct its query."
            )

    return check
