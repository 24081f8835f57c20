"""What Chart.yaml and Chart.lock say, and the rules they must keep.

Upstream: helm/helm ``pkg/chart/v2/metadata.go``, ``dependency.go``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from fluxkit.helm.chart.errors import ChartError
from fluxkit.semver import Version, VersionError
from fluxkit.template.quoting import is_print, quote
from fluxkit.template.sprig.text import is_space, runes

__all__ = ["API_V1", "API_V2", "Dependency", "Lock", "Maintainer", "Metadata", "sanitize"]

API_V1: Final = "v1"
API_V2: Final = "v2"
_ALIAS: Final = re.compile(r"[a-zA-Z0-9_-]+")
_TYPES: Final = ("", "application", "library")
_PRINTABLE_ASCII: Final = re.compile(r"[ -~]*").fullmatch


def sanitize(text: str) -> str:
    """``text`` with every kind of space as a blank, and without characters that cannot be printed."""
    if _PRINTABLE_ASCII(text):
        return text
    # A byte that is not UTF-8 becomes U+FFFD on its way through Go's strings.Map.
    return "".join(" " if is_space(each) else each for each in runes(text) if is_space(each) or is_print(each))


@dataclass(slots=True)
class Maintainer:
    """Who looks after a chart."""

    name: str = ""
    email: str = ""
    url: str = ""

    def validate(self) -> None:
        self.name, self.email, self.url = sanitize(self.name), sanitize(self.email), sanitize(self.url)


@dataclass(slots=True)
class Dependency:
    """A chart that another one needs. ``version`` is a range in Chart.yaml, one version in Chart.lock."""

    name: str = ""
    version: str = ""
    repository: str = ""
    condition: str = ""
    tags: list[str] = field(default_factory=list)
    enabled: bool = False
    import_values: list[Any] = field(default_factory=list)
    """Each a text, or a mapping with ``child`` and ``parent``."""
    alias: str = ""

    def validate(self) -> None:
        """Clean the texts. Raises ChartError."""
        self.name, self.version = sanitize(self.name), sanitize(self.version)
        self.repository, self.condition = sanitize(self.repository), sanitize(self.condition)
        self.tags = [sanitize(tag) for tag in self.tags]
        if self.alias and not _ALIAS.fullmatch(self.alias):
            raise _invalid(f"dependency {quote(self.name)} has disallowed characters in the alias")


@dataclass(slots=True)
class Lock:
    """Chart.lock: the versions that a chart's dependencies were resolved to."""

    generated: str = ""
    """RFC 3339, as in the file."""
    digest: str = ""
    dependencies: list[Dependency | None] = field(default_factory=list)


@dataclass(slots=True)
class Metadata:
    """Chart.yaml, of API version v1 or v2. Texts that are not given are empty, lists are empty, as in Go."""

    name: str = ""
    home: str = ""
    sources: list[str] = field(default_factory=list)
    version: str = ""
    description: str = ""
    keywords: list[str] = field(default_factory=list)
    maintainers: list[Maintainer | None] = field(default_factory=list)
    icon: str = ""
    api_version: str = ""
    condition: str = ""
    tags: str = ""
    app_version: str = ""
    deprecated: bool = False
    annotations: dict[str, str] = field(default_factory=dict)
    kube_version: str = ""
    dependencies: list[Dependency] = field(default_factory=list)
    type: str = ""

    def validate(self) -> None:
        """Clean the texts of unprintable characters. Raises ChartError with Helm's text."""
        for attribute in ("name", "description", "home", "icon", "condition", "tags", "app_version", "kube_version"):
            setattr(self, attribute, sanitize(getattr(self, attribute)))
        self.sources = [sanitize(source) for source in self.sources]
        self.keywords = [sanitize(keyword) for keyword in self.keywords]
        if not self.api_version:
            raise _invalid("chart.metadata.apiVersion is required")
        if not self.name:
            raise _invalid("chart.metadata.name is required")
        if self.name in (".", ".."):
            raise _invalid(f"chart.metadata.name {quote(self.name)} is not allowed")
        if "/" in self.name and self.name != "/":
            raise _invalid(f"chart.metadata.name {quote(self.name)} is invalid")
        if not self.version:
            raise _invalid("chart.metadata.version is required")
        if not _is_version(self.version):
            raise _invalid(f"chart.metadata.version {quote(self.version)} is invalid")
        if self.type not in _TYPES:
            raise _invalid("chart.metadata.type must be application or library")
        for maintainer in self.maintainers:
            if maintainer is None:
                raise _invalid("maintainers must not contain empty or null nodes")
            maintainer.validate()
        _validate_dependencies(self.dependencies)


def _validate_dependencies(dependencies: Iterable[Dependency | None]) -> None:
    names: set[str] = set()
    for dependency in dependencies:
        if dependency is None:
            raise _invalid("dependencies must not contain empty or null nodes")
        dependency.validate()
        key = dependency.alias or dependency.name
        if key in names:
            raise _invalid(f"more than one dependency with name or alias {quote(key)}")
        names.add(key)


def _invalid(problem: str) -> ChartError:
    return ChartError(f"validation: {problem}")


def _is_version(text: str) -> bool:
    try:
        Version.parse(text)
    except VersionError:
        return False
    return True
