"""Objects for tests."""

from typing import Any

from fluxkit.api import Condition, GitRepository

OLD = "2020-01-01T00:00:00Z"


def git_repository(
    *conditions: Condition, generation: int = 1, name: str = "podinfo", namespace: str = "apps", **metadata: Any
) -> GitRepository:
    """A GitRepository with the given conditions."""
    obj = GitRepository.decode(
        {
            "apiVersion": "source.toolkit.fluxcd.io/v1",
            "kind": "GitRepository",
            "metadata": {"name": name, "namespace": namespace, "generation": generation, **metadata},
            "spec": {"interval": "1m", "url": "https://example.com/podinfo.git"},
        }
    )
    obj.status.conditions = list(conditions)
    return obj


def condition(
    type: str, status: str = "True", reason: str = "Reason", message: str = "message", *, generation: int = 1
) -> Condition:
    """A condition that last changed long ago."""
    return Condition(
        type=type,
        status=status,
        reason=reason,
        message=message,
        last_transition_time=OLD,
        observed_generation=generation,
    )


def brief(obj: GitRepository) -> list[tuple[str, str, str, str]]:
    """(type, status, reason, message) of each condition, as stored."""
    return [(each.type, each.status, each.reason, each.message) for each in obj.status.conditions]
