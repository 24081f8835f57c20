"""Applying one object: look, decide, write.

:meth:`ObjectApplier.plan` only reads (a dry run is a read) and says what has to be done; :meth:`ObjectApplier.execute`
does it. Keeping the two apart is what lets a whole stage pass its dry runs before anything is written
(fluxcd/pkg ``ssa/manager_apply.go``, which writes metadata cleanups and deletes for ``force`` in between).

Requests per object: a fresh one costs two (dry run, apply), because the dry run's answer has no resourceVersion when
the object does not exist; an existing one costs two (dry run and read at the same time) and a third if it differs.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol

import orjson

from fluxkit.apply.changeset import Action
from fluxkit.apply.errors import ApplyError
from fluxkit.apply.ignore import IgnoreRules, adapt_payload, without_paths
from fluxkit.apply.immutable import is_immutable
from fluxkit.apply.managedfields import CleanupRules, cleanup_patch, migrate_version_patch
from fluxkit.apply.normalize import comparable
from fluxkit.apply.ownership import Owner
from fluxkit.apply.redact import redact
from fluxkit.apply.state import NOTHING, ObjectState, fingerprint, loose_fingerprint
from fluxkit.apply.switches import Switches
from fluxkit.kube import Client, PatchKind, Propagation
from fluxkit.kube.errors import APIError, Conflict, Forbidden, InvalidRequest, KubeError, NoMatch, NotFound
from fluxkit.objects import GroupVersionKind, Object, ObjectRef, annotations_of, gvk_of, labels_of, metadata_of, ref_of

__all__ = ["ObjectApplier", "Plan", "has_drifted"]

# A conflict here is a lost race against another writer; three losses in a row are worth an error.
_ATTEMPTS = 3


class GoneWaiter(Protocol):
    """Waits until an object has left the cluster."""

    async def __call__(self, ref: ObjectRef, uid: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be done with one object. ``live`` is ``None`` when it does not exist or may not be read."""

    ref: ObjectRef
    desired: Object
    digest: bytes
    action: Action
    live: Object | None = None
    merged: Object | None = None
    recreate: bool = False

    @property
    def writes(self) -> bool:
        return self.action in (Action.CREATED, Action.CONFIGURED)


def has_drifted(live: Object, merged: Object, ignored: list[str]) -> bool:
    """Whether a dry run differs from the live object in labels, annotations, or outside metadata and status."""
    live, merged = without_paths(live, ignored), without_paths(merged, ignored)
    return (
        labels_of(live) != labels_of(merged)
        or annotations_of(live) != annotations_of(merged)
        or _canonical(comparable(live)) != _canonical(comparable(merged))
    )


def _canonical(obj: Object) -> bytes:
    return orjson.dumps(obj, option=orjson.OPT_SORT_KEYS)


def _may_exist(merged: Object | KubeError) -> bool:
    """Whether a dry run leaves it possible that the object exists: a created one has no resourceVersion yet."""
    if isinstance(merged, KubeError):
        return not isinstance(merged, NotFound | NoMatch | InvalidRequest)
    return bool(metadata_of(merged).get("resourceVersion"))


