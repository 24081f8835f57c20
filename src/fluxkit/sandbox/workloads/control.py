"""How a user makes a simulated workload slow or broken: annotations, and images that cannot be pulled.

On a Pod, its template, or the workload that owns it:

``sandbox.fluxkit.dev/fail: <reason>``
    ``CrashLoopBackOff``, ``ErrImagePull``, ``ImagePullBackOff``, ``CreateContainerConfigError``, ... keep the Pod from
    becoming ready with that reason; ``Unschedulable`` keeps it from a node; ``Error``, ``OOMKilled``, ``Evicted``,
    ``DeadlineExceeded`` let it run and fail; ``Unready`` lets it run without ever becoming ready. On a
    PersistentVolumeClaim any value keeps it from being bound.
``sandbox.fluxkit.dev/ready-after: 500ms``
    Time between start and readiness; for a Job's Pod, between start and completion.

An image whose registry is ``invalid.example`` or whose tag or name contains ``does-not-exist`` cannot be pulled.
"""

from typing import Any

from fluxkit.durations import parse_duration
from fluxkit.objects import Object, annotations_of

__all__ = ["FAIL", "FAILED_REASONS", "READY_AFTER", "failure", "image_problem", "ready_after"]

PREFIX = "sandbox.fluxkit.dev/"
FAIL = PREFIX + "fail"
READY_AFTER = PREFIX + "ready-after"

FAILED_REASONS = frozenset(["Error", "OOMKilled", "Evicted", "DeadlineExceeded", "ContainerCannotRun"])
"""Reasons with which a Pod ends instead of waiting."""


def failure(*objects: Object | None) -> str:
    """The first failure that one of some objects asks for; empty if none does."""
    for obj in objects:
        if obj is not None:
            reason = annotations_of(obj).get(FAIL)
            if reason:
                return reason
    return ""


def ready_after(*objects: Object | None) -> float:
    """Seconds until readiness that the first of some objects asks for; 0 if none does or the text is no duration."""
    for obj in objects:
        text = annotations_of(obj).get(READY_AFTER) if obj is not None else None
        if text:
            try:
                return max(0.0, parse_duration(text))
            except ValueError:
                return 0.0
    return 0.0


def image_problem(container: dict[str, Any]) -> str:
    """Why a container's image cannot be pulled; empty if it can."""
    image = container.get("image") or ""
    host = image.partition("/")[0]
    if host == "invalid.example" or host.endswith(".invalid.example") or host.startswith("invalid.example:"):
        return f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": no such host'
    if "does-not-exist" in image:
        return f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": {image}: not found'
    return ""
