"""CustomResourceDefinitions: what they serve, their defaults, conditions and the rules of their own fields.

Follows kubernetes/apiextensions-apiserver (``pkg/apis/apiextensions/v1/defaults.go``, ``pkg/controller/status``,
``pkg/apis/apiextensions/validation``).
"""

from collections.abc import Iterable
from typing import Any

from fluxkit.objects import Object
from fluxkit.sandbox.catalog import CustomVersion, Resource
from fluxkit.sandbox.names import is_dns1035_label, is_dns1123_subdomain
from fluxkit.sandbox.status import Cause
from fluxkit.timestamps import format_time, now

__all__ = ["KEY", "accept", "prepare", "resources_of", "set_condition", "validate"]

KEY = "customresourcedefinitions.apiextensions.k8s.io"
CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"

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


def validate(definition: Object) -> list[Cause]:
    """What is wrong with names, group, scope and versions."""
    spec = definition.get("spec") or {}
    names = spec.get("names") or {}
    causes: list[Cause] = []
    group, plural = spec.get("group") or "", names.get("plural") or ""
    if not group:
        causes.append(Cause.required("spec.group"))
    elif is_dns1123_subdomain(group):
        causes.append(Cause.invalid("spec.group", group, is_dns1123_subdomain(group)))
    elif "." not in group:
        causes.append(Cause.invalid("spec.group", group, "should be a domain with at least one dot"))
    if spec.get("scope") not in ("Namespaced", "Cluster"):
        if spec.get("scope"):
            causes.append(Cause.not_supported("spec.scope", spec["scope"], ["Cluster", "Namespaced"]))
        else:
            causes.append(Cause.required("spec.scope"))
    for member in ("plural", "kind"):
        if not names.get(member):
            causes.append(Cause.required(f"spec.names.{member}"))
    if plural and is_dns1035_label(plural):
        causes.append(Cause.invalid("spec.names.plural", plural, is_dns1035_label(plural)))
    name = definition["metadata"].get("name", "")
    if group and plural and name != f"{plural}.{group}":
        causes.append(Cause.invalid("metadata.name", name, 'must be spec.names.plural+"."+spec.group'))
    return causes + _validate_versions(spec.get("versions") or [])


def _validate_versions(versions: list[dict[str, Any]]) -> list[Cause]:
    causes: list[Cause] = []
    if not versions or sum(1 for item in versions if item.get("storage")) != 1:
        causes.append(Cause.invalid("spec.versions", "", "must have exactly one version marked as storage version"))
    seen: set[str] = set()
    for index, version in enumerate(versions):
        path = f"spec.versions[{index}]"
        name = version.get("name", "")
        if not name:
            causes.append(Cause.required(f"{path}.name"))
        elif is_dns1035_label(name):
            causes.append(Cause.invalid(f"{path}.name", name, is_dns1035_label(name)))
        elif name in seen:
            causes.append(Cause.invalid("spec.versions", name, "must contain unique version names"))
        seen.add(name)
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if schema is None:
            causes.append(Cause.required(f"{path}.schema.openAPIV3Schema", "schemas are required"))
        elif schema.get("type") != "object":
            causes.append(
                Cause.invalid(
                    f"{path}.schema.openAPIV3Schema.type",
                    schema.get("type", ""),
                    "must be object",
                )
                if schema.get("type")
                else Cause.required(f"{path}.schema.openAPIV3Schema.type", "must not be empty at the root")
            )
    return causes


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
    found: list[Resource] = []
    for version in spec["versions"]:
        if not version.get("served"):
            continue
        warning = ""
        if version.get("deprecated"):
            warning = (
                version.get("deprecationWarning") or f"{spec['group']}/{version['name']} {names['kind']} is deprecated"
            )
        found.append(
            Resource(
                group=spec["group"],
                version=version["name"],
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


def _is_true(status: Object, kind: str) -> bool:
    return any(item.get("type") == kind and item.get("status") == "True" for item in status.get("conditions") or ())


def set_condition(definition: Object, kind: str, status: str, reason: str, message: str) -> None:
    conditions = definition.setdefault("status", {}).setdefault("conditions", [])
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
    status.setdefault("conditions", [])
    taken: set[str] = set()
    kinds: set[str] = set()
    for other in others:
        if other["spec"]["group"] != spec["group"] or other["metadata"]["name"] == definition["metadata"]["name"]:
            continue
        accepted = (other.get("status") or {}).get("acceptedNames") or {}
        taken |= {accepted.get("plural", ""), accepted.get("singular", ""), *(accepted.get("shortNames") or ())}
        kinds |= {accepted.get("kind", ""), accepted.get("listKind", "")}
    problem = ""
    for reason, clashing in (
        ("PluralConflict", wanted["plural"] in taken and wanted["plural"]),
        ("SingularConflict", wanted.get("singular") in taken and wanted.get("singular")),
        ("ShortNamesConflict", next((name for name in wanted.get("shortNames") or () if name in taken), "")),
        ("KindConflict", wanted["kind"] in kinds and wanted["kind"]),
        ("ListKindConflict", wanted.get("listKind") in kinds and wanted.get("listKind")),
    ):
        if clashing:
            problem = reason
            set_condition(definition, "NamesAccepted", "False", reason, f'"{clashing}" is already in use')
            break
    if problem:
        status.setdefault("acceptedNames", {"kind": "", "plural": ""})
        if not _is_true(status, "Established"):
            set_condition(definition, "Established", "False", "NotAccepted", "not all names are accepted")
    else:
        status["acceptedNames"] = dict(wanted)
        set_condition(definition, "NamesAccepted", "True", "NoConflicts", "no conflicts found")
        if not _is_true(status, "Established"):
            set_condition(
                definition, "Established", "True", "InitialNamesAccepted", "the initial names have been accepted"
            )
    storage = next(version["name"] for version in spec["versions"] if version.get("storage"))
    stored = status.setdefault("storedVersions", [])
    if storage not in stored:
        stored.append(storage)
