"""The kinds that the verbs work on: their names on the command line and in messages, and what a table shows of them.

Objects stay plain dicts here: a command that prints a table decodes nothing it does not show. Upstream's sources are
the adapters of fluxcd/flux2 (cmd/flux/{source,kustomization,helmrelease,image,receiver,alert,alert_provider}.go and
cmd/flux/get_*.go). Kinds whose controllers are not part of fluxkit yet are listed too: the verbs work on any cluster
that serves them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fluxkit.objects import GroupVersionKind, Object

__all__ = ["BY_KIND", "KINDS", "Kind", "condition", "conditions_of", "nested", "ready_state", "truncate_hex"]

_HEX = re.compile(r"\b[a-f0-9]{40,128}\b")


def truncate_hex(text: str) -> str:
    """Long checksums (SHA-1 to SHA-512) cut to their first eight digits."""
    return _HEX.sub(lambda found: found[0][:8], text)


def nested(obj: Any, *path: str) -> Any:
    """The value at a path of keys, or None where the path leaves the object."""
    for key in path:
        if not isinstance(obj, dict):
            return None
        obj = obj.get(key)
    return obj


def _text(obj: Object, *path: str) -> str:
    value = nested(obj, *path)
    return value if isinstance(value, str) else ""


def conditions_of(obj: Object) -> list[dict[str, Any]]:
    conditions = nested(obj, "status", "conditions")
    return [each for each in conditions if isinstance(each, dict)] if isinstance(conditions, list) else []


def condition(obj: Object, type_: str) -> dict[str, Any] | None:
    return next((each for each in conditions_of(obj) if each.get("type") == type_), None)


def ready_state(obj: Object) -> tuple[str, str]:
    """(status, message) of the Ready condition."""
    ready = condition(obj, "Ready")
    if ready is None:
        return "False", "waiting to be reconciled"
    return str(ready.get("status", "")), str(ready.get("message", ""))


def _suspended(obj: Object) -> str:
    return "True" if nested(obj, "spec", "suspend") else "False"


def _artifact_revision(obj: Object) -> str:
    return _text(obj, "status", "artifact", "revision")


def _fetched(obj: Object) -> str:
    return f"fetched revision {_artifact_revision(obj)}"


def _applied(obj: Object) -> str:
    return f"applied revision {_text(obj, 'status', 'lastAppliedRevision')}"


def _ready_message(obj: Object) -> str:
    return ready_state(obj)[1]


def _helm_repository_success(obj: Object) -> str:
    return _ready_message(obj) if _is_oci(obj) else _fetched(obj)


def _never_static(obj: Object) -> bool:
    return False


Row = Callable[[Object], list[str]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of Flux's.

    ``verb_path`` is what follows suspend, resume, reconcile, export and delete, ``get_path`` what follows get; the last
    word of each has the aliases. ``row`` yields the cells below ``columns``, which follow NAME. ``success`` is what a
    finished reconciliation is announced with. Static objects are ready without any controller.
    """

    gvk: GroupVersionKind
    human: str
    verb_path: tuple[str, ...]
    get_path: tuple[str, ...]
    columns: tuple[str, ...]
    row: Row
    aliases: tuple[str, ...] = ()
    get_aliases: tuple[str, ...] = ()
    success: Callable[[Object], str] = field(default=_ready_message)
    is_static: Callable[[Object], bool] = field(default=_never_static)

    @property
    def kind(self) -> str:
        return self.gvk.kind


_SOURCE = "source.toolkit.fluxcd.io"
_IMAGE = "image.toolkit.fluxcd.io"
_NOTIFICATION = "notification.toolkit.fluxcd.io"
_REVISION_COLUMNS = ("Revision", "Suspended", "Ready", "Message")


def _source_row(obj: Object) -> list[str]:
    status, message = ready_state(obj)
    return [truncate_hex(_artifact_revision(obj)), _suspended(obj), status, truncate_hex(message)]


def _chart_row(obj: Object) -> list[str]:
    status, message = ready_state(obj)
    return [_artifact_revision(obj), _suspended(obj), status, truncate_hex(message)]


def _is_oci(obj: Object) -> bool:
    return _text(obj, "spec", "type") == "oci"


def _helm_repository_row(obj: Object) -> list[str]:
    if _is_oci(obj):
        return ["", _suspended(obj), "True", "Helm repository is Ready"]
    return _source_row(obj)


def _external_row(obj: Object) -> list[str]:
    status, message = ready_state(obj)
    reference = nested(obj, "spec", "sourceRef") or {}
    source = "/".join(filter(None, (_text(reference, "kind"), _text(reference, "namespace"), _text(reference, "name"))))
    return [truncate_hex(_artifact_revision(obj)), source, status, truncate_hex(message)]


def _kustomization_row(obj: Object) -> list[str]:
    status, message = ready_state(obj)
    return [
        truncate_hex(_text(obj, "status", "lastAppliedRevision")),
        _suspended(obj),
        status,
        truncate_hex(message),
    ]


def _helm_release_revision(obj: Object) -> str:
    history = nested(obj, "status", "history")
    if isinstance(history, list) and history:
        return _text(history[0], "chartVersion")
    return _text(obj, "status", "lastAttemptedRevision")


def _helm_release_row(obj: Object) -> list[str]:
    return [_helm_release_revision(obj), _suspended(obj), *ready_state(obj)]


def _suspendable_row(obj: Object) -> list[str]:
    return [_suspended(obj), *ready_state(obj)]


def _image_repository_row(obj: Object) -> list[str]:
    return [_text(obj, "status", "lastScanResult", "scanTime"), _suspended(obj), *ready_state(obj)]


