"""The times in a Kustomization's spec, with their defaults, in seconds (fluxcd/kustomize-controller ``api/v1``)."""

from fluxkit.api import Kustomization
from fluxkit.durations import parse_duration

__all__ = ["effective_timeout", "interval", "retry_interval"]

_SHORTEST_TIMEOUT = 30.0


def interval(kustomization: Kustomization) -> float:
    return parse_duration(kustomization.spec.interval)


def retry_interval(kustomization: Kustomization) -> float:
    """How soon a failure is retried: ``retryInterval``, by default ``interval``."""
    return parse_duration(kustomization.spec.retry_interval or kustomization.spec.interval)


def effective_timeout(kustomization: Kustomization) -> float:
    """``timeout``, by default ``interval`` less 30 seconds; never below 30 seconds."""
    if kustomization.spec.timeout is not None:
        timeout = parse_duration(kustomization.spec.timeout)
    else:
        timeout = interval(kustomization) - _SHORTEST_TIMEOUT
    return max(timeout, _SHORTEST_TIMEOUT)
