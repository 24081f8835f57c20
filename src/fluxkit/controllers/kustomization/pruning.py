"""The prune step of an attempt: which of the objects that left Git go, which stay for now, and why.

Stay: what another Kustomization claims (:mod:`~.claims`), what may belong to one that cannot be
asked, and everything when there is more of it than ``fluxkit.dev/prune-limit`` lets go unasked. What stays remains in
the inventory, which is all the state that there is: each run decides anew.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from fluxkit.api import Artifact, Kustomization
from fluxkit.apply import Inventory, Owner
from fluxkit.apply.concurrency import map_bounded
from fluxkit.apply.inventory import encode_id
from fluxkit.controllers.kustomization.claims import Claims
from fluxkit.controllers.kustomization.directives import PREFIX, Directives
from fluxkit.controllers.kustomization.findings import Finding, Findings
from fluxkit.controllers.targets import Target
from fluxkit.kube.errors import Forbidden, KubeError, NotFound
from fluxkit.objects import ObjectKey, ObjectRef

__all__ = ["PrunePlan", "confirmation_of", "plan_prune"]

_READERS = 4
_SHOWN = 10


@dataclass(slots=True)
class PrunePlan:
    """``doomed`` are to be deleted, ``kept`` stay in the inventory. ``refusal`` asks for a confirmation."""

    doomed: list[ObjectRef] = field(default_factory=list)
    kept: list[ObjectRef] = field(default_factory=list)
    reason: str = ""
    message: str = ""
    refusal: str = ""

    def tell(self, findings: Findings) -> None:
        """The finding that objects stay, or its end."""
        if self.kept and not self.message:
            return
        if self.kept:
            harmless = self.reason == "HandOver"
            findings.found(Finding.PRUNE_PENDING, self.reason, self.message, len(self.kept), harmless=harmless)
        else:
            findings.ended(Finding.PRUNE_PENDING, "no object waits for being pruned any more")


async def plan_prune(
    claims: Claims,
    target: Target,
    kustomization: Kustomization,
    artifact: Artifact,
    old: Inventory,
    new: Inventory,
    wishes: Directives,
) -> PrunePlan:
    """What to do with the objects of ``old`` that ``new``, built from the artifact, lacks.

    If the source has moved on, the run that this has asked for decides. Raises ``KubeError``, ``TargetError``.
    """
    stale = old.diff(new)
    plan = PrunePlan()
    if not stale:
        return plan
    owner = Owner(kustomization.metadata.name, kustomization.metadata.namespace)
    owned = await map_bounded(lambda ref: _may_be_ours(target, owner, ref), stale, _READERS)
    ours = [ref for ref, mine in zip(stale, owned, strict=True) if mine]
    verdict = await claims.on(kustomization, ours, artifact)
    if verdict.outdated:
        plan.kept = ours
        plan.doomed = [ref for ref in stale if ref not in ours]
        return plan
    claimed = [ref for ref in ours if ref.identity in verdict.claimed]
    unclear = [ref for ref in ours if ref.identity in verdict.unclear and ref not in claimed]
    confirmed = bool(unclear) and wishes.prune_confirm == confirmation_of(unclear)
    kept = {ref.identity for ref in (claimed if confirmed else [*claimed, *unclear])}
    plan.kept = [ref for ref in stale if ref.identity in kept]
    plan.doomed = [ref for ref in stale if ref.identity not in kept]
    texts = []
    if claimed:
        plan.reason = "HandOver"
        takers = {ref: verdict.claimed[ref.identity] for ref in claimed}
        texts.append("left to their new owners: " + _list(f"{ref} to Kustomization/{takers[ref]}" for ref in claimed))
    if unclear and not confirmed:
        plan.reason = "OwnerUnclear"
        texts.append(_unclear_text(verdict.unclear, unclear))
    limit = wishes.prune_limit
    going = [ref for ref in ours if ref.identity not in kept]
    token = confirmation_of(going)
    if limit is not None and limit.exceeded_by(len(going), len(old)) and wishes.prune_confirm != token:
        plan.reason = "PruneLimitExceeded"
        plan.refusal = (
            f"pruning {len(going)} of {len(old)} objects exceeds {PREFIX}prune-limit {limit.text} and waits for "
            f"confirmation: set the annotation {PREFIX}prune-confirm to {token}; to be deleted: {_list(going)}"
        )
        texts.append(plan.refusal)
        plan.kept = ours
        plan.doomed = [ref for ref in stale if ref not in ours]
    plan.message = "; ".join(texts)
    return plan


async def _may_be_ours(target: Target, owner: Owner, ref: ObjectRef) -> bool:
    """Whether the live object carries our labels; yes if that cannot be found out.

    Who may not read an object is not told who claims it either: its deletion fails with the server's answer.
    """
    try:
        return owner.owns(await target.client.get(ref.gvk, ref.name, ref.namespace, metadata_only=True))
    except (Forbidden, NotFound):
        return False
    except KubeError:
        return True


def _unclear_text(verdicts: dict[tuple[str, str, str, str], tuple[ObjectKey, str]], refs: Sequence[ObjectRef]) -> str:
    others = {verdicts[ref.identity] for ref in refs}
    causes = "; ".join(f"Kustomization/{key}: {problem}" for key, problem in sorted(others))
    return (
        f"may belong to Kustomizations that cannot be built at this revision ({causes}): {_list(refs)}; "
        f"they stay until that is clear, or the annotation {PREFIX}prune-confirm is {confirmation_of(refs)}"
    )


def confirmation_of(refs: Sequence[ObjectRef]) -> str:
    """What confirms the deletion of exactly these objects, and of no others."""
    names = "\n".join(sorted(encode_id(ref) for ref in refs))
    return hashlib.sha256(names.encode()).hexdigest()[:12]


def _list(items: Iterable[object]) -> str:
    texts = [str(item) for item in items]
    more = len(texts) - _SHOWN
    return ", ".join(texts[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
