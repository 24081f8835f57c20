"""Waiting until objects are healthy, or gone, by watching (fluxcd/pkg ``ssa/manager_wait.go``).

One watch per kind and scope serves everybody who waits through one :class:`StatusWatcher`; nothing polls. Objects that
can be judged without a watch are: those that were just written, those that a drift watch knows to be the version that
was healthy before, and a few that one read each settles.

Who may not watch a kind in the whole cluster watches it in a namespace; objects that may not be watched at all are read
now and then, as upstream does with all objects.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

from fluxkit.apply.concurrency import map_bounded
from fluxkit.apply.kstatus import Status, StatusCode, compute, with_pods
from fluxkit.apply.served import wait_served
from fluxkit.apply.sharedwatch import Scope, SharedWatch, SharedWatches
from fluxkit.apply.state import AppliedState, resource_version
from fluxkit.kube import Client, ResourceMapping
from fluxkit.kube.errors import KubeError, NoMatch, NotFound
from fluxkit.objects import GroupVersionKind, Object, ObjectKey, ObjectRef, metadata_of, ref_of
from fluxkit.selectors import SelectorError, selector_from_object

__all__ = ["HealthCheckFailed", "StatusWatcher", "VersionView", "jobs_with_ttl", "wait_healthy"]

Identity = tuple[str, str, str, str]
Evaluate = Callable[[Object], Status | None]

_NOT_FOUND = Status(StatusCode.NOT_FOUND, "Resource not found")
_UNSEEN = Status(StatusCode.UNKNOWN)
_POD = GroupVersionKind("", "v1", "Pod")
_CRD = GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
_WITH_PODS = frozenset({("apps", "StatefulSet"), ("apps", "ReplicaSet")})
_WITHOUT_STATUS = frozenset({("", "Secret"), ("", "ConfigMap"), ("batch", "CronJob")})
# Up to this many objects of one scope are read one by one before a watch lists the scope as a whole.
_FEW = 8
_READERS = 4
# Seconds between two looks at what cannot be watched; upstream's interval for everything.
_POLL = 2.0
_MEMORY = 50_000


class HealthCheckFailed(Exception):
    """Objects did not become healthy; ``statuses`` has the last status of each, ``timed_out`` says how it ended."""

    def __init__(self, text: str, statuses: Mapping[ObjectRef, Status], *, timed_out: bool = False) -> None:
        super().__init__(text)
        self.statuses = dict(statuses)
        self.timed_out = timed_out


class VersionView(Protocol):
    """Knowledge of the current version of live objects that costs no request, such as a drift watch has."""

    def version_of(self, ref: ObjectRef) -> tuple[str, int] | None:
        """(uid, resourceVersion) of the newest live object that is known of; ``None`` if unknown."""
        ...


def jobs_with_ttl(objects: Iterable[Object]) -> set[Identity]:
    """The Jobs of a set that the cluster deletes once they are finished: finding them gone means success."""
    found = set()
    for obj in objects:
        spec = obj.get("spec")
        ttl = spec.get("ttlSecondsAfterFinished") if isinstance(spec, dict) else None
        ref = ref_of(obj)
        if ref.gvk.kind == "Job" and ref.gvk.group == "batch" and isinstance(ttl, int):
            found.add(ref.identity)
    return found


class StatusWatcher:
    """Waits for the status of objects with the rights of one client. ``async with``, or :meth:`close` at the end.

    ``managed_label``, if set, is a label that all objects carry which callers pass as managed: these are watched in
    all namespaces at once, one watch per kind. Other objects are watched per kind and namespace.
    """

    def __init__(self, client: Client, *, managed_label: str = "", linger: float = 30.0) -> None:
        self._client = client
        self._managed_label = managed_label
        self._watches = SharedWatches(client, linger=linger)
        self._healthy: dict[Identity, tuple[str, int]] = {}
        self._narrow: set[GroupVersionKind] = set()
        """Kinds that may not be watched in all namespaces at once."""

    async def __aenter__(self) -> "StatusWatcher":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._watches.close()

    async def wait_healthy(
        self,
        refs: Sequence[ObjectRef],
        *,
        timeout: float,
        fail_fast: bool = True,
        ttl_jobs: Collection[Identity] = (),
        managed: bool = False,
        applied: AppliedState | None = None,
        statuses: Mapping[Identity, Status] | None = None,
        view: VersionView | None = None,
        evaluate: Evaluate | None = None,
    ) -> dict[ObjectRef, Status]:
        """Return the statuses once all objects are current; raises :class:`HealthCheckFailed` with upstream's texts.

        ``fail_fast`` gives up at the first failed object, otherwise when nothing is left that could still change.
        ``applied`` and ``statuses`` come from the change set of an apply: what a cache holds from before it does not
        count, and what its answers settle is not asked again. ``view`` does the former for tracked objects, and spares
        the reading of those that are the version that was healthy before. ``evaluate`` may judge an object before the
        built-in rules do. ``timeout`` is in seconds.
        """
        wait = _Wait(self, refs, ttl_jobs, managed, applied or AppliedState(), view, evaluate)
        try:
            async with asyncio.timeout(timeout):
                await wait.run(fail_fast, {} if evaluate else statuses or {})
        except TimeoutError:
            wait.raise_timeout()
        finally:
            wait.close()
        return wait.statuses

    def known_healthy(self, refs: Iterable[ObjectRef], view: VersionView) -> bool:
        """Whether all objects are still the very versions that were healthy at an earlier wait; asks nobody."""
        return all(self._healthy.get(ref.identity) == view.version_of(ref) is not None for ref in refs)

    async def wait_gone(
        self,
        refs: Sequence[ObjectRef],
        *,
        timeout: float | None = None,
        uids: Mapping[Identity, str] | None = None,
    ) -> None:
        """Return once the objects have left the cluster; one that came back under another uid has left.

        Raises :class:`HealthCheckFailed` at the timeout (``None`` waits for as long as the caller lives).
        """
        left = list(refs)
        try:
            async with asyncio.timeout(timeout):
                for ref in refs:
                    await self._wait_one_gone(ref, (uids or {}).get(ref.identity, ""))
                    left.pop(0)
        except TimeoutError as error:
            statuses = {ref: Status(StatusCode.TERMINATING) for ref in left}
            raise HealthCheckFailed(f"{left[0]} termination timeout", statuses, timed_out=True) from error

    async def wait_served(
        self, definitions: Iterable[Object], wanted: Collection[GroupVersionKind], timeout: float
    ) -> None:
        """Return when the wanted kinds that these definitions serve can be used; raises ``NoMatch``."""
        await wait_served(self._client, self._watches, definitions, wanted, timeout)

    def _remember(self, identity: Identity, uid: str, version: int) -> None:
        """This version of the object was healthy. The oldest memories go first; losing one costs one read."""
        self._healthy.pop(identity, None)
        self._healthy[identity] = (uid, version)
        if len(self._healthy) > _MEMORY:
            del self._healthy[next(iter(self._healthy))]

    async def _wait_one_gone(self, ref: ObjectRef, uid: str) -> None:
        uid = uid or await self._uid_of(ref)
        if not uid:
            return
        changed = asyncio.Event()
        shared = self._watches.acquire(Scope(ref.gvk, ref.namespace, metadata_only=True))
        stop, stop_refusals = shared.listen(ref.key, changed.set), shared.listen_refusal(changed.set)
        try:
            while True:
                changed.clear()
                if shared.synced and not shared.refused:
                    found = shared.get(ref.key)
                    if found is not None and metadata_of(found).get("uid") != uid:
                        return
                    # The cache may not have heard of the object yet; only the server knows that it is gone.
                    if found is None and not await self._exists(ref, uid):
                        return
                elif shared.refused and not await self._exists(ref, uid):
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL if shared.refused else None):
                        await changed.wait()
        finally:
            stop()
            stop_refusals()
            self._watches.release(shared)

    async def _exists(self, ref: ObjectRef, uid: str) -> bool:
        return await self._uid_of(ref) == uid

    async def _uid_of(self, ref: ObjectRef) -> str:
        try:
            live = await self._client.get(ref.gvk, ref.name, ref.namespace, metadata_only=True)
        except (NotFound, NoMatch):
            return ""
        return str(metadata_of(live).get("uid", ""))

    def _scope(self, gvk: GroupVersionKind, namespace: str, managed: bool, whole: bool) -> Scope:
        bare = not whole and (gvk.group, gvk.kind) in _WITHOUT_STATUS
        if managed and self._managed_label:
            return Scope(gvk, namespace if gvk in self._narrow else "", self._managed_label, bare)
        return Scope(gvk, namespace, "", bare)


class _Wait:
    """One wait: its statuses, what it listens to, and what changed since it last looked."""

    def __init__(
        self,
        owner: StatusWatcher,
        refs: Sequence[ObjectRef],
        ttl_jobs: Collection[Identity],
        managed: bool,
        applied: AppliedState,
        view: VersionView | None,
        evaluate: Evaluate | None,
    ) -> None:
        self.statuses: dict[ObjectRef, Status] = dict.fromkeys(refs, _UNSEEN)
        self._owner = owner
        self._client = owner._client
        self._watches = owner._watches
        self._ttl_jobs = ttl_jobs
        self._managed = managed
        self._applied = applied
        self._view = view
        self._evaluate = evaluate
        self._seen: set[ObjectRef] = set()
        self._mappings: dict[ObjectRef, ResourceMapping] = {}
        self._unknown: set[ObjectRef] = set()
        self._followed: dict[ObjectRef, SharedWatch] = {}
        self._pods: dict[ObjectRef, SharedWatch] = {}
        self._undo: list[Callable[[], None]] = []
        self._dirty: set[ObjectRef] = set()
        self._changed = asyncio.Event()
        self._definitions_changed = False
        self._definitions: SharedWatch | None = None
        self._unwatched: set[ObjectRef] = set()
        self._asked = 0.0

    async def run(self, fail_fast: bool, told: Mapping[Identity, Status]) -> None:
        await self._look_once(told)
        while not self._decided(fail_fast):
            definitions_changed, self._definitions_changed = self._definitions_changed, False
            await self._follow_pending(definitions_changed)
            await self._wait_for_change()
            for ref in sorted(self._dirty):
                self._judge(ref)
            self._dirty.clear()
            await self._ask_unwatched()

    def close(self) -> None:
        for undo in self._undo:
            undo()

    async def _look_once(self, told: Mapping[Identity, Status]) -> None:
        """What can be said without a watch."""
        asked: dict[Scope, list[ObjectRef]] = {}
        for ref in list(self.statuses):
            status = told.get(ref.identity)
            if status is not None and ref.identity not in self._ttl_jobs:
                self.statuses[ref] = status
                if status.status is StatusCode.CURRENT:
                    self._remember_applied(ref)
                continue
            if self._evaluate is None and self._known_healthy(ref):
                self.statuses[ref] = Status(StatusCode.CURRENT, "Resource has not changed since it was current")
                continue
            mapping = await self._resolve(ref)
            if mapping is not None:
                asked.setdefault(self._scope_of(ref, mapping), []).append(ref)
        single: list[ObjectRef] = []
        for scope, refs in asked.items():
            if self._watches.running(scope) is None and len(refs) <= _FEW:
                single += refs
        await map_bounded(self._read, single, _READERS)

    def _since(self, ref: ObjectRef) -> int:
        """The newest resourceVersion that is known of, such as that of our own write: what is older tells nothing."""
        state = self._applied.get(ref)
        known = self._view.version_of(ref) if self._view is not None else None
        return max(state.live.version if state is not None else 0, known[1] if known is not None else 0)

    def _remember_applied(self, ref: ObjectRef) -> None:
        state = self._applied.get(ref)
        if state is not None and state.live.version:
            self._owner._remember(ref.identity, state.live.uid, state.live.version)

    def _known_healthy(self, ref: ObjectRef) -> bool:
        known = self._view.version_of(ref) if self._view is not None else None
        return known is not None and known[1] >= self._since(ref) and self._owner._healthy.get(ref.identity) == known

    async def _resolve(self, ref: ObjectRef) -> ResourceMapping | None:
        try:
            mapping = await self._client.mapping(ref.gvk.group_kind)
        except NoMatch as error:
            self.statuses[ref] = Status(StatusCode.UNKNOWN, error=str(error))
            return None
        if mapping.namespaced and not ref.namespace:
            raise HealthCheckFailed(
                f"resource {ref.gvk.group_kind} {ref.name} is namespace scoped, but namespace is not set",
                self.statuses,
            )
        self._mappings[ref] = mapping
        return mapping

    def _scope_of(self, ref: ObjectRef, mapping: ResourceMapping) -> Scope:
        whole = self._evaluate is not None  # which may look at any part of an object
        return self._owner._scope(mapping.gvk, ref.namespace if mapping.namespaced else "", self._managed, whole)

    def _key(self, ref: ObjectRef) -> ObjectKey:
        mapping = self._mappings[ref]
        return ObjectKey(ref.namespace if mapping.namespaced else "", ref.name)

    async def _read(self, ref: ObjectRef) -> None:
        key = self._key(ref)
        try:
            obj = await self._client.get(self._mappings[ref].gvk, key.name, key.namespace)
        except NotFound:
            self.statuses[ref] = _NOT_FOUND
        except KubeError as error:
            self.statuses[ref] = Status(StatusCode.UNKNOWN, error=str(error))
        else:
            self._set(ref, obj, self._status_of(obj))

    def _status_of(self, obj: Object) -> Status:
        chosen = self._evaluate(obj) if self._evaluate is not None else None
        return compute(obj) if chosen is None else chosen

    def _set(self, ref: ObjectRef, obj: Object, status: Status) -> None:
        self.statuses[ref] = status
        if status.status is StatusCode.CURRENT and self._evaluate is None:
            metadata = metadata_of(obj)
            self._owner._remember(ref.identity, str(metadata.get("uid", "")), resource_version(obj))

    async def _follow_pending(self, definitions_changed: bool) -> None:
        """Watch what is not current yet; what is current already is taken as settled, as upstream's reader does not."""
        for ref, status in list(self.statuses.items()):
            if ref in self._followed or (status.status is StatusCode.CURRENT) or self._forgiven(ref):
                continue
            if ref in self._unknown and not definitions_changed:
                continue
            mapping = self._mappings.get(ref) or await self._resolve(ref)
            if mapping is None:
                # it may become known between the question and the watch, hence once more
                self._follow_definitions()
                mapping = await self._resolve(ref)
            if mapping is None:
                self._unknown.add(ref)
                continue
            self._follow(ref, mapping)
            if ref.identity in self._ttl_jobs:
                # It may have finished and gone before we listened; the cache cannot tell that from not yet there.
                await self._read(ref)

    def _follow(self, ref: ObjectRef, mapping: ResourceMapping) -> None:
        shared = self._acquire(self._scope_of(ref, mapping))
        self._followed[ref] = shared
        self._listen(shared, self._key(ref), ref)
        self._dirty.add(ref)
        self._changed.set()

    def _acquire(self, scope: Scope) -> SharedWatch:
        shared = self._watches.acquire(scope)
        self._undo.append(lambda: self._watches.release(shared))
        return shared

    def _listen(self, shared: SharedWatch, key: ObjectKey | None, ref: ObjectRef) -> None:
        def changed() -> None:
            self._dirty.add(ref)
            self._changed.set()

        self._undo.append(shared.listen(key, changed))
        self._undo.append(shared.listen_refusal(changed))

    def _follow_definitions(self) -> None:
        """An unknown kind becomes known when its definition is installed."""
        if self._definitions is None:
            self._definitions = self._acquire(Scope(_CRD, metadata_only=True))
            self._undo.append(self._definitions.listen(None, self._definition_changed))

    def _definition_changed(self) -> None:
        self._definitions_changed = True
        self._changed.set()

    async def _wait_for_change(self) -> None:
        delays = [s.recheck_after for s in self.statuses.values() if s.recheck_after is not None]
        blind = self._definitions is not None and self._definitions.refused
        if self._unwatched or blind:
            delays.append(_POLL)
        try:
            async with asyncio.timeout(min(delays) if delays else None):
                await self._changed.wait()
        except TimeoutError:
            self._dirty.update(ref for ref, status in self.statuses.items() if status.recheck_after is not None)
            self._definitions_changed = self._definitions_changed or blind
        self._changed.clear()

    def _judge(self, ref: ObjectRef) -> None:
        shared = self._followed.get(ref)
        if shared is not None and shared.refused:
            shared = self._narrowed(ref, shared)
        if shared is None or not shared.synced:
            return
        self._unwatched.discard(ref)
        obj = shared.get(self._key(ref))
        if obj is None:
            if ref in self._seen or ref.identity not in self._ttl_jobs:
                self.statuses[ref] = _NOT_FOUND
            return
        self._seen.add(ref)
        if resource_version(obj) < self._since(ref):
            return
        status = self._status_of(obj)
        if status.status is StatusCode.IN_PROGRESS and (ref.gvk.group, ref.gvk.kind) in _WITH_PODS:
            status = self._in_light_of_pods(ref, obj, status)
        self._set(ref, obj, status)

    def _narrowed(self, ref: ObjectRef, refused: SharedWatch) -> SharedWatch | None:
        """What to follow instead of a watch that is not allowed; None if the object has to be read."""
        if refused.scope.namespace or not ref.namespace:
            self._unwatched.add(ref)
            return None
        self._owner._narrow.add(refused.scope.gvk)
        self._follow(ref, self._mappings[ref])
        return self._followed[ref]

    async def _ask_unwatched(self) -> None:
        now = asyncio.get_running_loop().time()
        asked = [ref for ref in self._unwatched if self.statuses[ref].status is not StatusCode.CURRENT]
        if asked and (now >= self._asked + _POLL or any(self.statuses[ref] == _UNSEEN for ref in asked)):
            self._asked = now
            await map_bounded(self._read, asked, _READERS)

    def _in_light_of_pods(self, ref: ObjectRef, obj: Object, status: Status) -> Status:
        shared = self._pods.get(ref)
        if shared is None:
            spec = obj.get("spec")
            try:
                selector = str(selector_from_object(spec.get("selector") if isinstance(spec, dict) else None))
            except SelectorError as error:
                return Status(StatusCode.UNKNOWN, error=str(error))
            shared = self._pods[ref] = self._acquire(Scope(_POD, ref.namespace, selector))
            self._listen(shared, None, ref)
        return with_pods(status, shared.list())

    def _forgiven(self, ref: ObjectRef) -> bool:
        return self.statuses[ref].status is StatusCode.NOT_FOUND and ref.identity in self._ttl_jobs

    def _decided(self, fail_fast: bool) -> bool:
        codes = {StatusCode.CURRENT if self._forgiven(ref) else s.status for ref, s in self.statuses.items()}
        if codes <= {StatusCode.CURRENT}:
            return True
        if StatusCode.FAILED in codes and (fail_fast or codes <= {StatusCode.CURRENT, StatusCode.FAILED}):
            failed = [ref for ref, status in self.statuses.items() if status.status is StatusCode.FAILED]
            raise HealthCheckFailed(f"failed early due to stalled resources: [{self._list(failed)}]", self.statuses)
        return False

    def raise_timeout(self) -> None:
        for ref, shared in self._followed.items():
            if not shared.synced and shared.error and self.statuses[ref] == _UNSEEN:
                self.statuses[ref] = Status(StatusCode.UNKNOWN, error=shared.error)
        late = [
            ref for ref, s in self.statuses.items() if s.status is not StatusCode.CURRENT and not self._forgiven(ref)
        ]
        raise HealthCheckFailed(f"timeout waiting for: [{self._list(late)}]", self.statuses, timed_out=True)

    def _list(self, refs: Iterable[ObjectRef]) -> str:
        texts = []
        for ref in refs:
            status = self.statuses[ref]
            texts.append(f"{ref} status: '{status.status}'" + (f": {status.error}" if status.error else ""))
        return ", ".join(texts)


async def wait_healthy(client: Client, refs: Sequence[ObjectRef], *, timeout: float, fail_fast: bool = True) -> None:
    """Wait for objects once, with watches of their own; many waits share a :class:`StatusWatcher` instead."""
    async with StatusWatcher(client) as watcher:
        await watcher.wait_healthy(refs, timeout=timeout, fail_fast=fail_fast)
