"""Fault injection and request counters: how tests make the API server misbehave, and how benchmarks count its work."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from fluxkit.sandbox.http.request import RequestInfo
from fluxkit.sandbox.status import StatusError, bad_request

__all__ = ["Fault", "Faults", "Stats"]

_REASONS = {
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


@dataclass(slots=True)
class Fault:
    """Answers the next ``count`` matching requests with an error. Empty match fields match everything."""

    code: int
    count: int = 1
    verb: str = ""
    resource: str = ""
    """Plural, with or without its group: ``deployments`` or ``deployments.apps``."""
    namespace: str = ""
    name: str = ""
    subresource: str | None = None
    retry_after: int | None = None
    message: str = "injected fault"

    @classmethod
    def from_object(cls, given: dict[str, Any]) -> "Fault":
        """Members: code, count, verb, resource, namespace, name, subresource, retryAfter, message."""
        code = given.get("code")
        if code not in _REASONS:
            raise bad_request(f"fault code {code!r}: expected one of {', '.join(str(item) for item in _REASONS)}")
        known = {"code", "count", "verb", "resource", "namespace", "name", "subresource", "message", "retryAfter"}
        unknown = sorted(set(given) - known)
        if unknown:
            raise bad_request(f"unknown members of a fault: {', '.join(unknown)}")
        fault = cls(code, **{name: given[name] for name in known - {"code", "retryAfter"} if name in given})
        fault.retry_after = given.get("retryAfter", 1 if code == 429 else None)
        return fault

    def as_object(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "count": self.count,
            "verb": self.verb,
            "resource": self.resource,
            "namespace": self.namespace,
            "name": self.name,
        }

    def matches(self, info: RequestInfo) -> bool:
        return (
            self.count > 0
            and self.verb in ("", info.verb)
            and self.resource in ("", info.resource, f"{info.resource}.{info.group}")
            and self.namespace in ("", info.namespace)
            and self.name in ("", info.name)
            and self.subresource in (None, info.subresource)
        )

    def error(self) -> StatusError:
        return StatusError(self.code, _REASONS[self.code], self.message, retry_after=self.retry_after)


@dataclass(slots=True)
class Faults:
    """The faults in force."""

    active: list[Fault] = field(default_factory=list)

    def raise_for(self, info: RequestInfo) -> None:
        """Raises the error of the first matching fault and counts it down."""
        if not self.active:
            return
        for fault in self.active:
            if fault.matches(info):
                fault.count -= 1
                if fault.count <= 0:
                    self.active.remove(fault)
                raise fault.error()


@dataclass(slots=True)
class Stats:
    """Requests since start (or the last reset), by verb, resource, and both; dry runs are counted as such too."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    dry_runs: int = 0
    responses: Counter[int] = field(default_factory=Counter)

    def count(self, info: RequestInfo, *, dry_run: bool) -> None:
        resource = f"{info.resource}.{info.group}" if info.group else info.resource
        if info.subresource:
            resource += f"/{info.subresource}"
        self.requests[(info.verb, resource)] += 1
        if dry_run:
            self.dry_runs += 1

    def reset(self) -> None:
        self.requests.clear()
        self.responses.clear()
        self.dry_runs = 0

    def as_object(self) -> dict[str, Any]:
        verbs: Counter[str] = Counter()
        resources: dict[str, dict[str, int]] = {}
        for (verb, resource), count in sorted(self.requests.items()):
            verbs[verb] += count
            resources.setdefault(resource, {})[verb] = count
        return {
            "requests": sum(verbs.values()),
            "dryRuns": self.dry_runs,
            "verbs": dict(verbs),
            "resources": resources,
            "responses": {str(code): count for code, count in sorted(self.responses.items())},
        }
