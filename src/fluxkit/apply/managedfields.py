"""Reading and rewriting ``metadata.managedFields``: taking over what kubectl and earlier controllers wrote.

An object that was once applied with kubectl keeps kubectl's fields after they left Git, because another manager owns
them. Before the apply, entries of such managers are therefore united into our own Apply entry; the apply then removes
what Git no longer has. Entries of all other managers, and all subresource entries, stay as they are (fluxcd/pkg
``ssa/patch.go``; set algebra of structured-merge-diff ``fieldpath``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fluxkit.jsonpatch import to_pointer
from fluxkit.objects import Object, annotations_of, labels_of, metadata_of

__all__ = [
    "CleanupRules",
    "FieldManagerRule",
    "cleanup_patch",
    "managed_entries",
    "migrate_version_patch",
    "own_entry",
    "unite_fields",
]

Entry = dict[str, Any]
Fields = dict[str, Any]
Patch = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class FieldManagerRule:
    """A field manager to take over: its name starts with ``prefix`` and it wrote by ``operation``."""

    prefix: str
    operation: str

    def matches(self, entry: Mapping[str, Any]) -> bool:
        return (
            entry.get("operation") == self.operation
            and not entry.get("subresource")
            and str(entry.get("manager", "")).startswith(self.prefix)
        )


@dataclass(frozen=True, slots=True)
class CleanupRules:
    """What to remove from live metadata before an apply."""

    annotations: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    managers: tuple[FieldManagerRule, ...] = ()

    @classmethod
    def for_manager(cls, field_manager: str, overridden: Iterable[str] = ()) -> "CleanupRules":
        """The rules of the kustomize controller; ``overridden`` are the values of ``--override-manager``."""
        return cls(
            annotations=(
                "kubectl.kubernetes.io/last-applied-configuration",
                "kustomize.toolkit.fluxcd.io/checksum",
                "fluxcd.io/sync-checksum",
            ),
            labels=("fluxcd.io/sync-gc-mark",),
            managers=(
                FieldManagerRule("kubectl", "Apply"),
                FieldManagerRule("kubectl", "Update"),
                FieldManagerRule("before-first-apply", "Update"),
                FieldManagerRule(field_manager, "Update"),
                *(FieldManagerRule(name, operation) for name in overridden for operation in ("Apply", "Update")),
            ),
        )

    def takes_over(self, entry: Mapping[str, Any]) -> bool:
        return any(rule.matches(entry) for rule in self.managers)

    def leftovers(self, live: Object) -> bool:
        """Whether a live object carries anything that these rules remove."""
        annotations, labels = annotations_of(live), labels_of(live)
        return (
            any(key in annotations for key in self.annotations)
            or any(key in labels for key in self.labels)
            or any(self.takes_over(entry) for entry in managed_entries(live))
        )


def managed_entries(live: Object) -> list[Entry]:
    entries = metadata_of(live).get("managedFields")
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def own_entry(live: Object, manager: str) -> Entry | None:
    """The Apply entry of a manager on the object itself, not on a subresource."""
    for entry in managed_entries(live):
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            return entry
    return None


def unite_fields(left: Fields, right: Fields) -> Fields:
    """The union of two field sets in their ``fieldsV1`` form.

    ``{}`` marks a field that is itself a member. When the other side knows members below it, the union writes the
    field's own membership as ``"."``.
    """
    united = dict(left)
    for key, theirs in right.items():
        ours = united.get(key)
        if ours is None:
            united[key] = theirs
        elif isinstance(ours, dict) and isinstance(theirs, dict):
            if not ours or not theirs:
                below = ours or theirs
                united[key] = {".": {}, **below} if below else {}
            else:
                united[key] = unite_fields(ours, theirs)
    return united


def cleanup_patch(live: Object, rules: CleanupRules, manager: str) -> Patch:
    """The JSON patch that cleans a live object; empty when there is nothing to clean.

    The patch names the resourceVersion that it was made for, so that the server refuses it (409) when another
    manager wrote in between: replacing ``managedFields`` blindly would lose that manager's claim.
    """
    annotations, labels = annotations_of(live), labels_of(live)
    patch: Patch = [
        {"op": "remove", "path": to_pointer(["metadata", "annotations", key])}
        for key in rules.annotations
        if key in annotations
    ]
    patch += [
        {"op": "remove", "path": to_pointer(["metadata", "labels", key])} for key in rules.labels if key in labels
    ]
    entries = _taken_over(managed_entries(live), rules, manager)
    if entries is not None:
        patch.append({"op": "replace", "path": "/metadata/managedFields", "value": entries})
    return _guarded(live, patch)


def migrate_version_patch(live: Object, api_version: str) -> Patch:
    """Rewrites every entry, whoever owns it and subresources included, to one API version; empty when all have it.

    After a CRD gained a version with new defaulted fields, an entry of the old version makes the server refuse the
    apply with ``field not declared in schema``.
    """
    entries = managed_entries(live)
    if all(entry.get("apiVersion") == api_version for entry in entries):
        return []
    rewritten = [{**entry, "apiVersion": api_version} for entry in entries]
    return _guarded(live, [{"op": "replace", "path": "/metadata/managedFields", "value": rewritten}])


def _guarded(live: Object, patch: Patch) -> Patch:
    version = metadata_of(live).get("resourceVersion")
    if patch and version:
        patch.append({"op": "replace", "path": "/metadata/resourceVersion", "value": version})
    return patch


def _taken_over(entries: Sequence[Entry], rules: CleanupRules, manager: str) -> list[Entry] | None:
    """The entries with ours last, united with those that the rules match; ``None`` if they match none."""
    before: Entry | None = None
    for entry in entries:
        if entry.get("manager") == manager and entry.get("operation") == "Apply" and not entry.get("subresource"):
            before = entry
    ours = before
    kept: list[Entry] = []
    edited = False
    for entry in entries:
        if entry is before:
            continue
        if not rules.takes_over(entry):
            kept.append(entry)
            continue
        edited = True
        if ours is None:
            ours = {**entry, "manager": manager, "operation": "Apply"}
        else:
            ours = {**ours, "fieldsV1": unite_fields(ours.get("fieldsV1") or {}, entry.get("fieldsV1") or {})}
    return [*kept, ours] if edited and ours is not None else None
