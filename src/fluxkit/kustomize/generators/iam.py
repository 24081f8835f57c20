"""Service accounts bound to a cloud's identities (IAMPolicyGenerator)."""

from msgspec import Struct

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.identity import Scopes
from fluxkit.kustomize.resource import Resource

__all__ = ["IAMPolicyGenerator"]


class IAMPolicyGenerator(Struct, frozen=True):
    """A ServiceAccount annotated with the Google service account it acts as; ``gke`` is the only cloud."""

    cloud: str
    name: str
    namespace: str
    account: str
    project: str
    scopes: Scopes

    def generate(self) -> list[Resource]:
        if self.cloud != "gke":
            raise KustomizeError(f"cloud provider {self.cloud} not supported yet", field="cloud")
        metadata = {
            "annotations": {"iam.gke.io/gcp-service-account": f"{self.account}@{self.project}.iam.gserviceaccount.com"},
            "name": self.name,
        }
        if self.namespace:
            metadata["namespace"] = self.namespace
        return [Resource({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}, self.scopes)]
