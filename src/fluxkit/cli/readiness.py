"""When an object counts as reconciled (fluxcd/flux2 cmd/flux/readiness.go and reconcile.go), and waiting for it.

Waiting watches the object: it ends the moment the controller has written the status.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import cast

from fluxkit.apply.kstatus import StatusCode, compute
from fluxkit.cli.cluster import Session
from fluxkit.cli.errors import CommandError
from fluxkit.cli.follow import observe
from fluxkit.cli.kinds import Kind, condition, nested, ready_state
from fluxkit.objects import Object

__all__ = ["has_given_up", "is_ready", "last_handled", "wait_handled", "wait_ready"]


def last_handled(obj: Object) -> str:
    """The reconcile request that the controller handled last."""
    value = nested(obj, "status", "lastHandledReconcileAt")
    return value if isinstance(value, str) else ""


def is_ready(obj: Object, *, static: bool = False) -> bool:
    """Whether the current generation is reconciled; raises :class:`CommandError` if it cannot become so by waiting.

    Static objects have no controller that reports a status: only the general rules (kstatus) judge them.
    """
    if not static:
        observed = nested(obj, "status", "observedGeneration") or 0
        ready = condition(obj, "Ready")
        if observed < 1 or ready is None:
            return False
        judged = ready.get("observedGeneration") or observed
        if judged != nested(obj, "metadata", "generation"):
            return False
    return _is_current(obj)


def _is_current(obj: Object) -> bool:
    status = compute(obj)
    if status.status is StatusCode.CURRENT:
        return True
    if status.status is StatusCode.IN_PROGRESS:
        return False
    raise CommandError(status.message or status.error or f"status is {status.status}")


def has_given_up(obj: Object) -> bool:
    """Whether this attempt has failed, although the controller will try again.

    Upstream keeps waiting for a later attempt until its deadline; the person who asked for this one is better served by
    its result. An unmet dependency is no result: it is what waiting is for.
    """
    ready, reconciling = condition(obj, "Ready"), condition(obj, "Reconciling")
    if ready is None or reconciling is None or ready.get("reason") == "DependencyNotReady":
        return False
    return ready.get("status") == "False" and reconciling.get("reason") == "ProgressingWithRetry"


async def wait_ready(session: Session, kind: Kind, name: str) -> Object:
    """The object, once :func:`is_ready`."""
    return await _wait(session, kind, name, lambda obj: is_ready(obj, static=kind.is_static(obj)))


async def wait_handled(session: Session, kind: Kind, name: str, previous: str) -> Object:
    """The object, once the controller has handled a request later than ``previous`` and come to a result."""
    return await _wait(
        session, kind, name, lambda obj: last_handled(obj) != previous and (has_given_up(obj) or _is_current(obj))
    )


async def _wait(session: Session, kind: Kind, name: str, done: Callable[[Object], bool]) -> Object:
    what = f"waiting for {kind.kind}/{session.namespace}/{name}"
    session.awaiting = f"{what} (are the controllers running?)"
    states = observe(session.client, kind.gvk, name, session.namespace)
    async with aclosing(cast("AsyncGenerator[Object, None]", states)):
        async for obj in states:
            if done(obj):
                return obj
            if condition(obj, "Ready") is not None:
                session.awaiting = f"{what} (last status: {ready_state(obj)[1]})"
    raise AssertionError("observing an object does not end")
