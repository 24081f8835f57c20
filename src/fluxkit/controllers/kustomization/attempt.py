"""One attempt to bring the objects of a Kustomization to a revision: fetch, build, apply, prune, check health.

What the attempt finds unchanged costs nothing: a revision that changes none of the files that the last build read, for
objects that have not drifted, is recorded and that is all. A step that fails raises :class:`StepFailed` with the reason
that goes into the Ready condition; everything achieved before it is in the status already.

Steps, order, reasons and texts follow fluxcd/kustomize-controller ``reconcile``. The skipping is fluxkit's own, and so
is that objects are in the inventory before they are created: no crash and no failure can leave orphans.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from fluxkit.api.meta import Selector
from fluxkit.apply import (
    AppliedState,
    ApplyFailed,
    ApplyOptions,
    ApplySet,
    ChangeSet,
    CommonMetadata,
    DeleteFailed,
    DriftWatch,
    IgnoreRule,
    IgnoreRuleError,
    IgnoreRules,
    Inventory,
    Owner,
    StatusWatcher,
    jobs_with_ttl,
    parse_group_kinds,
)
from fluxkit.apply import (
    Target as IgnoreTarget,
)
from fluxkit.apply.differences import MISSING
from fluxkit.controllers.building.builder import Build, Builder, check_encryption
from fluxkit.controllers.building.inputs import TreeIndex, TreeIndexes, fingerprint
from fluxkit.controllers.building.manifests import Manifests
from fluxkit.controllers.failures import Held, StepFailed
from fluxkit.controllers.kustomization.attempt_status import AttemptStatus
from fluxkit.controllers.kustomization.claims import Claims
from fluxkit.controllers.kustomization.directives import Directives
from fluxkit.controllers.kustomization.events import KustomizationEvents
from fluxkit.controllers.kustomization.findings import Finding, FindingMetrics, Findings
from fluxkit.controllers.kustomization.health import HealthCheck, health_refs
from fluxkit.controllers.kustomization.healthexprs import HealthExpressions
from fluxkit.controllers.kustomization.healthystore import HealthyStore
from fluxkit.controllers.kustomization.memory import BuildRecord, Memory, MemoryStore
from fluxkit.controllers.kustomization.pruning import plan_prune
from fluxkit.controllers.kustomization.rollback import Rollback
from fluxkit.controllers.options import ControllersOptions
from fluxkit.controllers.sources import Source
from fluxkit.controllers.targets import Target, TargetError, Targets
from fluxkit.controllers.timing import interval
from fluxkit.controllers.tokencache import TokenCache
from fluxkit.kube import Client
from fluxkit.kube.errors import KubeError, NoMatch
from fluxkit.objects import Object, ObjectKey, ObjectRef, ref_of
from fluxkit.runtime import Run, Superseded, conditions
from fluxkit.source import ArtifactFetcher, ArtifactNotFound, SourceError, UnpackedTree

__all__ = ["Attempt", "FetchSuperseded", "Services"]


_PACE = 0.9
"""Share of the interval that has passed for sure when its timer goes off, whatever the jitter took from it."""


class FetchSuperseded(Exception):
    """Something newer came up before the source was fetched: nothing was done, start over."""


@dataclass(frozen=True, slots=True)
class Services:
    """What all attempts share."""

    client: Client
    fetcher: ArtifactFetcher
    builder: Builder
    drift: DriftWatch[ObjectKey]
    watcher: StatusWatcher
    targets: Targets
    claims: Claims
    options: ControllersOptions
    memories: MemoryStore
    indexes: TreeIndexes
    findings: FindingMetrics
    tokens: TokenCache


class Attempt:
    """The attempt of one run. ``forced`` compares every object with the server, whatever is known of it."""

    def __init__(
        self,
        services: Services,
        run: Run,
        source: Source,
        memory: Memory,
        status: AttemptStatus,
        events: KustomizationEvents,
        expressions: HealthExpressions,
        directives: Directives,
        *,
        forced: bool,
    ) -> None:
        assert source.artifact is not None
        self._services = services
        self._run = run
        self._ks = status.kustomization
        self._artifact = source.artifact
        self._memory = memory
        self._status = status
        self._events = events
        self._directives = directives
        self._forced = forced
        self._findings = Findings(self._ks, events, services.findings)
        self._rollback = Rollback(
            HealthyStore(services.client), status, self._findings, run.log, wanted=directives.rollback
        )
        was = self._ks.status
        self._undisturbed = was.last_attempted_revision == was.last_applied_revision
        """Whether no attempt at another revision came between the last success and this one."""
        options = services.options
        self._health = HealthCheck(
            run,
            status,
            events,
            services.watcher,
            services.drift,
            expressions,
            fail_fast=not options.gate("DisableFailFastBehavior"),
            interruptible=options.gate("CancelHealthCheckOnNewRevision"),
        )

    async def execute(self) -> bool:
        """Returns whether there was anything to do.

        Raises :class:`StepFailed`, ``ArtifactNotFound`` (the source has moved on), :class:`FetchSuperseded`, and
        ``Superseded`` for a health check that is obsolete.
        """
        settled = self._is_settled()
        before = self._status.inventory()
        if not settled:
            self._status.begin()
        async with contextlib.AsyncExitStack() as stack:
            tree = stack.enter_context(await self._fetch())
            path = await self._services.builder.resolve_path(self._ks, tree)
            self._ks.status.last_attempted_revision = self._status.revision
            build = await self._services.builder.prepare(self._ks, path)
            index = self._services.indexes.of(tree.digest, tree.files)
            try:
                if settled and await self._is_unchanged(build.request, index):
                    tree.release()
                    await self._tell_rivals(before)
                    return await self._keep()
                # a cluster that cannot be reached by its description is told before a build that fails
                target = await stack.enter_async_context(self._services.targets.open(self._ks))
                manifests = await self._build(build, tree)
                tree.release()
                await self._reach(target, manifests, before, BuildRecord.of(build.request, manifests, index))
            except TargetError as error:
                told = f"failed to build kube client: {error}"
                raise StepFailed("ReconciliationFailed", str(error), event=told) from error
        await self._rollback.keep(manifests.digest, manifests.objects)
        self._status.succeed(manifests.digest)
        return True

    async def _reach(self, target: Target, manifests: Manifests, before: Inventory, record: BuildRecord) -> None:
        """Brings the cluster to these objects, or back to those that were healthy before."""
        if self._rollback.is_given_up(manifests):
            await self._go_back(target, before)
        self._rollback.go_forward()
        try:
            await self._bring(target, manifests, before, record)
        except StepFailed as failure:
            if failure.reason != "HealthCheckFailed" or not self._rollback.is_possible(manifests):
                raise
            await self._rollback.give_up(manifests, str(failure))
            await self._go_back(target, self._status.inventory())

    async def _bring(self, target: Target, manifests: Manifests, before: Inventory, record: BuildRecord | None) -> None:
        """Applies, prunes and waits for health. ``record`` is what makes a further attempt unnecessary, if anything."""
        with self._services.drift.writing(self._run.key):
            changes = await self._apply(target, manifests)
            if record is not None:
                self._remember(target, record, changes)
        await self._tell_rivals(ref for ref in changes.refs(skipped=False) if ref in before)
        present = [ref for ref in changes.refs(skipped=False) if changes.drift.get(ref) != MISSING]
        await self._wait_healthy(target, health_refs(self._ks, present), manifests, changes)

    async def _go_back(self, target: Target, before: Inventory) -> NoReturn:
        """Applies what was healthy before. Raises :class:`StepFailed`, at best the one that says that it worked."""
        kept = await self._rollback.load()
        refs = [ref_of(obj) for obj in kept.objects]
        taken = await self._services.claims.rivals(self._ks, refs)  # others have them by now, and shall keep them
        objects = [obj for obj, ref in zip(kept.objects, refs, strict=True) if ref.identity not in taken]
        await self._bring(target, replace(kept, objects=objects), before, None)
        end = self._rollback.conclude()
        status = self._ks.status
        self._status.record(
            kept.digest,
            "ReconciliationSucceeded",
            revision=status.last_applied_revision,
            origin_revision=status.last_applied_origin_revision,
        )
        raise end

    # --- is there anything to do? ---

    def _is_settled(self) -> bool:
        """Whether the last run of this generation succeeded, so that the status tells what is on the cluster."""
        return (
            not self._forced
            and conditions.is_ready(self._ks)
            and self._ks.status.observed_generation == self._ks.metadata.generation
        )

    async def _is_unchanged(self, request: str, index: TreeIndex) -> bool:
        record, memory = self._memory.build, self._memory
        inventory = self._status.inventory()
        if (
            record is None
            or record.request != request
            or len(inventory) != len(memory.applied)  # something waits for being pruned
            or not self._rollback.is_current(record.digest)
            or record.fingerprint != fingerprint(record.inputs, index)
        ):
            return False
        if not self._directives.drift_warn and any(state.drifted for state in memory.applied):
            return False
        drifted = [state for state in memory.applied if not self._services.drift.unchanged(state)]
        if not drifted:
            return True
        # with a rival the interval sets the pace; anything faster would be a fight
        if time.monotonic() - memory.applied_at > _PACE * interval(self._ks):
            return False
        rivals = await self._services.claims.rivals(self._ks, [state.ref for state in drifted])
        return all(state.ref.identity in rivals and self._services.drift.taken_over(state) for state in drifted)

    async def _keep(self) -> bool:
        """The objects are as the source wants them at this revision, too: record it, unless they fell ill."""
        record = self._memory.build
        assert record is not None
        refs = health_refs(self._ks, list(self._status.inventory()))
        # objects of others are nothing that a tenant may hear of from what the controllers know
        asks_others = not self._ks.spec.wait and bool(self._services.targets.account_of(self._ks))
        healthy = not (refs and asks_others) and self._health.is_known_healthy(refs)
        if not healthy:
            self._status.begin()
            async with self._services.targets.open(self._ks) as target:
                await self._wait_healthy(target, refs, None, ChangeSet())
        if self._status.new_revision or not healthy:
            await self._rollback.keep(record.digest, None)
            self._status.succeed(record.digest)
        return not healthy

    # --- fetch and build ---

    async def _fetch(self) -> UnpackedTree:
        """The unpacked source. A newer event ends the retries: they may be asking an address that has moved."""
        try:
            return await self._run.waiting(self._services.fetcher.fetch(self._artifact), interruptible=True)
        except Superseded as superseded:
            raise FetchSuperseded(str(superseded)) from superseded
        except ArtifactNotFound:
            raise
        except SourceError as error:
            raise StepFailed("ArtifactFailed", str(error)) from error

    async def _build(self, build: Build, tree: UnpackedTree) -> Manifests:
        self._status.begin()
        self._status.step("Building manifests")
        manifests = await self._services.builder.run(build, tree, self._run.waiting)
        check_encryption(manifests, self._ks.spec)
        return manifests

    # --- apply and prune ---

    async def _apply(self, target: Target, manifests: Manifests) -> ChangeSet:
        self._status.step("Detecting drift")
        old = self._status.inventory()
        known = self._memory.applied if target.local and not self._forced else None
        self._memory.build = None  # until all of it is done, the cluster is between two builds
        apply_set = ApplySet(
            target.client,
            Owner(self._ks.metadata.name, self._ks.metadata.namespace),
            concurrency=self._services.options.concurrent_ssa,
            view=self._services.drift if target.local else None,
            watcher=self._services.watcher if target.own_rights else None,
            waiting=self._run.waiting,
        )
        changes = ChangeSet()
        try:
            options = self._apply_options(old, manifests)
            if options.leave is not None and not self._was_applied(manifests):
                await self._status.write()  # that there was an attempt, so that its traces are not taken for drift
            await self._note_intent(target, old, manifests.objects)
            await apply_set.apply(manifests.objects, options, known, into=changes)
        except (ApplyFailed, IgnoreRuleError, KubeError) as error:
            self._keep_partial(target, old, changes)
            self._status.record(manifests.digest, "ReconciliationFailed")
            raise StepFailed("ReconciliationFailed", str(error)) from error
        self._tell(changes)
        self._tell_drift(changes)
        self._track(target, changes.state)
        await self._prune(target, apply_set, old, Inventory.from_changes(changes), manifests.digest)
        return changes

    def _was_applied(self, manifests: Manifests) -> bool:
        """Whether the same objects were applied by the last attempt that applied any."""
        last = next(iter(self._ks.status.history), None)
        outcome = last.last_reconciled_status if last is not None and last.digest == manifests.digest else ""
        return self._undisturbed and outcome not in ("", "ReconciliationFailed")

    def _leave(self, old: Inventory, manifests: Manifests) -> Callable[[ObjectRef, bytes], bool]:
        """Which objects are left alone if they have drifted: those of which Git wants what it wanted before."""
        known, was_applied = self._memory.applied, self._was_applied(manifests)

        def leave(ref: ObjectRef, desired: bytes) -> bool:
            state = known.get(ref)
            return state.desired == desired if state is not None else was_applied and ref in old

        return leave

    def _tell_drift(self, changes: ChangeSet) -> None:
        if not changes.drift:
            self._findings.ended(Finding.DRIFTED, "no object differs from the source any more")
            return
        shown = [f"{ref} {how}" for ref, how in changes.drift.items()]
        more = f" and {len(shown) - 10} more" if len(shown) > 10 else ""
        message = f"objects differ from the source and are left so: {'; '.join(shown[:10])}{more}"
        self._findings.found(Finding.DRIFTED, "DriftDetected", message, len(shown))

    def _apply_options(self, old: Inventory, manifests: Manifests) -> ApplyOptions:
        spec, options = self._ks.spec, self._services.options
        common = spec.common_metadata
        return ApplyOptions(
            force=spec.force,
            common=CommonMetadata(common.labels, common.annotations) if common else CommonMetadata(),
            ignore=IgnoreRules([IgnoreRule(tuple(rule.paths), _ignore_target(rule.target)) for rule in spec.ignore]),
            custom_stage_kinds=parse_group_kinds(options.custom_apply_stage_kinds),
            override_managers=options.override_managers,
            migrate_api_version=options.gate("MigrateAPIVersion"),
            expected=list(old),
            leave=self._leave(old, manifests) if self._directives.drift_warn else None,
        )

    async def _note_intent(self, target: Target, old: Inventory, objects: Sequence[Object]) -> None:
        """Puts objects that are about to appear into the stored inventory first."""
        planned = []
        for obj in objects:
            ref = ref_of(obj)
            try:
                mapping = await target.client.mapping(ref.gvk)
            except NoMatch:
                continue  # its definition is in the same set, and its scope is not known yet
            planned.append(ref if mapping.namespaced else ObjectRef(ref.gvk, "", ref.name))
        union = old.merged(planned)
        if len(union) > len(old):
            self._status.set_inventory(union)
            await self._status.write()

    def _keep_partial(self, target: Target, old: Inventory, changes: ChangeSet) -> None:
        """After a failure the inventory has what it had, and what was written before the failure."""
        self._status.set_inventory(old.merged([entry.ref for entry in changes.changed()]))
        self._track(target, self._memory.applied.updated(changes.state))

    def _track(self, target: Target, state: AppliedState) -> None:
        """What was applied is what later changes are measured by, also if the attempt fails further on."""
        self._memory.applied_at = time.monotonic()
        if target.local:
            self._memory.applied = state
            self._services.drift.track(self._run.key, state)
        else:
            self._memory.applied = AppliedState()
            self._services.drift.forget(self._run.key)

    async def _prune(self, target: Target, apply_set: ApplySet, old: Inventory, new: Inventory, digest: str) -> None:
        self._status.set_inventory(new)
        if not self._ks.spec.prune:
            self._findings.ended(Finding.PRUNE_PENDING, "pruning is off")
            return
        try:
            claims, artifact = self._services.claims, self._artifact
            plan = await plan_prune(claims, target, self._ks, artifact, old, new, self._directives)
        except (KubeError, TargetError) as error:
            self._status.set_inventory(new.merged(old))
            self._status.record(digest, "PruneFailed")
            raise StepFailed("PruneFailed", f"unable to tell what may be pruned: {error}") from error
        plan.tell(self._findings)
        new = new.merged(plan.kept)
        self._status.set_inventory(new)
        if plan.doomed:
            await self._delete(apply_set, plan.doomed, new, digest)
        if plan.refusal:
            raise Held(plan.reason, plan.refusal)

    async def _delete(self, apply_set: ApplySet, doomed: Sequence[ObjectRef], new: Inventory, digest: str) -> None:
        try:
            deleted = await apply_set.delete(doomed)
        except DeleteFailed as error:
            self._status.set_inventory(new.merged(error.survivors))
            self._status.record(digest, "PruneFailed")
            raise StepFailed("PruneFailed", str(error)) from error
        self._events.info(str(deleted))
        self._run.log.info(
            "garbage collection completed", {"output": deleted.to_map(), "revision": self._status.revision}
        )

    def _remember(self, target: Target, record: BuildRecord, changes: ChangeSet) -> None:
        # skipped objects and remote bases have to be looked at every time
        if target.local and len(changes.state) == len(changes) and not record.inputs.remote:
            self._memory.build = record

    def _tell(self, changes: ChangeSet) -> None:
        if len(changes):
            grouped = self._services.options.gate("GroupChangeLog")
            output = changes.to_grouped_map() if grouped else changes.to_map()
            self._run.log.info("server-side apply completed", {"output": output, "revision": self._status.revision})
        if log := changes.change_log():
            self._events.info(log)

    async def _tell_rivals(self, refs: Iterable[ObjectRef]) -> None:
        """Two that apply the same object undo each other at every interval: both say so.

        ``refs`` leaves out what this attempt was the first to apply: its old owner has not let go of it yet.
        """
        rivals = await self._services.claims.rivals(self._ks, refs)
        if not rivals:
            self._findings.ended(Finding.CONFLICT, "no other Kustomization applies the same objects any more")
            return
        shared = sorted(
            f"{kind}/{ObjectKey(namespace, name)} (Kustomization/{key})"
            for (_, kind, namespace, name), key in rivals.items()
        )
        shown = ", ".join(shared[:10]) + (f" and {len(shared) - 10} more" if len(shared) > 10 else "")
        message = f"other Kustomizations apply the same objects, remove them from all but one: {shown}"
        self._findings.found(Finding.CONFLICT, "AppliedByOthers", message, len(shared))

    async def _wait_healthy(
        self, target: Target, refs: Sequence[ObjectRef], manifests: Manifests | None, changes: ChangeSet
    ) -> None:
        try:
            ttl_jobs = jobs_with_ttl(manifests.objects) if manifests else ()
            await self._health.wait(target, refs, changes=changes, ttl_jobs=ttl_jobs)
        except StepFailed:
            record = self._memory.build
            digest = manifests.digest if manifests else record.digest if record else ""
            self._status.record(digest, "HealthCheckFailed")
            raise


def _ignore_target(selector: Selector | None) -> IgnoreTarget | None:
    if selector is None:
        return None
    return IgnoreTarget(
        group=selector.group,
        version=selector.version,
        kind=selector.kind,
        name=selector.name,
        namespace=selector.namespace,
        label_selector=selector.label_selector,
        annotation_selector=selector.annotation_selector,
    )
