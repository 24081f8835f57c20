"""Nobody hands out rights that they do not have: the escalation check of roles and the bind check of bindings.

Follows kubernetes/kubernetes ``pkg/registry/rbac/{clusterrole,clusterrolebinding,role,rolebinding}/policybased``.
"""

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import Resource
from fluxkit.sandbox.identity import MASTERS, Attributes, User
from fluxkit.sandbox.rbac.authorizer import BINDINGS, CLUSTER_BINDINGS, CLUSTER_ROLES, ROLES, RBACAuthorizer, role_key
from fluxkit.sandbox.rbac.rules import Rule, covers, describe
from fluxkit.sandbox.status import forbidden, not_found

__all__ = ["EscalationGuard"]

_GROUP = "rbac.authorization.k8s.io"


class EscalationGuard:
    """Called with every role and binding that a user is about to write."""

    RESOURCES = (ROLES, CLUSTER_ROLES, BINDINGS, CLUSTER_BINDINGS)

    def __init__(self, authorizer: RBACAuthorizer) -> None:
        self._authorizer = authorizer

    def check(self, resource: Resource, new: Object, old: Object | None, user: User | None) -> None:
        """Raises Forbidden or NotFound (the role of a new binding)."""
        if resource.key in (ROLES, CLUSTER_ROLES):
            if user is not None and (old is None or _granted(old) != _granted(new)):
                self._check_role(resource, new, user)
        else:
            if user is not None and (old is None or old.get("subjects") != new.get("subjects")):
                self._check_binding(resource, new, user)

    def _check_role(self, resource: Resource, new: Object, user: User) -> None:
        metadata = new["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        if self._may(user, "escalate", resource.plural, namespace, name):
            return
        self._require(resource, name, user, namespace, [Rule.of(rule) for rule in new.get("rules") or ()])
        if new.get("aggregationRule"):
            self._require(resource, name, user, "", [Rule(("*",), ("*",), ("*",)), Rule(("*",), paths=("*",))])

    def _check_binding(self, resource: Resource, new: Object, user: User) -> None:
        metadata = new["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        key = role_key(new.get("roleRef") or {}, namespace)
        plural = key[0].partition(".")[0]
        if self._may(user, "bind", plural, namespace, key[2]):
            return
        rules = self._authorizer.role_rules(key)
        if rules is None:
            raise not_found(resource.plural, _GROUP, key[2])
        self._require(resource, name, user, namespace, list(rules))

    def _may(self, user: User, verb: str, plural: str, namespace: str, name: str) -> bool:
        if MASTERS in user.groups:
            return True
        asked = Attributes(user, verb, _GROUP, "*", plural, "", namespace, name)
        return self._authorizer.authorize(asked).allowed

    def _require(self, resource: Resource, name: str, user: User, namespace: str, wanted: list[Rule]) -> None:
        missing = covers(list(self._authorizer.rules_of(user, namespace)), wanted)
        if missing:
            groups = ", ".join(f'"{group}"' for group in user.groups)
            text = (
                f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n'
                f"{describe(missing)}"
            )
            raise forbidden(resource.plural, resource.group, name, text)


def _granted(role: Object) -> tuple[object, object]:
    return role.get("rules"), role.get("aggregationRule")
