"""Client-side throttling: a token bucket in front of the requests of one process.

Only for servers without priority and fairness (RUN-079, fluxcd/pkg runtime/client/client.go): a server that has it
does this better, and says so in the headers of every answer.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["RequestRate", "TokenBucket", "has_priority_and_fairness"]

_HEADER: Final = "X-Kubernetes-PF-FlowSchema-UID"


@dataclass(frozen=True, slots=True)
class RequestRate:
    """``--kube-api-qps`` and ``--kube-api-burst``."""

    per_second: float = 50.0
    burst: int = 300


class TokenBucket:
    """``burst`` requests at once, then ``per_second``; callers are let through in the order in which they came."""

    def __init__(self, rate: RequestRate) -> None:
        self._rate = rate
        self._due = float("-inf")
        """When the last handed out request becomes part of the steady rate."""

    async def acquire(self) -> None:
        interval = 1.0 / self._rate.per_second
        now = asyncio.get_running_loop().time()
        self._due = max(self._due, now - (self._rate.burst - 1) * interval - interval) + interval
        if self._due > now:
            await asyncio.sleep(self._due - now)


def has_priority_and_fairness(headers: Mapping[str, str]) -> bool:
    return _HEADER in headers
