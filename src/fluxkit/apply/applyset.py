"""Applying, comparing and deleting the set of objects that one owner has on a cluster.

A set is applied in stages (:mod:`fluxkit.apply.ordering`). Each stage first passes the server's dry run as a whole,
then writes what differs: kinds in their order, equals of one kind side by side. After definitions and classes the set
waits for what later stages need, by watching. Objects that are known to be as desired cost no request at all.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol, TypeVar

from fluxkit.apply.applier import ObjectApplier, Plan
from fluxkit.apply.changeset import Action, ChangeSet
from fluxkit.apply.concurrency import map_bounded
from fluxkit.apply.diff import ObjectDiff, diff_of
from fluxkit.apply.differences import difference_of
from fluxkit.apply.errors import ApplyError, ApplyFailed, DeleteFailed, DuplicateObject
from fluxkit.apply.health import HealthCheckFailed, StatusWatcher
from fluxkit.apply.ignore import IgnoreRules
from fluxkit.apply.kstatus import StatusCode, compute
from fluxkit.apply.managedfields import CleanupRules
from fluxkit.apply.normalize import prepare
from fluxkit.apply.ordering import ApplyStage, rank, sort_key, sorted_refs, stage_of
from fluxkit.apply.ownership import CommonMetadata, Owner
from fluxkit.apply.prune import prune_one
from fluxkit.apply.state import AppliedState, ObjectState, digest_of
from fluxkit.apply.switches import Switches
from fluxkit.kube import Client
from fluxkit.kube.errors import NoMatch
from fluxkit.objects import GroupKind, GroupVersionKind, Object, ObjectRef, ref_of
from fluxkit.schema import resource_for

__all__ = ["ApplyOptions", "ApplySet", "DeleteOptions", "LiveView", "Waiting"]


T = TypeVar("T")


class Waiting(Protocol):
    """Awaits what takes time without being work, as a controller's run does without occupying its slot."""

    def __call__(self, awaitable: Awaitable[T], /) -> Awaitable[T]: ...


def _keep_slot(awaitable: Awaitable[T], /) -> Awaitable[T]:
    return awaitable


