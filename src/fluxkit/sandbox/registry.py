"""The generic registry: the rules that every object obeys on its way into the store.

Mirrors kubernetes/apiserver ``pkg/registry/generic/registry`` and ``pkg/registry/rest``: name rules, system metadata,
optimistic concurrency, what a main or status update may touch, generation, finalizers, deletion. All methods decide and
write synchronously on the event loop; they return a :class:`~fluxkit.sandbox.store.Record`, and a caller that answers a
client awaits ``store.durable(record.revision)`` first. In-process controllers use the same methods and thereby the same
rules.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import orjson

from fluxkit.objects import Object
from fluxkit.sandbox import names, strategies
from fluxkit.sandbox.admission import Admission, Journal, Operation
from fluxkit.sandbox.catalog import Catalog, Resource
from fluxkit.sandbox.conversion import convert
from fluxkit.sandbox.fields import FieldManagement
from fluxkit.sandbox.identity import User
from fluxkit.sandbox.status import (
    Cause,
    StatusError,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    not_found,
)
from fluxkit.sandbox.store import Key, Record, Store
from fluxkit.sandbox.typecheck import TypeChecks
from fluxkit.sandbox.validation.decoding import DecodingError, decode_builtin
from fluxkit.schema import type_named
from fluxkit.timestamps import format_time, now

__all__ = ["DeleteOptions", "Registry", "WriteOptions"]

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"

_NOT_SPEC = ("status", "finalize", "binding")
"""Subresources whose writes do not count as a new generation."""

_OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"

Transform = Callable[[Object], Object]
"""From the live object (a private copy) to the wanted one."""

Guard = Callable[[Resource, Object, Object | None, User | None], None]
"""Resource, wanted object, live object, user; refuses with a StatusError."""

Allocator = Callable[[Resource, Object, Object | None, bool], None]
"""Resource, object to complete in place, live object, whether it is a dry run; may refuse with a StatusError."""


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """What a write request says beside its object."""

    manager: str = "unknown"
    dry_run: bool = False
    field_validation: str = "Ignore"
    """Strict, Warn or Ignore; upstream's server-side default is Warn."""
    force: bool = False
    """Server-side apply only: take conflicting fields over."""
    warnings: list[str] | None = None
    """Collects texts for Warning headers."""
    user: User | None = None
    """Who asks; None for the control plane itself, which needs nobody's leave."""
    journal: Journal | None = None
    """What webhooks have answered to this request; None where nobody can wait for them."""


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    propagation: str = ""
    """Background, Foreground, Orphan, or empty for the default."""
    uid: str = ""
    resource_version: str = ""
    grace_period: int | None = None
    dry_run: bool = False
    warnings: list[str] | None = None
    user: User | None = None
    journal: Journal | None = None


