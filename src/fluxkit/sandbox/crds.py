"""CustomResourceDefinitions: what they serve, their defaults and their conditions.

Follows kubernetes/apiextensions-apiserver (``pkg/apis/apiextensions/v1/defaults.go``, ``pkg/controller/status``).
"""

from collections.abc import Iterable
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import CustomVersion, Resource, version_priority
from fluxkit.timestamps import format_time, now

__all__ = ["KEY", "accept", "has_its_names", "new_status", "note_storage", "prepare", "resources_of", "set_condition"]

KEY = "customresourcedefinitions.apiextensions.k8s.io"
CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"

_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")
_STATUS_VERBS = ("get", "patch", "update")


def prepare(definition: Object) -> None:
    """Fills the defaults of names and conversion, in place."""
    spec = definition.get("spec")
    if not isinstance(spec, dict):
        return
    names = spec.setdefault("names", {})
    if names.get("kind"):
        names.setdefault("singular", str(names["kind"]).lower())
        names.setdefault("listKind", f"{names['kind']}List")
    spec.setdefault("conversion", {"strategy": "None"})
    for version in spec.get("versions") or ():
        if isinstance(version, dict) and version.get("subresources") == {}:
            del version["subresources"]


def note_storage(definition: Object) -> None:
    """Adds the stored version to those that objects may be stored in, in place."""
    status = definition.setdefault("status", {})
    known = status.get("storedVersions") or []
    storage = [each["name"] for each in definition["spec"].get("versions") or () if each.get("storage")]
    status["storedVersions"] = [*known, *(name for name in storage if name not in known)]


def new_status(definition: Object) -> Object:
    """The status that a definition is born with."""
    versions = (definition.get("spec") or {}).get("versions") or ()
    stored = [version.get("name") for version in versions if isinstance(version, dict) and version.get("storage")]
    return {"conditions": None, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": stored}


def _subresources(version: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    declared = version.get("subresources") or {}
    return {name: _STATUS_VERBS for name in ("scale", "status") if declared.get(name) is not None}


def resources_of(definition: Object) -> list[Resource]:
    """The resources of a definition's served versions, under the accepted names; empty before names are accepted."""
    spec = definition["spec"]
    status = definition.get("status") or {}
    names = status.get("acceptedNames") or {}
    if not _is_true(status, "Established") or not names.get("plural"):
        return []
    storage = next((version["name"] for version in spec["versions"] if version.get("storage")), "")
    storage_schema = next(
        ((each.get("schema") or {}).get("openAPIV3Schema") or {} for each in spec["versions"] if each.get("storage")),
        {},
    )
    found: list[Resource] = []
    for version in spec["versions"]:
        if not version.get("served"):
            continue
        warning = ""
        if version.get("deprecated"):
            warning = version.get("deprecationWarning") or _deprecation(spec, version["name"], names["kind"])
        found.append(
            Resource(
                group=spec["group"],
                version=version["name"],
                verbs=_VERBS,
                kind=names["kind"],
                plural=names["plural"],
                singular=names.get("singular") or names["kind"].lower(),
                namespaced=spec["scope"] == "Namespaced",
                short_names=tuple(names.get("shortNames") or ()),
                categories=tuple(names.get("categories") or ()),
                subresources=_subresources(version),
                storage_version=storage,
                list_kind=names.get("listKind") or f"{names['kind']}List",
                custom=CustomVersion(
                    definition=definition["metadata"]["name"],
                    storage_schema=storage_schema,
                    schema=(version.get("schema") or {}).get("openAPIV3Schema") or {},
                    printer_columns=tuple(version.get("additionalPrinterColumns") or ()),
                    selectable_fields=tuple(
                        field["jsonPath"].lstrip(".") for field in version.get("selectableFields") or ()
                    ),
                    status=(version.get("subresources") or {}).get("status") is not None,
                    scale=(version.get("subresources") or {}).get("scale"),
                    deprecation_warning=warning,
                    terminating="deletionTimestamp" in definition["metadata"],
                ),
            )
        )
    return found


def _deprecation(spec: dict[str, Any], version: str, kind: str) -> str:
    text = f"{spec['group']}/{version} {kind} is deprecated"
    others = [each["name"] for each in spec["versions"] if each.get("served") and not each.get("deprecated")]
    better = [
        each for each in sorted(others, key=version_priority) if version_priority(each) < version_priority(version)
    ]
    return f"{text}; use {spec['group']}/{better[0]} {kind}" if better else text


def _is_true(status: Object, kind: str) -> bool:
    return any(item.get("type") == kind and item.get("status") == "True" for item in status.get("conditions") or ())


def has_its_names(definition: Object) -> bool:
    return _is_true(definition.get("status") or {}, "NamesAccepted")


def set_condition(definition: Object, kind: str, status: str, reason: str, message: str) -> None:
    found = definition.setdefault("status", {})
    conditions = found["conditions"] = found.get("conditions") or []
    wanted = {"type": kind, "status": status, "reason": reason, "message": message}
    for item in conditions:
        if item.get("type") == kind:
            if item.get("status") != status:
                item["lastTransitionTime"] = format_time(now())
            item.update(wanted)
            return
    conditions.append({"lastTransitionTime": format_time(now()), **wanted})


def accept(definition: Object, others: Iterable[Object]) -> None:
    """Decides on the names of a definition against those accepted before, and whether it is established; in place."""
    spec = definition["spec"]
    wanted = spec["names"]
    status = definition.setdefault("status", {})
    taken: set[str] = set()
    kinds: set[str] = set()
    for other in others:
        if other["spec"]["group"] != spec["group"] or other["metadata"]["name"] == definition["metadata"]["name"]:
            continue
        accepted = (other.get("status") or {}).get("acceptedNames") or {}
        taken |= {accepted.get("plural", ""), accepted.get("singular", ""), *(accepted.get("shortNames") or ())}
        kinds |= {accepted.get("kind", ""), accepted.get("listKind", "")}
    problem = ""
    accepted = dict(status.get("acceptedNames") or {"kind": "", "plural": ""})
    for member, reason, used in (
        ("plural", "PluralConflict", taken),
        ("singular", "SingularConflict", taken),
        ("shortNames", "ShortNamesConflict", taken),
        ("kind", "KindConflict", kinds),
        ("listKind", "ListKindConflict", kinds),
    ):
        asked = wanted.get(member) or ()
        clashing = next((name for name in ([asked] if isinstance(asked, str) else asked) if name in used), "")
        if clashing:
            # Of several conflicts the last is told.
            problem = reason
            set_condition(definition, "NamesAccepted", "False", reason, f'"{clashing}" is already in use')
        elif asked:
            accepted[member] = asked
    if problem:
        status["acceptedNames"] = accepted
        if not _is_true(status, "Established"):
            set_condition(definition, "Established", "False", "NotAccepted", "not all names are accepted")
    else:
        status["acceptedNames"] = dict(wanted)
        set_condition(definition, "NamesAccepted", "True", "NoConflicts", "no conflicts found")
        if not _is_true(status, "Established"):
            set_condition(
                definition, "Established", "True", "InitialNamesAccepted", "the initial names have been accepted"
            )
    note_storage(definition)
