"""How much of a rate Azure Resource Manager leaves, as each of its answers says.

Source: Microsoft Learn, "Understand how Azure Resource Manager throttles requests": a token bucket for each principal,
subscription and region, of 250 reads, refilled by 25 a second; providers such as Compute have policies of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

READS: Final = "x-ms-ratelimit-remaining-subscription-reads"
OF_PROVIDER: Final = "x-ms-ratelimit-remaining-resource"
LOW: Final = 25
"""Reads left at which we slow down: what flows back into the bucket in one second."""

PAUSE: Final = 1.0
"""Seconds in which the bucket of reads regains `LOW`."""

PROVIDER_PAUSE: Final = 5.0
"""Seconds to let a provider recover that has nothing left; its policies count over minutes, so 429 may still come."""

READS_LEFT: Final = re.compile(r"\s*[0-9]{1,6}\s*")
COUNT: Final = re.compile(r"[;:]\s*([0-9]{1,9})\s*(?:,|$)")


def pause_after(headers: Mapping[str, str]) -> float:
    """Return the seconds to wait before the next request, 0 while enough is left.

    Args:
        headers: Of the answer before it. Those that are not there, or not numbers, say nothing.
    """
    reads = headers.get(READS, "")
    slow = PAUSE if READS_LEFT.fullmatch(reads) and int(reads) < LOW else 0.0
    provider = [int(count) for count in COUNT.findall(headers.get(OF_PROVIDER, ""))]
    return max(slow, PROVIDER_PAUSE if provider and min(provider) == 0 else 0.0)