class Registry:
    """Creates, reads, changes and deletes objects of all served resources."""

    def __init__(self, store: Store, catalog: Catalog, fields: FieldManagement, types: TypeChecks) -> None:
        self.store = store
        self.catalog = catalog
        self.fields = fields
        self.types = types
        self.written: dict[str, Callable[[Object], None]] = {}
        """By storage key: called with every object that was created or changed, in the same turn of the event loop."""

        self.guards: dict[str, Guard] = {}
        """By storage key: has a last word on who may write what."""
        self.admission: Admission | None = None
        """Has a word in every write."""
        self.allocators: dict[str, Allocator] = {}
        """By storage key: completes an object with what only the server can grant (addresses) before it is stored."""

    # Reading

    def find(self, resource: Resource, namespace: str, name: str) -> Record | None:
        return self.store.get(resource.key, (namespace, name))

    def get(self, resource: Resource, namespace: str, name: str) -> Record:
        record = self.store.get(resource.key, (namespace, name))
        if record is None:
            raise not_found(resource.plural, resource.group, name)
        return record

    def decode(self, resource: Resource, record: Record) -> Object:
        """The object in the resource's version."""
        return convert(record.decode(), resource)

    def list(self, resource: Resource, namespace: str = "") -> Iterator[Record]:
        return self.store.records(resource.key, namespace)

    # Creating

    def create(self, resource: Resource, namespace: str, obj: Object, options: WriteOptions) -> Record:
        """Creates an object; ``obj`` is consumed. Raises AlreadyExists, Invalid, Forbidden, NotFound (namespace)."""
        self._check_identity(resource, namespace, "", obj)
        metadata = obj["metadata"]
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = self._free_name(resource, namespace, metadata["generateName"], options.journal)
        if metadata.get("resourceVersion"):
            raise StatusError(500, "", "resourceVersion should not be set on objects to be created")
        if not metadata.get("name"):
            raise invalid(
                resource.kind, resource.group, "", [Cause.required("metadata.name", "name or generateName is required")]
            )
        self._check_namespace(resource, namespace, metadata["name"])
        new = self._prepare_create(resource, namespace, obj, options, tracked=True)
        return self._insert(resource, (namespace, new["metadata"]["name"]), new, options)

    def _insert(self, resource: Resource, key: Key, new: Object, options: WriteOptions) -> Record:
        new = self._mutated(resource, key, new, None, options, "")
        self._validate(resource, new, None)
        self._warn_of_finalizers(resource, new, None, options)
        live = self.store.get(resource.key, key)
        if live is not None:
            raise already_exists(resource.plural, resource.group, key[1], deleting=live.deleting)
        self._guard(resource, new, None, options)
        self._admit(resource, key, new, None, options, "")
        self._allocate(resource, new, None, options)
        stored = convert(new, resource, to_storage=True)
        if options.dry_run:
            return Record.of(key, self.store.revision, stored, orjson.dumps(stored))
        return self._put(resource, key, stored)

    def _guard(self, resource: Resource, new: Object, old: Object | None, options: WriteOptions) -> None:
        guard = self.guards.get(resource.key)
        if guard is not None:
            guard(resource, new, old, options.user)

    def _allocate(self, resource: Resource, new: Object, old: Object | None, options: WriteOptions) -> None:
        allocate = self.allocators.get(resource.key)
        if allocate is not None:
            allocate(resource, new, old, options.dry_run)

    # Admission

    def _operation(
        self, resource: Resource, key: Key, new: Object | None, old: Object | None, options: WriteOptions, part: str
    ) -> Operation:
        verb = "CREATE" if old is None else "UPDATE"
        namespace, name = key
        return Operation(
            verb, resource, part, namespace, name, new, old, options.user, options.dry_run, options.manager,
            options.warnings, options.journal,
        )  # fmt: skip

    def _mutated(
        self, resource: Resource, key: Key, new: Object, old: Object | None, options: WriteOptions, part: str
    ) -> Object:
        """The object as admission leaves it, defaulted anew if it was changed."""
        if self.admission is None or not self.admission.active:
            return new
        changed = self.admission.mutate(self._operation(resource, key, new, old, options, part))
        if changed is None or changed is new or changed == new:
            return new
        return self.types.admit(resource, changed, old, "Ignore", None)

    def _admit(
        self, resource: Resource, key: Key, new: Object, old: Object | None, options: WriteOptions, part: str
    ) -> None:
        if self.admission is not None and self.admission.active:
            self.admission.validate(self._operation(resource, key, new, old, options, part))

    def _put(self, resource: Resource, key: Key, stored: Object) -> Record:
        record = self.store.put(resource.key, key, stored)
        written = self.written.get(resource.key)
        if written is not None:
            written(stored)
        return record

    def _free_name(self, resource: Resource, namespace: str, base: str, journal: Journal | None) -> str:
        if journal is not None and journal.generated:
            return journal.generated
        for _ in range(8):
            name = names.generate_name(base)
            if self.store.get(resource.key, (namespace, name)) is None:
                if journal is not None:
                    journal.generated = name
                return name
        raise already_exists(resource.plural, resource.group, name)

    def _prepare_create(
        self, resource: Resource, namespace: str, obj: Object, options: WriteOptions, *, tracked: bool = False
    ) -> Object:
        """``obj`` completed; with ``tracked`` its creator owns all of it but what the server adds for its own use."""
        metadata = obj["metadata"]
        for system in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
            metadata.pop(system, None)
        metadata["uid"] = options.journal.uid if options.journal is not None else names.new_uid()
        metadata["creationTimestamp"] = format_time(now())
        if namespace:
            metadata["namespace"] = namespace
        if resource.has_status and resource.key not in strategies.STATUS_ON_CREATE:
            obj.pop("status", None)
        obj = self.types.admit(resource, obj, None, options.field_validation, options.warnings)
        if tracked:
            obj = self.fields.updated(resource, None, obj, options.manager, "")
        if strategies.has_generation(resource):
            obj["metadata"]["generation"] = 1
        strategies.prepare_create(resource, obj)
        return obj

    # Updating

    def update(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        obj: Object,
        options: WriteOptions,
        *,
        subresource: str = "",
    ) -> tuple[Record, bool]:
        """Replaces an object (PUT); the flag tells whether it was created instead. ``obj`` is consumed."""
        self._check_addressed(resource, namespace, name, obj)
        self._check_identity(resource, namespace, name, obj)
        live = self.find(resource, namespace, name)
        asked = obj["metadata"].get("uid")
        if live is not None and asked and asked != live.uid:
            place = "/".join(part for part in ("/registry", resource.plural, namespace, name) if part)
            text = (
                f"StorageError: invalid object, Code: 4, Key: {place}, ResourceVersion: 0, AdditionalErrorMsg: "
                f"Precondition failed: UID in precondition: {asked}, UID in object meta: {live.uid}"
            )
            raise conflict(resource.plural, resource.group, name, text)
        if live is None:
            if subresource or resource.key not in strategies.CREATE_ON_UPDATE:
                raise not_found(resource.plural, resource.group, name)
            obj["metadata"].pop("resourceVersion", None)
            return self.create(resource, namespace, obj, options), True
        given = obj["metadata"].get("resourceVersion")
        if given and not str(given).isdigit():
            raise StatusError(500, "", f'strconv.ParseUint: parsing "{given}": invalid syntax')
        if not given and (resource.custom is not None or resource.key in strategies.CONDITIONAL_UPDATE):
            raise invalid(
                resource.plural,
                resource.group,
                name,
                [
                    Cause(
                        "FieldValueInvalid",
                        "metadata.resourceVersion",
                        "Invalid value: 0: must be specified for an update",
                    )
                ],
            )
        return self._change(resource, live, lambda _: obj, options, subresource, None), False

    def patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        transform: Transform,
        options: WriteOptions,
        *,
        subresource: str = "",
    ) -> Record:
        """Changes an object by a function of its live state; the function sees the requested version."""
        live = self.get(resource, namespace, name)
        patched: Object = {}

        def checked(old: Object) -> Object:
            nonlocal patched
            patched = transform(old)
            problem = _other_kind(resource, patched)
            if problem:
                raise _bad_patch(patched, problem)
            self._check_addressed(resource, namespace, name, patched)
            return patched

        try:
            return self._change(resource, live, checked, options, subresource, None)
        except StatusError as error:
            head = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: '
            if error.code == 400 and error.message.startswith(head):
                raise _bad_patch(patched, error.message.removeprefix(head)) from None
            raise

    def _check_addressed(self, resource: Resource, namespace: str, name: str, obj: Object) -> None:
        """Whether an object is the one that the path names; raises BadRequest."""
        metadata = obj.get("metadata")
        given = metadata.get("name") if isinstance(metadata, dict) else None
        if not isinstance(metadata, dict) or not given:
            raise bad_request(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
        if given != name:
            raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")
        if resource.namespaced and metadata.get("namespace", namespace) != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")

    def apply(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        intent: Object,
        options: WriteOptions,
        *,
        subresource: str = "",
    ) -> tuple[Record, bool]:
        """Server-side apply; the flag tells whether the object was created. Raises Conflict naming the managers."""
        group_version, kind = intent.get("apiVersion") or "", intent.get("kind") or ""
        if (group_version, kind) != (resource.api_version, resource.kind):
            shown = group_version if "/" in group_version else f"/{group_version}"
            raise bad_request(f"invalid object type: {shown}, Kind={kind}")
        self._check_addressed(resource, namespace, name, intent)
        unplaced = "namespace" not in intent["metadata"]
        self._check_identity(resource, namespace, name, intent)
        if unplaced:
            intent["metadata"].pop("namespace", None)
        live = self.find(resource, namespace, name)
        if intent["metadata"].get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        if live is None:
            if subresource:
                raise not_found(resource.plural, resource.group, name)
            if intent["metadata"].get("uid"):
                raise conflict(
                    resource.plural,
                    resource.group,
                    name,
                    f"uid mismatch: the provided object specified uid {intent['metadata']['uid']}, "
                    "and no existing object was found",
                )
            self._check_namespace(resource, namespace, name)
            intent["metadata"].pop("resourceVersion", None)
            checked = self.types.check_intent(resource, intent, options.field_validation, options.warnings)
            merged = self.fields.applied(resource, None, checked, options.manager, options.force, "")
            managed = merged["metadata"].pop("managedFields", None)
            new = self._prepare_create(resource, namespace, merged, options)
            if managed is not None:
                new["metadata"]["managedFields"] = managed
            return self._insert(resource, (namespace, name), new, options), True
        checked = self.types.check_intent(resource, intent, options.field_validation, options.warnings)

        def transform(old: Object) -> Object:
            return self.fields.applied(resource, old, checked, options.manager, options.force, subresource)

        return self._change(resource, live, transform, options, subresource, "Apply"), False

    def _change(
        self,
        resource: Resource,
        live: Record,
        transform: Transform,
        options: WriteOptions,
        subresource: str,
        operation: str | None,
    ) -> Record:
        old = self.decode(resource, live)
        # Decoding twice costs a tenth of a deep copy.
        new = transform(self.decode(resource, live))
        new["metadata"] = _decoded_metadata(resource, new["metadata"])
        self._check_preconditions(resource, old, new)
        managed = new["metadata"].get("managedFields") if operation == "Apply" else None
        self._keep_system_metadata(old, new)
        if subresource == "status":
            new = strategies.prepare_status_update(resource, old, new)
        elif subresource == "":
            strategies.prepare_update(resource, old, new)
        elif subresource == "finalize":
            new = strategies.prepare_finalize(old, new)
        new = self.types.admit(resource, new, old, options.field_validation, options.warnings)
        if operation == "Apply":
            if managed is not None:
                new["metadata"]["managedFields"] = managed
        elif subresource != "binding":
            new = self.fields.updated(resource, old, new, options.manager, subresource)
        new = self._mutated(resource, live.key, new, old, options, subresource)
        if self._same(old, new):
            self._admit(resource, live.key, new, old, options, subresource)
            return live
        if subresource not in _NOT_SPEC and strategies.spec_changed(resource, old, new):
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
        if subresource != "binding":
            self._validate(resource, new, old)
        self._warn_of_finalizers(resource, new, old, options)
        self._guard(resource, new, old, options)
        self._admit(resource, live.key, new, old, options, subresource)
        self._allocate(resource, new, old, options)
        stored = convert(new, resource, to_storage=True)
        if options.dry_run:
            return Record.of(live.key, live.revision, stored, orjson.dumps(stored))
        return self._store_update(resource, live, stored)

    def _store_update(self, resource: Resource, live: Record, stored: Object) -> Record:
        """Writes an update; one that takes the last finalizer off a deleted object removes it."""
        metadata = stored["metadata"]
        held = metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds")
        if live.deleting and not held and not strategies.holds(resource, stored):
            removed = self.store.remove(resource.key, live.key)
            return replace(removed, body=orjson.dumps(stored))
        return self._put(resource, live.key, stored)

    def _same(self, old: Object, new: Object) -> bool:
        if old == new:
            return True
        before, after = old["metadata"], new["metadata"]
        if before.get("managedFields") == after.get("managedFields"):
            return False
        # A write that only refreshes timestamps of field managers changes nothing.
        return _without_times(old) == _without_times(new)

    def _keep_system_metadata(self, old: Object, new: Object) -> None:
        before, after = old["metadata"], new["metadata"]
        for system in (
            "uid",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generation",
            "resourceVersion",
            "namespace",
            "selfLink",
        ):
            if system in before:
                after[system] = before[system]
            else:
                after.pop(system, None)
        if "generateName" in before:
            after["generateName"] = before["generateName"]
        for emptied in ("finalizers", "ownerReferences", "labels", "annotations"):
            if emptied in after and not after[emptied]:
                del after[emptied]

    # Checks

    def _check_identity(self, resource: Resource, namespace: str, name: str, obj: Object) -> None:
        """Kind, version, name and namespace of a body agree with the URL; absent ones are filled in."""
        if resource.custom is not None and not obj.get("kind"):
            shown = json.dumps(obj)
            text = f"Object 'Kind' is missing in '{shown}' ({shown})"
            raise bad_request(f"the object provided is unrecognized (must be of type {resource.kind}): {text}")
        api_version, kind = obj.get("apiVersion") or resource.api_version, obj.get("kind") or resource.kind
        problem = _other_kind(resource, {"apiVersion": api_version, "kind": kind})
        if resource.custom is not None and api_version != resource.api_version:
            raise bad_request(
                f"the API version in the data ({api_version}) does not match the expected API version "
                f"({resource.api_version})"
            )
        if resource.custom is not None and kind != resource.kind:
            given_name = (obj.get("metadata") or {}).get("name", "")
            wrong = Cause.invalid("kind", kind, f"must be {resource.kind}")
            raise invalid(kind, resource.group, given_name, [wrong])
        if problem:
            version = api_version.rpartition("/")[2]
            raise bad_request(f'{kind} in version "{version}" cannot be handled as a {resource.kind}: {problem}')
        obj["apiVersion"], obj["kind"] = api_version, kind
        metadata = obj.get("metadata")
        if metadata is None:
            metadata = obj["metadata"] = {}
        if not isinstance(metadata, dict):
            raise bad_request(f"{resource.kind}.metadata: expected an object")
        metadata = obj["metadata"] = _decoded_metadata(resource, metadata)
        given = metadata.get("namespace") or namespace
        if resource.namespaced and given != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        if resource.namespaced:
            metadata["namespace"] = namespace
        else:
            metadata.pop("namespace", None)
        if name:
            if metadata.get("name", name) != name:
                raise bad_request(
                    f"the name of the object ({metadata['name']}) does not match the name on the URL ({name})"
                )
            metadata["name"] = name

    def _check_namespace(self, resource: Resource, namespace: str, name: str) -> None:
        if not resource.namespaced:
            return
        record = self.store.get("namespaces", ("", namespace))
        if record is None:
            raise not_found("namespaces", "", namespace)
        if record.deleting:
            text = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = {
                "reason": "NamespaceTerminating",
                "message": f"namespace {namespace} is being terminated",
                "field": "metadata.namespace",
            }
            raise forbidden(resource.plural, resource.group, name, text, [cause])

    def _check_preconditions(self, resource: Resource, old: Object, new: Object) -> None:
        before = old["metadata"]
        after = new.setdefault("metadata", {})
        name = before["name"]
        if after.get("uid") and after["uid"] != before.get("uid"):
            immutable = Cause.invalid("metadata.uid", after["uid"], "field is immutable")
            raise invalid(resource.kind, resource.group, name, [immutable])
        given = after.get("resourceVersion")
        if given and given != before["resourceVersion"]:
            raise conflict(
                resource.plural,
                resource.group,
                name,
                "the object has been modified; please apply your changes to the latest version and try again",
            )
        if after.get("name") != name:
            raise invalid(
                resource.kind,
                resource.group,
                name,
                [Cause.invalid("metadata.name", after.get("name", ""), "field is immutable")],
            )

    def _warn_of_finalizers(self, resource: Resource, new: Object, old: Object | None, options: WriteOptions) -> None:
        if resource.custom is None or options.warnings is None:
            return
        before = (old["metadata"].get("finalizers") or ()) if old is not None else ()
        for finalizer in new["metadata"].get("finalizers") or ():
            if "/" not in finalizer and finalizer not in (ORPHAN, FOREGROUND) and finalizer not in before:
                options.warnings.append(
                    f'metadata.finalizers: "{finalizer}": prefer a domain-qualified finalizer name including a path '
                    "(/) to avoid accidental conflicts with other finalizer writers"
                )

    def _validate(self, resource: Resource, new: Object, old: Object | None) -> None:
        causes = strategies.validate_metadata(resource, new, old)
        causes += self.types.validate(resource, new, old)
        if causes:
            raise invalid(resource.kind, resource.group, new["metadata"]["name"], causes)

    # Deleting

    def delete(self, resource: Resource, namespace: str, name: str, options: DeleteOptions) -> tuple[Record, bool]:
        """Deletes an object; the flag tells whether it is gone (False: finalizers or a grace period hold it)."""
        live = self.get(resource, namespace, name)
        self._check_delete_preconditions(resource, live, options)
        if (resource.key, name) in strategies.IMMORTAL:
            raise forbidden(resource.plural, resource.group, name, "this namespace may not be deleted")
        old = live.decode()
        self._admit_deletion(resource, live, old, options)
        metadata = old["metadata"]
        finalizers = strategies.deletion_finalizers(resource, metadata, options.propagation)
        grace = strategies.grace_period(resource, old, options.grace_period)
        held = bool(finalizers) or strategies.holds(resource, old)
        if not held and not grace:
            if options.dry_run:
                return live, True
            return self.store.remove(resource.key, live.key), True
        if live.deleting:
            unchanged = finalizers == (metadata.get("finalizers") or [])
            shorter = grace < metadata.get("deletionGracePeriodSeconds", 0)
            if unchanged and not shorter:
                return live, False
        else:
            metadata["deletionTimestamp"] = strategies.deletion_timestamp(grace)
            if metadata.get("generation"):
                metadata["generation"] += 1
        if resource.key != "namespaces":
            metadata["deletionGracePeriodSeconds"] = grace
        if finalizers:
            metadata["finalizers"] = finalizers
        else:
            metadata.pop("finalizers", None)
        strategies.mark_terminating(resource, old)
        if options.dry_run:
            return replace(live, body=orjson.dumps(old)), False
        return self.store.put(resource.key, live.key, old), False

    def _admit_deletion(self, resource: Resource, live: Record, old: Object, options: DeleteOptions) -> None:
        admission = self.admission
        if admission is None or not admission.active:
            return
        operation = Operation(
            "DELETE", resource, "", *live.key, None, convert(old, resource), options.user, options.dry_run, "",
            options.warnings, options.journal,
        )  # fmt: skip
        admission.mutate(operation)
        admission.validate(operation)

    def _check_delete_preconditions(self, resource: Resource, live: Record, options: DeleteOptions) -> None:
        name = live.key[1]
        if options.uid and options.uid != live.uid:
            text = (
                f"the UID in the precondition ({options.uid}) does not match the UID in record ({live.uid}). "
                "The object might have been deleted and then recreated"
            )
            raise conflict(resource.kind, resource.group, name, text)
        if options.resource_version and options.resource_version != str(live.revision):
            text = (
                f"the ResourceVersion in the precondition ({options.resource_version}) does not match "
                f"the ResourceVersion in record ({live.revision}). The object might have been modified"
            )
            raise conflict(resource.kind, resource.group, name, text)


def _other_kind(resource: Resource, obj: Object) -> str:
    """What upstream says of an object that a patch turned into one of another type; empty if it did not."""
    version, kind = obj.get("apiVersion"), obj.get("kind")
    if version != resource.api_version:
        return f'no kind "{kind}" is registered for version "{version}" in scheme "pkg/runtime/scheme.go:111"'
    if kind != resource.kind:
        internal = resource.group.partition(".")[0] or "core"
        return f"converting ({resource.version}.{kind}) to ({internal}.{resource.kind}): unknown conversion"
    return ""


def _bad_patch(patched: Object, problem: str) -> StatusError:
    return invalid("", "", "", [Cause.invalid("patch", orjson.dumps(patched).decode(), problem)])


def _decoded_metadata(resource: Resource, metadata: Object) -> Object:
    """Metadata of the declared types; raises BadRequest. Built-in kinds are decoded as a whole later on."""
    managed = metadata.get("managedFields")
    if managed is not None and not (isinstance(managed, list) and all(isinstance(entry, dict) for entry in managed)):
        raise bad_request(f"{resource.kind}.metadata.managedFields: expected a list of objects")
    if resource.custom is None:
        return metadata
    rest = {name: value for name, value in metadata.items() if name != "managedFields"}
    try:
        decoded, _ = decode_builtin(rest, type_named(_OBJECT_META))
    except DecodingError as error:
        text = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}: {error}'
        raise bad_request(text) from error
    if managed is not None:
        decoded["managedFields"] = managed
    # What is unknown is told of when the object is pruned.
    unknown = {name: value for name, value in rest.items() if name not in type_named(_OBJECT_META).properties}
    return {**decoded, **unknown}


def _without_times(obj: Object) -> Object:
    metadata = dict(obj["metadata"])
    metadata["managedFields"] = [
        {name: value for name, value in entry.items() if name != "time"}
        for entry in metadata.get("managedFields") or ()
    ]
    return {**obj, "metadata": metadata}