def _image_policy_row(obj: Object) -> list[str]:
    latest = nested(obj, "status", "latestRef")
    return [_text(latest, "name"), _text(latest, "tag"), *ready_state(obj)]


def _image_update_row(obj: Object) -> list[str]:
    return [_text(obj, "status", "lastAutomationRunTime"), _suspended(obj), *ready_state(obj)]


def _selected(obj: Object) -> str:
    latest = nested(obj, "status", "latestRef") or {}
    digest = _text(latest, "digest")
    tag = _text(latest, "tag") + (f"@{digest}" if digest else "")
    return f"selected ref {_text(latest, 'name')}:{tag}"


def _scanned(obj: Object) -> str:
    return f"scan fetched {nested(obj, 'status', 'lastScanResult', 'tagCount') or 0} tags"


def _generator_row(obj: Object) -> list[str]:
    reconcile = nested(obj, "metadata", "annotations", "source.extensions.fluxcd.io/reconcile")
    return ["True" if reconcile == "disabled" else "False", *ready_state(obj)]


def _source(kind: str, word: str, columns: tuple[str, ...], row: Row, **more: Any) -> Kind:
    return Kind(
        GroupVersionKind(_SOURCE, "v1", kind),
        human=f"source {word}",
        verb_path=("source", word),
        get_path=("sources", word),
        columns=columns,
        row=row,
        **{"success": _fetched, **more},
    )


def _image(kind: str, word: str, human: str, columns: tuple[str, ...], row: Row, **more: Any) -> Kind:
    return Kind(
        GroupVersionKind(_IMAGE, "v1", kind),
        human=human,
        verb_path=("image", word),
        get_path=("images", word),
        columns=columns,
        row=row,
        **more,
    )


# In the order in which "get all" prints them.
KINDS: tuple[Kind, ...] = (
    _source("OCIRepository", "oci", _REVISION_COLUMNS, _source_row),
    _source("Bucket", "bucket", _REVISION_COLUMNS, _source_row),
    _source("GitRepository", "git", _REVISION_COLUMNS, _source_row),
    _source(
        "HelmRepository",
        "helm",
        _REVISION_COLUMNS,
        _helm_repository_row,
        success=_helm_repository_success,
        is_static=_is_oci,
    ),
    _source("HelmChart", "chart", _REVISION_COLUMNS, _chart_row),
    _source("ExternalArtifact", "external", ("Revision", "Source", "Ready", "Message"), _external_row),
    _image(
        "ImageRepository",
        "repository",
        "image repository",
        ("Last scan", "Suspended", "Ready", "Message"),
        _image_repository_row,
        success=_scanned,
    ),
    _image(
        "ImagePolicy",
        "policy",
        "image policy",
        ("Image", "Tag", "Ready", "Message"),
        _image_policy_row,
        success=_selected,
    ),
    _image(
        "ImageUpdateAutomation",
        "update",
        "image update automation",
        ("Last run", "Suspended", "Ready", "Message"),
        _image_update_row,
    ),
    Kind(
        GroupVersionKind("helm.toolkit.fluxcd.io", "v2", "HelmRelease"),
        human="helmrelease",
        verb_path=("helmrelease",),
        get_path=("helmreleases",),
        columns=_REVISION_COLUMNS,
        row=_helm_release_row,
        aliases=("hr",),
        get_aliases=("hr", "helmrelease"),
        success=lambda obj: f"applied revision {_helm_release_revision(obj)}",
    ),
    Kind(
        GroupVersionKind("kustomize.toolkit.fluxcd.io", "v1", "Kustomization"),
        human="kustomization",
        verb_path=("kustomization",),
        get_path=("kustomizations",),
        columns=_REVISION_COLUMNS,
        row=_kustomization_row,
        aliases=("ks",),
        get_aliases=("ks", "kustomization"),
        success=_applied,
    ),
    Kind(
        GroupVersionKind(_NOTIFICATION, "v1", "Receiver"),
        human="receiver",
        verb_path=("receiver",),
        get_path=("receivers",),
        columns=("Suspended", "Ready", "Message"),
        row=_suspendable_row,
        get_aliases=("receiver",),
        success=lambda obj: "Receiver reconciliation completed",
    ),
    Kind(
        GroupVersionKind(_NOTIFICATION, "v1beta3", "Provider"),
        human="alert provider",
        verb_path=("alert-provider",),
        get_path=("alert-providers",),
        columns=("Ready", "Message"),
        row=lambda obj: ["True", "Provider is Ready"],
        get_aliases=("alert-provider",),
        success=lambda obj: "Provider reconciliation completed",
        is_static=lambda obj: True,
    ),
    Kind(
        GroupVersionKind(_NOTIFICATION, "v1beta3", "Alert"),
        human="alert",
        verb_path=("alert",),
        get_path=("alerts",),
        columns=("Suspended", "Ready", "Message"),
        row=lambda obj: [_suspended(obj), "True", "Alert is Ready"],
        get_aliases=("alert",),
        success=lambda obj: "Alert reconciliation completed",
        is_static=lambda obj: True,
    ),
    Kind(
        GroupVersionKind("source.extensions.fluxcd.io", "v1beta1", "ArtifactGenerator"),
        human="artifact generator",
        verb_path=("artifact", "generator"),
        get_path=("artifacts", "generators"),
        columns=("Suspended", "Ready", "Message"),
        row=_generator_row,
        get_aliases=("generator",),
    ),
)

BY_KIND: dict[str, Kind] = {kind.kind: kind for kind in KINDS}
