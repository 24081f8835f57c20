"""Pods that controllers make, which admission may refuse."""

from fluxkit.objects import Object
from fluxkit.sandbox.status import StatusError
from fluxkit.sandbox.workloads.cluster import Cluster

__all__ = ["create_pod"]

_PODS = "pods"
_RETRY_SECONDS = 2.0


def create_pod(
    cluster: Cluster, owner_resource: str, owner: Object, pod: Object, component: str, failed: str = "Error creating"
) -> tuple[Object | None, str]:
    """The Pod, or why it could not be made: then there is an Event of that, and the owner is looked at again soon."""
    try:
        return cluster.create(_PODS, pod), ""
    except StatusError as error:
        cluster.event(owner, "Warning", "FailedCreate", f"{failed}: {error.message}", component)
        cluster.again(owner_resource, owner, _RETRY_SECONDS)
        return None, error.message