class LiveView(Protocol):
    """Knowledge about live objects that costs no request, such as a drift watch has."""

    def unchanged(self, state: ObjectState) -> bool:
        """Whether the live object is certainly as it was when ``state`` was recorded."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """How to apply. ``expected`` are objects that probably exist (the last inventory); times are in seconds.

    ``leave``, called with an object and the digest of what is desired of it, chooses those whose drift is only told.
    """

    force: bool = False
    common: CommonMetadata = field(default_factory=CommonMetadata)
    ignore: IgnoreRules = field(default_factory=IgnoreRules)
    custom_stage_kinds: Collection[GroupKind] = frozenset()
    override_managers: tuple[str, ...] = ()
    migrate_api_version: bool = False
    expected: Collection[ObjectRef] = ()
    stage_timeout: float = 60.0
    leave: Callable[[ObjectRef, bytes], bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteOptions:
    """``only_owned`` leaves objects alone whose labels name another owner; switches protect objects in any case."""

    only_owned: bool = True


@dataclass(frozen=True, slots=True)
class _Item:
    ref: ObjectRef
    desired: Object
    digest: bytes


class ApplySet:
    """Operations on the objects of one owner, with the rights of one client.

    ``concurrency`` bounds the requests of one set. ``view`` (a drift watch) spares requests for what is known not to
    have changed. ``watcher`` lends its watches for the waits between stages; without one the set brings its own.
    """

    def __init__(
        self,
        client: Client,
        owner: Owner,
        *,
        concurrency: int = 4,
        view: LiveView | None = None,
        watcher: StatusWatcher | None = None,
        waiting: Waiting = _keep_slot,
    ) -> None:
        """``waiting`` is used for what the set itself waits for: definitions to be served, objects to be gone."""
        self._waiting = waiting
        self._client = client
        self._owner = owner
        self._concurrency = concurrency
        self._view = view
        self._watcher = watcher or StatusWatcher(client)
        self._switches = Switches(owner.group)

    async def apply(
        self,
        objects: Sequence[Object],
        options: ApplyOptions | None = None,
        known: AppliedState | None = None,
        *,
        into: ChangeSet | None = None,
    ) -> ChangeSet:
        """Make the cluster have these objects, and say what was done to each.

        ``known`` is the state that an earlier change set returned; without it every object is compared with the
        server. ``into`` is filled as the work proceeds, for callers that may be cancelled and still want to know what
        was written. Raises :class:`ApplyFailed`, which carries the changes made so far.
        """
        options = options or ApplyOptions()
        changes = into if into is not None else ChangeSet()
        cleanup = CleanupRules.for_manager(self._owner.field_manager, options.override_managers)
        applier = self._applier(options, cleanup, migrate=options.migrate_api_version)
        expected = {ref.identity for ref in options.expected}
        try:
            # Pure and possibly long: a thread keeps a large set from holding up everybody else.
            items = await asyncio.to_thread(self._items, objects, options)
            for stage in ApplyStage:
                chosen = [item for item in items if stage_of(item.ref.gvk, options.custom_stage_kinds) is stage]
                if not chosen:
                    continue
                stored = await self._apply_stage(applier, chosen, known, expected, options, changes)
                if stage in (ApplyStage.DEFINITIONS, ApplyStage.CLASSES):
                    later = {item.ref.gvk for item in items if stage_of(item.ref.gvk) is not ApplyStage.DEFINITIONS}
                    await self._settle(stored, later, options.stage_timeout, changes)
        except ApplyError as error:
            raise ApplyFailed(str(error), changes, error.ref) from error
        except HealthCheckFailed as error:
            raise ApplyFailed(str(error), changes) from error
        return changes

    async def diff(self, objects: Sequence[Object], options: ApplyOptions | None = None) -> list[ObjectDiff]:
        """What an apply would do to each object, in apply order, by dry run alone.

        Nothing is cleaned up, migrated or written. Raises :class:`ApplyError` for the first object that the server
        refuses, such as one whose namespace or definition is part of the set and does not exist yet.
        """
        options = options or ApplyOptions()
        applier = self._applier(options, CleanupRules(), migrate=False)
        items = await asyncio.to_thread(self._items, objects, options)

        async def plan(item: _Item) -> ObjectDiff:
            return diff_of(await applier.plan(item.desired, item.digest, expected=True), options.ignore)

        return await map_bounded(plan, items, self._concurrency)

    async def delete(self, refs: Collection[ObjectRef], options: DeleteOptions | None = None) -> ChangeSet:
        """Delete objects in the reverse of the apply order, kind by kind.

        Objects that are gone count as deleted; those of another owner and those that their switches protect are
        skipped. Goes on after an error and raises :class:`DeleteFailed` at the end.
        """
        owner = self._owner if (options or DeleteOptions()).only_owned else None
        changes = ChangeSet()
        errors: list[ApplyError] = []

        async def delete_one(ref: ObjectRef) -> tuple[Action, ApplyError | None]:
            try:
                return await prune_one(self._client, ref, owner, self._switches), None
            except ApplyError as error:
                return Action.UNKNOWN, error

        for _, group in groupby(sorted_refs(refs, reverse=True), key=lambda ref: ref.gvk.group_kind):
            equals = list(group)
            results = await map_bounded(delete_one, equals, self._concurrency)
            for ref, (action, error) in zip(equals, results, strict=True):
                changes.add(ref, action)
                if error is not None:
                    errors.append(error)
        if errors:
            raise DeleteFailed(errors, changes)
        return changes

    def _applier(self, options: ApplyOptions, cleanup: CleanupRules, *, migrate: bool) -> ObjectApplier:
        return ObjectApplier(
            self._client,
            self._owner,
            cleanup=cleanup,
            ignore=options.ignore,
            wait_gone=self._wait_gone,
            force=options.force,
            migrate_api_version=migrate,
        )

    def _items(self, objects: Sequence[Object], options: ApplyOptions) -> list[_Item]:
        salt = [
            [[rule.paths, str(rule.target)] for rule in options.ignore.rules],
            list(options.override_managers),
        ]
        items: dict[tuple[str, str, str, str], _Item] = {}
        for obj in prepare(objects, self._owner, options.common):
            ref = ref_of(obj)
            if ref.identity in items:
                raise DuplicateObject(ref)
            items[ref.identity] = _Item(ref, obj, digest_of(obj, salt))
        return sorted(items.values(), key=lambda item: sort_key(item.ref))

    async def _apply_stage(
        self,
        applier: ObjectApplier,
        items: Sequence[_Item],
        known: AppliedState | None,
        expected: set[tuple[str, str, str, str]],
        options: ApplyOptions,
        changes: ChangeSet,
    ) -> list[Object]:
        """Dry-run everything, then write what differs. Returns the live objects that were seen or written."""
        plans: dict[tuple[str, str, str, str], Plan] = {}
        asked: list[_Item] = []
        settled: dict[tuple[str, str, str, str], ObjectState] = {}
        for item in items:
            state = self._settled(item, known)
            if state is None:
                asked.append(item)
            else:
                settled[item.ref.identity] = state

        async def plan(item: _Item) -> Plan:
            probable = item.ref.identity in expected or (known is not None and item.ref in known)
            return await applier.plan(item.desired, item.digest, expected=probable)

        for item, planned in zip(asked, await map_bounded(plan, asked, self._concurrency), strict=True):
            plans[item.ref.identity] = planned

        seen: list[Object] = []
        for _, group in groupby(items, key=lambda item: (rank(item.ref.gvk.kind), item.ref.gvk.group_kind)):
            start = len(changes.entries)
            writes: list[Plan] = []
            for item in group:
                state = settled.get(item.ref.identity)
                if state is not None:
                    changes.add(state.ref, Action.UNCHANGED)
                    changes.state.put(state)
                    continue
                planned = plans[item.ref.identity]
                if _is_left(planned, options):
                    changes.add(planned.ref, Action.DRIFTED)
                    changes.drift[planned.ref] = difference_of(planned, options.ignore)
                    changes.state.put(applier.leave(planned))
                    continue
                if planned.writes:
                    writes.append(planned)
                    continue
                changes.add(planned.ref, planned.action)
                if planned.live is not None:
                    seen.append(planned.live)
                    if planned.action is Action.UNCHANGED:
                        _record(changes, applier.remember(planned, planned.live), planned.live)
            try:
                seen += await self._write(applier, writes, changes)
            finally:
                changes.entries[start:] = sorted(changes.entries[start:], key=lambda entry: sort_key(entry.ref))
        return seen

    async def _write(self, applier: ObjectApplier, plans: Sequence[Plan], changes: ChangeSet) -> list[Object]:
        """Execute plans of one kind. After a failure nothing new starts, but what is on its way is recorded."""
        stored: list[Object] = []
        failures: list[ApplyError] = []

        async def execute(plan: Plan) -> None:
            if failures:
                return
            try:
                obj = await applier.execute(plan)
            except ApplyError as error:
                failures.append(error)
                return
            stored.append(obj)
            changes.add(plan.ref, plan.action)
            _record(changes, applier.remember(plan, obj), obj)

        await map_bounded(execute, plans, self._concurrency)
        if failures:
            raise failures[0]
        return stored

    def _settled(self, item: _Item, known: AppliedState | None) -> ObjectState | None:
        """The state of an object that is known to be as desired, without asking."""
        if known is None or self._view is None:
            return None
        state = known.get(item.ref) or self._known_without_namespace(item, known)
        if state is None or state.drifted or state.desired != item.digest or not self._view.unchanged(state):
            return None
        return state

    @staticmethod
    def _known_without_namespace(item: _Item, known: AppliedState) -> ObjectState | None:
        """Cluster-scoped objects that carry a namespace in Git are remembered without it."""
        return known.get(ObjectRef(item.ref.gvk, "", item.ref.name)) if item.ref.namespace else None

    async def _settle(
        self, stored: Sequence[Object], later: Collection[GroupVersionKind], timeout: float, changes: ChangeSet
    ) -> None:
        """Wait until definitions and classes can be used. Not fail-fast: a definition may recover within the time."""
        waiting = [obj for obj in stored if compute(obj).status is not StatusCode.CURRENT]
        try:
            if waiting:
                refs = [ref_of(obj) for obj in waiting]
                # Until they are ready they are not settled: after a failure the next run has to look at them again.
                states = [state for ref in refs if (state := changes.state.get(ref)) is not None]
                changes.state.forget(refs)
                statuses = await self._waiting(self._watcher.wait_healthy(refs, timeout=timeout, fail_fast=False))
                for state in states:
                    changes.state.put(state)
                changes.statuses.update({ref.identity: status for ref, status in statuses.items()})
            await self._watcher.wait_served(stored, later, timeout)
        except NoMatch as error:
            raise HealthCheckFailed(f"timeout waiting for: [{error}]", {}) from error

    async def _wait_gone(self, ref: ObjectRef, uid: str) -> None:
        await self._waiting(self._watcher.wait_gone([ref], uids={ref.identity: uid}))


def _is_left(plan: Plan, options: ApplyOptions) -> bool:
    """Whether the object is seen to have drifted, and drift is not to be corrected. What cannot be read is applied."""
    seen = plan.live is not None or plan.action is Action.CREATED
    return plan.writes and seen and options.leave is not None and options.leave(plan.ref, plan.digest)


def _record(changes: ChangeSet, state: ObjectState, live: Object) -> None:
    changes.state.put(state)
    # A custom resource that nobody has looked at yet reads as current; its controller deserves a moment to say no.
    if resource_for(state.ref.gvk) is not None:
        changes.statuses[state.ref.identity] = compute(live)
