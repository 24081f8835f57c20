"""Counts of what a client asked the server: for metrics, benchmarks, and tests that no request is wasted."""

from collections import Counter
from dataclasses import dataclass, field

__all__ = ["RequestStats"]


@dataclass(slots=True)
class RequestStats:
    """``requests`` by verb (get, list, watch, create, update, apply, patch, delete, discovery, raw), every attempt.

    ``resources`` counts (verb, resource), where a resource is ``deployments.apps`` or ``secrets``. ``retries`` by verb
    are those of ``requests`` that repeated an earlier one. ``answers`` counts (HTTP method, status code).
    """

    requests: Counter[str] = field(default_factory=Counter)
    resources: Counter[tuple[str, str]] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)

    def count(self, verb: str, resource: str) -> None:
        self.requests[verb] += 1
        if resource:
            self.resources[verb, resource] += 1

    @property
    def writes(self) -> int:
        """Requests that may change the cluster."""
        return sum(self.requests[verb] for verb in ("create", "update", "apply", "patch", "delete"))
