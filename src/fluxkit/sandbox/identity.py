"""Who is asking, and whether they may: users, authentication, and the seam for authorization."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = ["AUTHENTICATED", "MASTERS", "Attributes", "Authorizer", "Decision", "User", "certificate_user"]

MASTERS = "system:masters"
AUTHENTICATED = "system:authenticated"


@dataclass(frozen=True, slots=True)
class User:
    """An authenticated (or impersonated) user."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def as_object(self) -> dict[str, Any]:
        """``authentication.k8s.io`` ``UserInfo``."""
        info: dict[str, Any] = {"username": self.name}
        if self.uid:
            info["uid"] = self.uid
        if self.groups:
            info["groups"] = list(self.groups)
        if self.extra:
            info["extra"] = {name: list(values) for name, values in self.extra.items()}
        return info


@dataclass(frozen=True, slots=True)
class Attributes:
    """What an authorizer decides on."""

    user: User
    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    """Non-resource requests only."""


@dataclass(frozen=True, slots=True)
class Decision:
    allowed: bool
    reason: str = ""


class Authorizer(Protocol):
    def authorize(self, attributes: Attributes) -> Decision: ...

    def rules(self, user: User, namespace: str) -> dict[str, Any]:
        """``SubjectRulesReviewStatus`` of a user in a namespace."""
        ...


def certificate_user(peer: Mapping[str, Any]) -> User | None:
    """The user of a verified client certificate: common name and organizations."""
    name, groups = "", []
    for relative in peer.get("subject", ()):
        for attribute, value in relative:
            if attribute == "commonName":
                name = value
            elif attribute == "organizationName":
                groups.append(value)
    return User(name, (*groups, AUTHENTICATED)) if name else None
