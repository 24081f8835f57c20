"""Built-in resources as a Kubernetes 1.37 API server without flags serves them (stable versions only)."""

from fluxkit.sandbox.catalog import Resource, version_priority
from fluxkit.schema import resources

__all__ = ["builtin_resources"]

_SHARED_STORAGE = {("events.k8s.io", "events"): "events"}
"""Resources that are views of another group's collection."""


def builtin_resources() -> list[Resource]:
    served = [info for info in resources() if info.enabled_by_default]
    preferred: dict[tuple[str, str], str] = {}
    for info in served:
        known = preferred.get((info.group, info.plural))
        if known is None or version_priority(info.version) < version_priority(known):
            preferred[(info.group, info.plural)] = info.version
    # HorizontalPodAutoscaler v1 holds less than v2; the richer version is what is stored.
    preferred[("autoscaling", "horizontalpodautoscalers")] = "v2"
    found: list[Resource] = []
    for info in served:
        shared = _SHARED_STORAGE.get((info.group, info.plural), "")
        storage_version = preferred[(info.group, info.plural)]
        found.append(
            Resource(
                group=info.group,
                version=info.version,
                kind=info.kind,
                plural=info.plural,
                singular=info.singular,
                namespaced=info.namespaced,
                short_names=info.short_names,
                categories=info.categories,
                verbs=info.verbs,
                subresources=info.subresources,
                storage_version=storage_version,
                shared_storage=shared,
            )
        )
    return found