class ObjectApplier:
    """Plans and executes applies of single objects for one owner."""

    def __init__(
        self,
        client: Client,
        owner: Owner,
        *,
        cleanup: CleanupRules,
        ignore: IgnoreRules,
        wait_gone: GoneWaiter,
        force: bool = False,
        migrate_api_version: bool = False,
    ) -> None:
        self._client = client
        self._owner = owner
        self._cleanup = cleanup
        self._ignore = ignore
        self._wait_gone = wait_gone
        self._force = force
        self._migrate = migrate_api_version
        self._switches = Switches(owner.group)

    async def plan(self, desired: Object, digest: bytes, *, expected: bool) -> Plan:
        """What to do with an object; raises :class:`ApplyError`.

        ``expected`` says that the object probably exists, so that reading it need not wait for the dry run.
        """
        ref = ref_of(desired)
        if self._switches.excludes(desired, None):
            return Plan(ref, desired, digest, Action.SKIPPED)
        live: Object | None = None
        migrated = False
        if self._migrate or self._switches.only_if_absent(desired):
            live = await self._read(ref, desired)
            if live is not None:
                if self._switches.only_if_absent(desired) or self._switches.excludes(None, live):
                    return Plan(ref_of(live), desired, digest, Action.SKIPPED, live)
                migrated = self._migrate and await self._migrate_version(ref, live, gvk_of(desired))
        if expected and live is None:
            live, merged = await asyncio.gather(self._read(ref, desired), self._dry_run(desired))
        else:
            merged = await self._dry_run(desired)
        if live is None and _may_exist(merged):
            live = await self._read(ref, desired)
        if live is not None and self._switches.excludes(None, live):
            return Plan(ref_of(live), desired, digest, Action.SKIPPED, live)
        if isinstance(merged, KubeError):
            if live is not None and isinstance(merged, APIError) and self._recreates(desired, live, merged):
                return Plan(ref, desired, digest, Action.CREATED, live, recreate=True)
            raise self._dry_run_error(ref, desired, merged)
        return self._compare(desired, digest, live, merged, migrated)

    def _compare(self, desired: Object, digest: bytes, live: Object | None, merged: Object, migrated: bool) -> Plan:
        # The server's answer knows the scope: a namespace on a cluster-scoped object is gone from it.
        ref = ref_of(merged)
        if not metadata_of(merged).get("resourceVersion"):
            return Plan(ref, desired, digest, Action.CREATED, None, merged)
        if live is None:
            return Plan(ref, desired, digest, Action.CONFIGURED, None, merged)
        leftovers = not self._switches.merges(desired, live) and self._cleanup.leftovers(live)
        if migrated or leftovers or has_drifted(live, merged, self._ignore.paths_for(merged)):
            return Plan(ref, desired, digest, Action.CONFIGURED, live, merged)
        return Plan(ref, desired, digest, Action.UNCHANGED, live, merged)

    async def execute(self, plan: Plan) -> Object:
        """Write what a plan asks for and return the object as the server stored it; raises :class:`ApplyError`."""
        live = plan.live
        if plan.recreate and live is not None:
            await self._delete(plan, live)
            return await self._apply(plan, plan.desired)
        payload = plan.desired
        if live is not None and not self._switches.merges(payload, live):
            live = await self._clean_up(plan, live)
        if live is not None and plan.merged is not None:
            paths = self._ignore.paths_for(plan.merged)
            payload = adapt_payload(payload, live, plan.merged, paths, self._owner.field_manager)
        return await self._apply(plan, payload)

    def remember(self, plan: Plan, stored: Object) -> ObjectState:
        """What to know of an object that is now as desired."""
        owner = (self._owner.namespace, self._owner.name)
        return ObjectState(plan.ref, plan.digest, fingerprint(stored, self._owner, self._cleanup), owner)

    def leave(self, plan: Plan) -> ObjectState:
        """What to know of an object that is left as it is, although the plan would change it."""
        found = NOTHING if plan.live is None else loose_fingerprint(plan.live)
        return ObjectState(plan.ref, plan.digest, found, (self._owner.namespace, self._owner.name), drifted=True)

    async def _read(self, ref: ObjectRef, desired: Object) -> Object | None:
        try:
            return await self._client.get(ref.gvk, ref.name, ref.namespace)
        except (NotFound, Forbidden, NoMatch, InvalidRequest):
            # Who may not read may still apply; then every run writes, as upstream's does.
            return None
        except KubeError as error:
            raise ApplyError(ref, redact(f"{ref} query failed: {error}", desired)) from error

    async def _dry_run(self, desired: Object) -> Object | KubeError:
        manager = self._owner.field_manager
        for attempt in range(_ATTEMPTS):
            try:
                return await self._client.apply(desired, field_manager=manager, force=True, dry_run=True)
            except Conflict as error:
                if attempt == _ATTEMPTS - 1 or metadata_of(desired).get("resourceVersion"):
                    return error
            except KubeError as error:
                return error
        raise AssertionError("unreachable: the last attempt returns")

    def _dry_run_error(self, ref: ObjectRef, desired: Object, error: KubeError) -> ApplyError:
        message = str(error)
        if isinstance(error, InvalidRequest) and not ref.namespace and not metadata_of(desired).get("managedFields"):
            # The client does not even ask; upstream's asks, and gets this answer.
            text = f"{ref} namespace not specified: the server could not find the requested resource"
        elif isinstance(error, NotFound):
            text = f"{ref} not found: {message}" if ref.namespace else f"{ref} namespace not specified: {message}"
        else:
            reason = error.reason if isinstance(error, APIError) else ""
            if isinstance(error, APIError) and error.cause("FieldManagerConflict"):
                reason = "FieldManagerConflict"
            text = f"{ref} dry-run failed{f' ({reason})' if reason else ''}: {message}"
        failure = ApplyError(ref, redact(text, desired))
        failure.__cause__ = error
        return failure

    def _recreates(self, desired: Object, live: Object, error: APIError) -> bool:
        return is_immutable(error) and (self._force or self._switches.recreates(desired, live))

    async def _delete(self, plan: Plan, live: Object) -> None:
        uid = str(metadata_of(live).get("uid", ""))
        ref = plan.ref
        try:
            await self._client.delete(
                ref.gvk, ref.name, ref.namespace, propagation=Propagation.BACKGROUND, uid=uid or None
            )
        except NotFound:
            return
        except KubeError as error:
            text = f"{ref} immutable field detected, failed to delete object: {error}"
            raise ApplyError(ref, redact(text, plan.desired)) from error
        await self._wait_gone(ref, uid)

    async def _clean_up(self, plan: Plan, live: Object) -> Object:
        for attempt in range(_ATTEMPTS):
            patch = cleanup_patch(live, self._cleanup, self._owner.field_manager)
            if not patch:
                return live
            try:
                return await self._json_patch(plan.ref, patch)
            except Conflict as error:
                if attempt == _ATTEMPTS - 1:
                    raise self._cleanup_error(plan, error) from error
                newer = await self._read(plan.ref, plan.desired)
                if newer is None:
                    return live
                live = newer
            except NotFound:
                return live
            except KubeError as error:
                raise self._cleanup_error(plan, error) from error
        return live

    def _cleanup_error(self, plan: Plan, error: KubeError) -> ApplyError:
        return ApplyError(plan.ref, redact(f"{plan.ref} metadata.managedFields cleanup failed: {error}", plan.desired))

    async def _json_patch(self, ref: ObjectRef, patch: list[dict[str, object]]) -> Object:
        return await self._client.patch(
            ref.gvk,
            ref.name,
            ref.namespace,
            patch=patch,
            kind=PatchKind.JSON,
            field_manager=self._owner.field_manager,
        )

    async def _migrate_version(self, ref: ObjectRef, live: Object, gvk: GroupVersionKind) -> bool:
        patch = migrate_version_patch(live, gvk.api_version)
        if not patch:
            return False
        try:
            await self._json_patch(ref, patch)
        except KubeError as error:
            text = f"{ref} failed to migrate API version: failed to migrate managed fields API version to"
            raise ApplyError(ref, redact(f"{text} {gvk.api_version}: {error}", live)) from error
        return True

    async def _apply(self, plan: Plan, payload: Object) -> Object:
        for attempt in range(_ATTEMPTS):
            try:
                return await self._client.apply(payload, field_manager=self._owner.field_manager, force=True)
            except KubeError as error:
                if isinstance(error, Conflict) and attempt < _ATTEMPTS - 1:
                    continue
                raise ApplyError(plan.ref, redact(f"{plan.ref} apply failed: {error}", payload)) from error
        raise AssertionError("unreachable: the last attempt returns or raises")
