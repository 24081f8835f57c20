"""Spreading interval requeues, so that objects created together do not run together for ever.

Upstream: fluxcd/pkg ``runtime/jitter``.
"""

import random
from collections.abc import Callable

__all__ = ["DEFAULT_PERCENTAGE", "IntervalJitter"]

DEFAULT_PERCENTAGE = 5


class IntervalJitter:
    """Multiplies an interval by a uniform factor in ``[1 - p, 1 + p]``.

    Meant for interval requeues only, never for retries, dependencies or immediate requeues. ``percentage`` must be in
    [0, 100), otherwise ``ValueError``.
    """

    def __init__(self, percentage: float = DEFAULT_PERCENTAGE, *, uniform: Callable[[], float] = random.random) -> None:
        if not 0 <= percentage < 100:
            raise ValueError(
                f"interval jitter percentage must be greater than or equal to 0 and less than 100, got {percentage}"
            )
        self._share = percentage / 100.0
        self._uniform = uniform

    def __call__(self, interval: float) -> float:
        """The jittered interval in seconds; zero stays zero."""
        return interval * (1.0 - self._share + 2.0 * self._share * self._uniform())
