"""What an apply would change, without changing anything (fluxcd/pkg ``ssa/manager_diff.go``)."""

from dataclasses import dataclass

from fluxkit.apply.applier import Plan
from fluxkit.apply.changeset import Action
from fluxkit.apply.ignore import IgnoreRules, without_paths
from fluxkit.apply.redact import is_secret, mask_secret_pair
from fluxkit.objects import Object, ObjectRef, metadata_of

__all__ = ["ObjectDiff", "diff_of"]


@dataclass(frozen=True, slots=True)
class ObjectDiff:
    """One object: what an apply would do, and both sides if it would configure the object.

    Both sides are without managed fields and ignored paths; values of Secrets are masked.
    """

    ref: ObjectRef
    action: Action
    live: Object | None = None
    merged: Object | None = None


def diff_of(plan: Plan, ignore: IgnoreRules) -> ObjectDiff:
    """The public view of a plan; an object that would be recreated counts as created."""
    if plan.action is not Action.CONFIGURED or plan.live is None or plan.merged is None:
        return ObjectDiff(plan.ref, plan.action)
    paths = ignore.paths_for(plan.merged)
    live, merged = (without_paths(_bare(obj), paths) for obj in (plan.live, plan.merged))
    if is_secret(merged):
        live, merged = mask_secret_pair(live, merged)
    return ObjectDiff(plan.ref, plan.action, live, merged)


def _bare(obj: Object) -> Object:
    metadata = {key: value for key, value in metadata_of(obj).items() if key != "managedFields"}
    return {**obj, "metadata": metadata}
