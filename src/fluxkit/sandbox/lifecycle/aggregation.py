"""ClusterRoles that are made of others: their rules follow the roles that their selectors match.

Follows kubernetes/kubernetes ``pkg/controller/clusterroleaggregation``.
"""

from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.lifecycle.controller import Controller
from fluxkit.sandbox.registry import Registry, WriteOptions
from fluxkit.sandbox.store import Change

__all__ = ["RoleAggregation"]

_KEY = "clusterroles.rbac.authorization.k8s.io"
_OPTIONS = WriteOptions("clusterrole-aggregation-controller")


class RoleAggregation:
    """Any change of a ClusterRole looks at all aggregated ones: there are few."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.controller: Controller[None] = Controller("cluster role aggregation", self._aggregate)
        registry.store.observe(self._observe)
        self.controller.enqueue(None)

    def _observe(self, change: Change) -> None:
        if change.resource == _KEY:
            self.controller.enqueue(None)

    def _aggregate(self, _: None) -> None:
        resource = self._registry.catalog.stored(_KEY)
        if resource is None:
            return
        roles = [record.decode() for record in self._registry.list(resource)]
        for role in roles:
            selectors = (role.get("aggregationRule") or {}).get("clusterRoleSelectors")
            if selectors is None:
                continue
            rules: list[dict[str, Any]] = []
            for other in roles:
                if other is not role and any(_matches(item, other) for item in selectors):
                    rules += [rule for rule in other.get("rules") or () if rule not in rules]
            if rules != (role.get("rules") or []):
                self._registry.patch(resource, "", role["metadata"]["name"], _with_rules(rules), _OPTIONS)


def _with_rules(rules: list[dict[str, Any]]) -> Any:
    def change(role: Object) -> Object:
        return {**role, "rules": rules}

    return change


def _matches(selector: dict[str, Any], role: Object) -> bool:
    labels = role["metadata"].get("labels") or {}
    wanted = selector.get("matchLabels") or {}
    if not (wanted.items() <= labels.items()):
        return False
    for expression in selector.get("matchExpressions") or ():
        value, values = labels.get(expression.get("key")), expression.get("values") or ()
        operator = expression.get("operator")
        holds = {
            "In": value in values,
            "NotIn": value is None or value not in values,
            "Exists": value is not None,
            "DoesNotExist": value is None,
        }
        if not holds.get(str(operator), False):
            return False
    return bool(wanted) or bool(selector.get("matchExpressions"))
