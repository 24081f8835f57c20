"""The chain of admission, in upstream's order.

Follows kubernetes/kubernetes ``pkg/kubeapiserver/options/plugins.go``.
"""

from dataclasses import replace

from fluxkit.objects import Object
from fluxkit.sandbox.admission.conditions import ExpressionError, Expressions
from fluxkit.sandbox.admission.journal import ReviewNeeded
from fluxkit.sandbox.admission.limits import LIMIT_RANGES, LimitRanges
from fluxkit.sandbox.admission.matching import Scope, is_exempt
from fluxkit.sandbox.admission.operation import Operation
from fluxkit.sandbox.admission.policies import POLICIES, Policies
from fluxkit.sandbox.admission.quotas import QUOTAS, Quotas
from fluxkit.sandbox.admission.webhooks import Hook, Webhooks
from fluxkit.sandbox.catalog import Catalog
from fluxkit.sandbox.identity import Authorizer
from fluxkit.sandbox.status import forbidden
from fluxkit.sandbox.store import Store

__all__ = ["Admission"]

_MUTATING = "mutatingwebhookconfigurations.admissionregistration.k8s.io"
_VALIDATING = "validatingwebhookconfigurations.admissionregistration.k8s.io"
_CONFIGURATIONS = (_MUTATING, _VALIDATING, POLICIES, QUOTAS, LIMIT_RANGES)


class Admission:
    """What the registry asks about every write. A cluster that configures none of it pays next to nothing."""

    def __init__(self, store: Store, catalog: Catalog, authorizer: Authorizer) -> None:
        self._store = store
        scope = Scope(store, catalog)
        self._scope = scope
        self._expressions = Expressions(scope, authorizer)
        self._policies = Policies(store, catalog, scope, self._expressions)
        self._limits = LimitRanges(store)
        self.quotas = Quotas(store, catalog)
        self._webhooks = Webhooks(store)

    async def close(self) -> None:
        await self._webhooks.close()

    @property
    def active(self) -> bool:
        """Whether anything is configured."""
        return any(self._store.count(each) for each in _CONFIGURATIONS)

    @property
    def has_webhooks(self) -> bool:
        return bool(self._store.count(_MUTATING) or self._store.count(_VALIDATING))

    def mutate(self, operation: Operation) -> Object | None:
        """The new object as it is to be stored; raises :class:`ReviewNeeded` and StatusError."""
        new = operation.new
        if is_exempt(operation):
            return new
        creates_pod = operation.verb == "CREATE" and operation.resource.key == "pods" and not operation.subresource
        if creates_pod and new is not None and self._store.count(LIMIT_RANGES):
            new = self._limits.complete(operation, new)
        hooks = self._hooks(_MUTATING, operation)
        if not hooks or operation.journal is None:
            return new
        journal = operation.journal
        known, result = journal.answer("mutate", new, operation.old)
        if known:
            return result

        async def ask() -> None:
            journal.record(
                "mutate", new, operation.old, await self._webhooks.mutate(replace(operation, new=new), hooks)
            )

        raise ReviewNeeded(ask)

    def validate(self, operation: Operation) -> None:
        """Raises the refusal of whoever refuses first, or :class:`ReviewNeeded`."""
        if is_exempt(operation):
            return
        if self._store.count(LIMIT_RANGES):
            self._limits.judge(operation)
        if self._store.count(POLICIES):
            self._policies.judge(operation)
        self._ask_validating(operation)
        if self._store.count(QUOTAS):
            self.quotas.judge(operation)

    def _ask_validating(self, operation: Operation) -> None:
        journal = operation.journal
        hooks = self._hooks(_VALIDATING, operation)
        if not hooks or journal is None or journal.answer("validate", operation.new, operation.old)[0]:
            return

        async def ask() -> None:
            await self._webhooks.validate(operation, hooks)
            journal.record("validate", operation.new, operation.old, None)

        raise ReviewNeeded(ask)

    def _hooks(self, key: str, operation: Operation) -> list[Hook]:
        """The webhooks that a write concerns, in the order of their configurations' names."""
        out: list[Hook] = []
        if not self._store.count(key) or operation.journal is None:
            return out
        for record in self._store.records(key):
            for settings in record.view().get("webhooks") or ():
                seen = self._scope.matches(
                    operation,
                    settings.get("rules") or (),
                    settings.get("namespaceSelector"),
                    settings.get("objectSelector"),
                    settings.get("matchPolicy") or "Equivalent",
                )
                if seen is not None and self._conditions_hold(hook := Hook(settings, seen), operation):
                    out.append(hook)
        return out

    def _conditions_hold(self, hook: Hook, operation: Operation) -> bool:
        conditions = hook.settings.get("matchConditions") or ()
        if not conditions:
            return True
        try:
            return not self._expressions.first_unmet(conditions, operation)
        except ExpressionError as error:
            if hook.ignored:
                return False
            resource = operation.resource
            raise forbidden(resource.plural, resource.group, operation.name, str(error)) from None
