"""One write as admission sees it."""

from collections.abc import Mapping
from dataclasses import dataclass

from fluxkit.objects import Object, labels_of
from fluxkit.sandbox.admission.journal import Journal
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.identity import User

__all__ = ["Operation"]

_CONTROLLER = User("system:kube-controller-manager", ("system:authenticated",))


@dataclass(frozen=True, slots=True)
class Operation:
    """``verb`` is CREATE, UPDATE or DELETE; ``new`` is None for deletions, ``old`` for creations."""

    verb: str
    resource: Resource
    subresource: str
    namespace: str
    name: str
    new: Object | None
    old: Object | None
    user: User | None = None
    """None for the control plane itself."""
    dry_run: bool = False
    manager: str = ""
    warnings: list[str] | None = None
    journal: Journal | None = None
    """None where nobody can wait for a webhook."""

    @property
    def asker(self) -> User:
        return self.user or _CONTROLLER

    @property
    def objects(self) -> list[Object]:
        """The object in the states that a selector may match."""
        return [each for each in (self.new, self.old) if each is not None]

    @property
    def request(self) -> Mapping[str, object]:
        """The members of an ``AdmissionRequest`` that tell what is asked for."""
        resource = self.resource
        kind = {"group": resource.group, "version": resource.version, "kind": resource.kind}
        named = {"group": resource.group, "version": resource.version, "resource": resource.plural}
        out: dict[str, object] = {"kind": kind, "resource": named, "requestKind": kind, "requestResource": named}
        if self.subresource:
            out |= {"subResource": self.subresource, "requestSubResource": self.subresource}
        if self.name:
            out["name"] = self.name
        if self.namespace:
            out["namespace"] = self.namespace
        options: dict[str, object] = {
            "kind": f"{self.verb.title()}Options",
            "apiVersion": "meta.k8s.io/v1",
        }
        if self.manager:
            options["fieldManager"] = self.manager
        if self.dry_run:
            options["dryRun"] = ["All"]
        return {
            **out,
            "operation": self.verb,
            "userInfo": self.asker.as_object(),
            "dryRun": self.dry_run,
            "options": options,
        }

    def warn(self, text: str) -> None:
        if self.warnings is not None and text not in self.warnings:
            self.warnings.append(text)

    def selected_labels(self) -> list[Mapping[str, str]]:
        return [labels_of(each) for each in self.objects]
