"""``metadata.managedFields``: who owns which fields, decoded and encoded.

Follows kubernetes/apimachinery ``pkg/util/managedfields/internal`` (managedfields.go, capmanagers.go).
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fluxkit.sandbox.apply.fieldset import EMPTY, FieldSet, ordered, union

__all__ = ["Managed", "ManagedFieldsError", "ManagedSet", "ManagerId"]

MAX_UPDATE_MANAGERS = 10
_ANCIENT = "ancient-changes"


class ManagedFieldsError(ValueError):
    """managedFields that cannot be decoded."""


class ManagerId(NamedTuple):
    """Identity of an entry. An applier is the same whatever version it applies in; an updater is not."""

    manager: str
    operation: str
    api_version: str = ""
    subresource: str = ""

    @classmethod
    def of(cls, manager: str, operation: str, api_version: str, subresource: str) -> "ManagerId":
        return cls(manager, operation, "" if operation == "Apply" else api_version, subresource)

    def __str__(self) -> str:
        """As conflict messages name it."""
        text = f'"{self.manager}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        if self.operation == "Update":
            text += f" using {self.api_version}"
        return text


@dataclass(frozen=True, slots=True)
class ManagedSet:
    """The fields of one manager, and the version in which they were written."""

    fields: FieldSet
    api_version: str


@dataclass(slots=True)
class Managed:
    """All managers of an object, and when each last changed something (RFC 3339, whole seconds)."""

    sets: dict[ManagerId, ManagedSet] = field(default_factory=dict)
    times: dict[ManagerId, str] = field(default_factory=dict)
    decoded: dict[ManagerId, FieldSet] = field(default_factory=dict)
    """Sets as they were read: they are in order already, and most of them are written back unchanged."""

    @classmethod
    def decode(cls, entries: Any) -> "Managed":
        """From the wire form; raises :class:`ManagedFieldsError` as the API server does."""
        managed = cls()
        for number, entry in enumerate(entries or ()):
            if not isinstance(entry, dict) or entry.get("operation") not in ("Apply", "Update"):
                raise ManagedFieldsError("operation must be `Apply` or `Update`")
            version = entry.get("apiVersion") or ""
            if not version:
                raise ManagedFieldsError("apiVersion must not be empty")
            fields_type = entry.get("fieldsType") or ""
            if fields_type != "FieldsV1":
                raise ManagedFieldsError(
                    f'invalid fieldsType "{fields_type}" in managed fields entry {number}'
                    if fields_type
                    else f"missing fieldsType in managed fields entry {number}"
                )
            identity = ManagerId.of(
                entry.get("manager") or "", entry["operation"], version, entry.get("subresource") or ""
            )
            fields = managed.decoded[identity] = entry.get("fieldsV1") or EMPTY
            managed.sets[identity] = ManagedSet(fields, version)
            if entry.get("time"):
                managed.times[identity] = entry["time"]
        return managed

    def encode(self) -> list[dict[str, Any]]:
        """The wire form, in upstream's order: by operation, time, manager, version."""
        identities = sorted(
            self.sets,
            key=lambda each: (
                each.operation,
                self.times.get(each, ""),
                each.manager,
                self.sets[each].api_version,
                each.subresource,
            ),
        )
        out: list[dict[str, Any]] = []
        for identity in identities:
            owned = self.sets[identity]
            entry: dict[str, Any] = {"manager": identity.manager} if identity.manager else {}
            entry["operation"] = identity.operation
            entry["apiVersion"] = owned.api_version
            # Upstream's scale endpoint rebuilds its entries, and forgets their times.
            if identity in self.times and identity.subresource != "scale":
                entry["time"] = self.times[identity]
            entry["fieldsType"] = "FieldsV1"
            unchanged = self.decoded.get(identity) is owned.fields
            entry["fieldsV1"] = owned.fields if unchanged else ordered(owned.fields)
            if identity.subresource:
                entry["subresource"] = identity.subresource
            out.append(entry)
        return out

    def cap_updaters(self) -> None:
        """Merges the oldest updaters of each version into one, so that there are never more than ten."""
        updaters = [identity for identity in self.sets if identity.operation == "Update"]
        if len(updaters) <= MAX_UPDATE_MANAGERS:
            return
        updaters.sort(key=lambda each: (self.times.get(each, ""), each))
        count = len(updaters)
        first: dict[str, ManagerId] = {}
        for identity in updaters:
            if count <= MAX_UPDATE_MANAGERS:
                return
            owned = self.sets[identity]
            if owned.api_version not in first:
                first[owned.api_version] = identity
                continue
            bucket = ManagerId(_ANCIENT, "Update", owned.api_version)
            if bucket not in self.sets:
                self.sets[bucket] = self.sets.pop(first[owned.api_version])
            merged = union(owned.fields, self.sets[bucket].fields)
            self.sets[bucket] = ManagedSet(merged, owned.api_version)
            if identity != bucket:
                del self.sets[identity]
            if identity in self.times:
                self.times[bucket] = self.times[identity]
            count -= 1
