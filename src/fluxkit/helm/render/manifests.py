"""From rendered files to manifests and hooks.

Upstream: helm/helm ``pkg/release/v1/util/manifest.go``, ``manifest_sorter.go``, ``pkg/release/v1/hook.go``.
"""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from fluxkit.helm.render.errors import ManifestError
from fluxkit.helm.render.heads import Head, HeadError, read_head
from fluxkit.helm.render.ordering import INSTALL_ORDER, sorted_by_kind

__all__ = ["Hook", "Manifest", "sort_manifests", "split_documents"]

HOOK: Final = "helm.sh/hook"
HOOK_WEIGHT: Final = "helm.sh/hook-weight"
HOOK_DELETE_POLICY: Final = "helm.sh/hook-delete-policy"
HOOK_OUTPUT_LOG_POLICY: Final = "helm.sh/hook-output-log-policy"

_EVENTS: Final = {
    event: event
    for event in (
        "pre-install", "post-install", "pre-delete", "post-delete", "pre-upgrade", "post-upgrade", "pre-rollback",
        "post-rollback", "test",
    )
} | {"test-success": "test"}  # fmt: skip

_SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_SEPARATOR: Final = re.compile("^---[ \t]*", re.MULTILINE)
_LEADING: Final = re.compile(f"[{_SPACE}]*")
_BLANK: Final = re.compile(f"[{_SPACE}]*").fullmatch
_TRAILING: Final = re.compile(f"[{_SPACE}]+\\Z")
_WEIGHT: Final = re.compile(r"[+-]?[0-9]+", re.ASCII).fullmatch


class Manifest(NamedTuple):
    """A document that is installed with the release: ``path`` is the template it comes from."""

    path: str
    content: str
    head: Head


@dataclass(slots=True)
class Hook:
    """A document that runs at certain events instead of being installed."""

    name: str
    kind: str
    path: str
    manifest: str
    events: list[str] = field(default_factory=list)
    """``pre-install``, ``post-install``, ``pre-delete``, ``post-delete``, ``pre-upgrade``, ``post-upgrade``,
    ``pre-rollback``, ``post-rollback``, ``test``; some may come twice."""
    weight: int = 0
    delete_policies: list[str] = field(default_factory=list)
    """As written, in lower case; those known are ``hook-succeeded``, ``hook-failed``, ``before-hook-creation``."""
    output_log_policies: list[str] = field(default_factory=list)

    @property
    def is_test(self) -> bool:
        return "test" in self.events


def trim(text: str) -> str:
    """Go's strings.TrimSpace."""
    return _TRAILING.sub("", trim_left(text))


def trim_left(text: str) -> str:
    found = _LEADING.match(text)
    return text[found.end() :] if found else text


def is_blank(text: str) -> bool:
    return _BLANK(text) is not None


def split_documents(text: str) -> list[str]:
    """The documents of a rendered file, in order, without leading space; blank ones are dropped.

    As in Helm every line that begins with ``---`` separates, and what follows on it begins the next document.
    """
    return [trim_left(document) for document in _SEPARATOR.split(trim_left(text)) if not is_blank(document)]


def sort_manifests(files: Mapping[str, str], order: Sequence[str] = INSTALL_ORDER) -> tuple[list[Hook], list[Manifest]]:
    """Hooks and manifests of rendered files, each in the order of their kinds, then paths.

    Documents with a hook event that Helm does not know are dropped, as Helm does. Raises ManifestError for what is no
    YAML, with the hooks that were found before.
    """
    hooks: list[Hook] = []
    manifests: list[Manifest] = []
    for path in sorted(files, key=lambda path: path.encode("utf-8", "surrogateescape")):
        if posixpath.basename(path).startswith("_"):
            continue
        for document in split_documents(files[path]):
            try:
                head = read_head(document)
            except HeadError as problem:
                raise ManifestError(f"YAML parse error on {path}: {problem}", files, hooks) from problem
            events = head.annotations.get(HOOK)
            if events is None:
                manifests.append(Manifest(path, document, head))
            elif hook := _hook(path, document, head, events):
                hooks.append(hook)
    return (
        sorted_by_kind(hooks, lambda hook: hook.kind, order),
        sorted_by_kind(manifests, lambda manifest: manifest.head.kind, order),
    )


def _hook(path: str, document: str, head: Head, events: str) -> Hook | None:
    known = [_EVENTS.get(event) for event in _listed(events)]
    found = [event for event in known if event is not None]
    if len(found) < len(known):
        return None
    return Hook(
        head.name,
        head.kind,
        path,
        document,
        found,
        _weight(head.annotations.get(HOOK_WEIGHT, "")),
        _listed(head.annotations.get(HOOK_DELETE_POLICY)),
        _listed(head.annotations.get(HOOK_OUTPUT_LOG_POLICY)),
    )


def _listed(text: str | None) -> list[str]:
    return [] if text is None else [trim(item).lower() for item in text.split(",")]


def _weight(text: str) -> int:
    """Go's strconv.Atoi, 0 for what it refuses."""
    number = int(text) if _WEIGHT(text) and len(text) < 25 else 0
    return number if -(1 << 63) <= number < 1 << 63 else 0
