"""Decides requests by the stored roles and bindings."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fluxkit.sandbox.identity import MASTERS, Attributes, Decision, User
from fluxkit.sandbox.rbac.rules import Rule
from fluxkit.sandbox.store import Store

__all__ = ["BINDINGS", "CLUSTER_BINDINGS", "CLUSTER_ROLES", "ROLES", "RBACAuthorizer"]

_GROUP = "rbac.authorization.k8s.io"
ROLES = f"roles.{_GROUP}"
CLUSTER_ROLES = f"clusterroles.{_GROUP}"
BINDINGS = f"rolebindings.{_GROUP}"
CLUSTER_BINDINGS = f"clusterrolebindings.{_GROUP}"

Subject = tuple[str, str]
"""("User" or "Group", name); service accounts are users."""
RoleKey = tuple[str, str, str]
"""(storage key, namespace, name)"""


@dataclass(frozen=True, slots=True)
class _Grant:
    """One subject's entry in one binding."""

    role: RoleKey
    binding: str
    """As reasons name it: kind and name."""
    subject: str


class RBACAuthorizer:
    """Reads the store through an index that is rebuilt after roles or bindings changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen: tuple[int, ...] = ()
        self._roles: dict[RoleKey, tuple[Rule, ...]] = {}
        self._bindings: dict[tuple[str, Subject], list[_Grant]] = {}

    def _refresh(self) -> None:
        resources = (ROLES, CLUSTER_ROLES, BINDINGS, CLUSTER_BINDINGS)
        seen = tuple(self._store.resource_revision(name) for name in resources)
        if seen == self._seen:
            return
        if seen[:2] != self._seen[:2]:
            self._roles = {
                (name, *record.key): tuple(Rule.of(rule) for rule in record.decode().get("rules") or ())
                for name in (ROLES, CLUSTER_ROLES)
                for record in self._store.records(name)
            }
        if seen[2:] != self._seen[2:]:
            self._bindings = {}
            for name in (BINDINGS, CLUSTER_BINDINGS):
                for record in self._store.records(name):
                    self._index(record.key[0], record.decode())
        self._seen = seen

    def _index(self, namespace: str, binding: dict[str, Any]) -> None:
        role = role_key(binding.get("roleRef") or {}, namespace)
        for subject in binding.get("subjects") or ():
            kind, name = subject.get("kind", ""), subject.get("name", "")
            shown = f'{kind} "{name}"'
            if kind == "ServiceAccount":
                home = subject.get("namespace") or namespace
                kind, name, shown = "User", f"system:serviceaccount:{home}:{name}", f'{kind} "{name}/{home}"'
            metadata = binding["metadata"]
            place = f'RoleBinding "{metadata["name"]}/{namespace}"' if namespace else ""
            grant = _Grant(role, place or f'ClusterRoleBinding "{metadata["name"]}"', shown)
            self._bindings.setdefault((namespace, (kind, name)), []).append(grant)

    def rules_of(self, user: User, namespace: str) -> Iterator[Rule]:
        """All rules that a user has in a namespace (with an empty one: cluster-wide only)."""
        self._refresh()
        if MASTERS in user.groups:
            yield Rule(("*",), ("*",), ("*",))
            yield Rule(("*",), paths=("*",))
        for grant in self._grants(user, namespace):
            yield from self._roles.get(grant.role, ())

    def _grants(self, user: User, namespace: str) -> Iterator[_Grant]:
        """What a user is bound to, cluster-wide bindings first."""
        self._refresh()
        subjects = [("User", user.name), *(("Group", group) for group in user.groups)]
        for scope in dict.fromkeys(("", namespace)):
            for subject in subjects:
                yield from self._bindings.get((scope, subject), ())

    def role_rules(self, role: RoleKey) -> tuple[Rule, ...] | None:
        """The rules of a role; None when there is no such role."""
        self._refresh()
        return self._roles.get(role)

    def authorize(self, attributes: Attributes) -> Decision:
        if MASTERS in attributes.user.groups:
            return Decision(True)
        missing: list[str] = []
        for grant in self._grants(attributes.user, attributes.namespace):
            rules = self._roles.get(grant.role)
            kind, name = "Role" if grant.role[0] == ROLES else "ClusterRole", grant.role[2]
            if rules is None:
                missing.append(f'{kind.lower()}.{_GROUP} "{name}" not found')
            elif any(rule.allows(attributes) for rule in rules):
                return Decision(True, f'RBAC: allowed by {grant.binding} of {kind} "{name}" to {grant.subject}')
        problems = f"[{', '.join(missing)}]" if len(missing) > 1 else "".join(missing)
        return Decision(False, f"rbac: RBAC: {problems}" if problems else "")

    def rules(self, user: User, namespace: str) -> dict[str, Any]:
        found = list(dict.fromkeys(self.rules_of(user, namespace)))
        return {
            "resourceRules": [rule.as_object() for rule in found if rule.resources],
            "nonResourceRules": [rule.as_object() for rule in found if rule.paths],
            "incomplete": False,
        }


def role_key(reference: dict[str, Any], namespace: str) -> RoleKey:
    """The role that a binding in a namespace refers to."""
    name = str(reference.get("name", ""))
    if reference.get("kind") == "Role":
        return (ROLES, namespace, name)
    return (CLUSTER_ROLES, "", name)
