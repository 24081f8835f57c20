"""The events of a Kustomization, with upstream's metadata."""

from collections.abc import Mapping

from fluxkit.api import Kustomization
from fluxkit.runtime import EventRecorder, conditions

__all__ = ["KustomizationEvents"]

_GROUP = Kustomization.GVK.group


class KustomizationEvents:
    """Records events about one object; their reason is that of its Ready condition at the time."""

    def __init__(self, recorder: EventRecorder, kustomization: Kustomization) -> None:
        self._recorder = recorder
        self._kustomization = kustomization
        self._revision = ""
        self._origin_revision = ""

    def concern(self, revision: str, origin_revision: str) -> None:
        """Sets the revision that the following events are about."""
        self._revision = revision
        self._origin_revision = origin_revision

    def info(self, message: str, *, commit_status: bool = False) -> None:
        """``commit_status`` marks the event that commit-status providers deliver."""
        extra = {f"{_GROUP}/commit_status": "update"} if commit_status else {}
        self._recorder.info(self._kustomization, self._reason("info"), message, self._metadata(extra))

    def error(self, message: str) -> None:
        self._recorder.warning(self._kustomization, self._reason("error"), message, self._metadata({}))

    def warning(self, reason: str, message: str) -> None:
        """A warning with a reason of its own, about something that does not decide whether the object is ready."""
        self._recorder.warning(self._kustomization, reason, message, self._metadata({}))

    def _reason(self, fallback: str) -> str:
        return conditions.reason_of(self._kustomization, conditions.READY) or fallback

    def _metadata(self, extra: Mapping[str, str]) -> dict[str, str]:
        metadata = dict(extra)
        if self._revision:
            metadata[f"{_GROUP}/revision"] = self._revision
        if self._origin_revision:
            metadata[f"{_GROUP}/originRevision"] = self._origin_revision
        return metadata
