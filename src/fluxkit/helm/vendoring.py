"""The ``charts`` folder of a chart: what is in it, and filling it from Chart.lock or Chart.yaml.

Repositories need not be known beforehand: an ``https`` one is asked for its index, a ``file`` one is packed. Upstream
wants the former added with ``helm repo add`` first.

Upstream: helm/helm ``pkg/downloader/manager.go``, ``internal/resolver``, ``pkg/action/dependency.go``.
"""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from fluxkit import yaml
from fluxkit.helm.chart import Chart, ChartError, Dependency, Lock, load, load_dir
from fluxkit.helm.chart.encoding import lock_object
from fluxkit.helm.chart.metadata import API_V1
from fluxkit.helm.dependencies import is_compatible_range
from fluxkit.helm.errors import HelmError
from fluxkit.helm.package import save
from fluxkit.semver import Constraint, ConstraintError, Version, VersionError
from fluxkit.template.quoting import quote
from fluxkit.template.sprig.json import dumps

__all__ = ["Fetch", "VendoringError", "build", "lock_digest", "status", "stray_charts", "update"]

Fetch = Callable[[str], bytes]
"""Gets what is at an http or https address. Raises OSError or ValueError."""

_FILE = "file://"


class VendoringError(HelmError):
    """The dependencies of a chart cannot be brought together."""


# --- looking ---------------------------------------------------------------------------------------------------------


def status(directory: Path, dependency: Dependency, chart: Chart) -> str:
    """``ok``, ``unpacked``, ``missing``, ``wrong version`` ..., as ``helm dependency list`` says it."""
    archives = sorted((directory / "charts").glob(f"{_literal(dependency.name)}-*.tgz"))
    if len(archives) > 1:
        archives = [path for path in archives if _is_strict(path.name[len(dependency.name) + 1 : -len(".tgz")])]
        if len(archives) > 1:
            return "too many matches"
    if archives:
        try:
            found = load(archives[0])
        except ChartError:
            return "corrupt"
        if found.name != dependency.name:
            return "misnamed"
        return _version_status(found, dependency) or "ok"
    subchart = next((each for each in reversed(chart.dependencies) if each.name == dependency.name), None)
    if subchart is None:
        return "missing"
    return _version_status(subchart, dependency) or "unpacked"


def _literal(name: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)


def _is_strict(text: str) -> bool:
    try:
        Version.strict(text)
    except VersionError:
        return False
    return True


def _version_status(found: Chart, dependency: Dependency) -> str:
    if found.metadata.version == dependency.version:
        return ""
    try:
        fits = Constraint(dependency.version).check(Version.parse(found.metadata.version))
    except (ConstraintError, VersionError):
        return "invalid version"
    return "" if fits else "wrong version"


def stray_charts(directory: Path, dependencies: Sequence[Dependency]) -> Iterator[str]:
    """A warning for each chart below ``charts`` that Chart.yaml does not name."""
    folder = directory / "charts"
    names = {dependency.name for dependency in dependencies}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.is_dir() and path.suffix != ".tgz":
            continue
        try:
            found = load(path)
        except ChartError:
            yield f'WARNING: "{path}" is not a chart.'
            continue
        if found.name not in names:
            yield f'WARNING: "{path}" is not in Chart.yaml.'


# --- the lock --------------------------------------------------------------------------------------------------------


def lock_digest(wanted: Sequence[Dependency], locked: Sequence[Dependency]) -> str:
    """What ties a lock to the dependencies that it was made for: ``sha256:...`` of the JSON of both."""
    return _sha256(f"[{_json(wanted)},{_json(locked)}]")


def _digest_of_v2(wanted: Sequence[Dependency]) -> str:
    """As Helm 2 calculated it."""
    return _sha256(f'{{"dependencies":{_json(wanted)}}}')


def _sha256(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _json(dependencies: Sequence[Dependency]) -> str:
    return f"[{','.join(map(_dependency_json, dependencies))}]" if dependencies else "null"


def _dependency_json(dependency: Dependency) -> str:
    """The fields in Go's order, empty ones left out but for two."""
    parts = [
        f'"{field.name.replace("_", "-")}":{dumps(value)}'
        for field in fields(dependency)
        if (value := getattr(dependency, field.name)) or field.name in ("name", "repository")
    ]
    return "{" + ",".join(parts) + "}"


# --- filling ---------------------------------------------------------------------------------------------------------


def build(directory: Path, fetch: Fetch, say: Callable[[str], None]) -> None:
    """Fill ``charts`` with what Chart.lock says, or as :func:`update` where there is none.

    ``say`` is given lines of progress. Raises HelmError, OSError.
    """
    chart = _load(directory)
    lock = chart.lock
    if lock is None:
        update(directory, fetch, say)
        return
    wanted = chart.metadata.dependencies
    locked = [dependency for dependency in lock.dependencies if dependency is not None]
    if lock_digest(wanted, locked) != lock.digest:
        if chart.metadata.api_version != API_V1:
            raise VendoringError(
                "the lock file (Chart.lock) is out of sync with the dependencies file (Chart.yaml). "
                "Please update the dependencies with 'helm dependency update'"
            )
        if _digest_of_v2(wanted) != lock.digest:
            raise VendoringError(
                "the lock file (requirements.lock) is out of sync with the dependencies file (requirements.yaml). "
                "Please update the dependencies"
            )
    _fill(directory, locked, _Repositories(fetch), say)


def update(directory: Path, fetch: Fetch, say: Callable[[str], None]) -> None:
    """Choose versions by Chart.yaml, fill ``charts`` and write the lock. Raises HelmError, OSError."""
    chart = _load(directory)
    wanted = chart.metadata.dependencies
    if not wanted:
        return
    repositories = _Repositories(fetch)
    locked = _resolve(directory, wanted, repositories)
    locked = _fill(directory, locked, repositories, say)
    digest = lock_digest(wanted, locked)
    if chart.lock is not None and chart.lock.digest == digest:
        return
    name = "requirements.lock" if chart.metadata.api_version == API_V1 else "Chart.lock"
    target = directory / name
    if target.is_symlink():
        raise VendoringError(f"the {name} file is a symlink to {quote(os.readlink(target))}")
    generated = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    lock = Lock(generated, digest, list(locked))
    target.write_text(yaml.dump(lock_object(lock)), encoding="utf-8")


def _load(directory: Path) -> Chart:
    if not directory.exists():
        raise VendoringError(f"could not find {directory}: stat {directory}: no such file or directory")
    if not directory.is_dir():
        raise VendoringError("only unpacked charts can be updated")
    return load_dir(directory, root="/")


@dataclass(frozen=True, slots=True)
class _Version:
    """One version of a chart in a repository."""

    version: Version
    url: str
    digest: str


class _Repositories:
    """The indices of repositories, each fetched once."""

    def __init__(self, fetch: Fetch) -> None:
        self.fetch = fetch
        self._indices: dict[str, Any] = {}

    def versions(self, repository: str, name: str) -> list[_Version]:
        """All versions of a chart, highest first. Raises VendoringError."""
        entries = self._entries(repository)
        if name not in entries:
            raise VendoringError(f"{name} chart not found in repo {repository}")
        found: list[_Version] = []
        for entry in entries[name] or ():
            urls = entry.get("urls") if isinstance(entry, dict) else None
            if not urls:
                continue
            try:
                version = Version.parse(str(entry.get("version")))
            except VersionError:
                continue
            url = urljoin(repository.rstrip("/") + "/", str(urls[0]))
            found.append(_Version(version, url, str(entry.get("digest") or "")))
        return sorted(found, key=lambda each: each.version, reverse=True)

    def _entries(self, repository: str) -> dict[str, Any]:
        if repository not in self._indices:
            url = repository.rstrip("/") + "/index.yaml"
            try:
                index = yaml.load(self.fetch(url), source=url)
            except (OSError, ValueError) as problem:
                raise VendoringError(
                    f'looks like "{repository}" is not a valid chart repository or cannot be reached: {problem}'
                ) from None
            entries = index.get("entries") if isinstance(index, dict) else None
            self._indices[repository] = entries if isinstance(entries, dict) else {}
        found = self._indices[repository]
        assert isinstance(found, dict)
        return found


def _is_remote(dependency: Dependency) -> bool:
    """Whether the repository is asked over HTTP. Raises VendoringError for one that cannot be asked."""
    repository = dependency.repository
    if repository.startswith(("http://", "https://")):
        return True
    if repository.startswith("oci://"):
        raise VendoringError(f"cannot get {dependency.name} from {repository}: OCI registries are not supported here")
    if repository and not repository.startswith(_FILE):
        raise VendoringError(f"no repository definition for {repository}. Give its address in Chart.yaml")
    return False


def _local_path(repository: str, directory: Path) -> Path:
    path = directory / repository.removeprefix(_FILE)
    if not path.exists():
        raise VendoringError(f"directory {os.path.normpath(path)} not found")
    return path


def _resolve(directory: Path, wanted: Sequence[Dependency], repositories: _Repositories) -> list[Dependency]:
    locked: list[Dependency] = []
    missing: list[str] = []
    for dependency in wanted:
        try:
            constraint = Constraint(dependency.version)
        except ConstraintError as problem:
            raise VendoringError(
                f"dependency {quote(dependency.name)} has an invalid version/constraint format: {problem}"
            ) from None
        version: str | None = dependency.version
        if _is_remote(dependency):
            candidates = repositories.versions(dependency.repository, dependency.name)
            version = next((each.version.original for each in candidates if constraint.check(each.version)), None)
        elif dependency.repository:
            found = load_dir(_local_path(dependency.repository, directory), root="/").metadata.version
            version = found if is_compatible_range(dependency.version, found) else None
        else:
            _local_path(f"charts/{dependency.name}", directory)
        if version is None:
            place = f"(repository {quote(dependency.repository)}, version {quote(dependency.version)})"
            missing.append(f"{quote(dependency.name)} {place}")
        else:
            locked.append(Dependency(name=dependency.name, repository=dependency.repository, version=version))
    if missing:
        raise VendoringError(
            f"can't get a valid version for {len(missing)} subchart(s): {', '.join(missing)}. Make sure a matching "
            "chart version exists in the repo, or change the version constraint in Chart.yaml"
        )
    return locked


def _fill(
    directory: Path, locked: Sequence[Dependency], repositories: _Repositories, say: Callable[[str], None]
) -> list[Dependency]:
    """Bring the charts of ``locked`` together, then put them in place; what Chart.lock no longer names goes."""
    target = directory / "charts"
    if target.exists() and not target.is_dir():
        raise VendoringError(f"{quote(str(target))} is not a directory")
    target.mkdir(exist_ok=True)
    say(f"Saving {len(locked)} charts")
    settled: list[Dependency] = []
    with tempfile.TemporaryDirectory(prefix="tmpcharts-", dir=directory) as scratch:
        for dependency in locked:
            settled.append(_bring(directory, dependency, Path(scratch), repositories, say))
        fresh = sorted(Path(scratch).iterdir())
        kept = {path.name for path in fresh}
        before = [path for path in sorted(target.iterdir()) if not path.is_dir()]
        for path in fresh:
            load(path)
            path.replace(target / path.name)
        say("Deleting outdated charts")
        local = {dependency.name for dependency in locked if not dependency.repository}
        for path in before:
            _remove_outdated(path, kept, local, say)
    return settled


def _remove_outdated(path: Path, kept: set[str], local: set[str], say: Callable[[str], None]) -> None:
    if path.name in kept:
        return
    try:
        name = load(path).name
    except ChartError as problem:
        say(f"Could not verify {path} for deletion: {problem} (Skipping)")
        return
    if name not in local:
        path.unlink()


def _bring(
    directory: Path, dependency: Dependency, scratch: Path, repositories: _Repositories, say: Callable[[str], None]
) -> Dependency:
    """Put the archive of a dependency into ``scratch``; the dependency with the version that was found."""
    name = dependency.name
    if _is_remote(dependency):
        say(f"Downloading {name} from repo {dependency.repository}")
        _download(dependency, scratch, repositories)
        return dependency
    if dependency.repository:
        found = load_dir(_local_path(dependency.repository, directory), root="/")
        if not is_compatible_range(dependency.version, found.metadata.version):
            raise VendoringError(f"can't get a valid version for dependency {name}")
        save(found, scratch)
        return replace(dependency, version=found.metadata.version)
    say(f"Dependency {name} did not declare a repository. Assuming it exists in the charts directory")
    path = directory / "charts" / name
    try:
        found = load_dir(path, root="/")
    except ChartError as problem:
        raise VendoringError(f"unable to load chart '{path}': {problem}") from None
    version = found.metadata.version
    if not is_compatible_range(dependency.version, version):
        raise VendoringError(
            f"dependency {name} at version {version} does not satisfy the constraint {dependency.version}"
        )
    return dependency


def _download(dependency: Dependency, scratch: Path, repositories: _Repositories) -> None:
    candidates = repositories.versions(dependency.repository, dependency.name)
    chosen = next((each for each in candidates if is_compatible_range(dependency.version, str(each.version))), None)
    if chosen is None:
        raise VendoringError(
            f"could not find {dependency.repository}: chart {dependency.name} version {dependency.version} not found"
        )
    file_name = unquote(urlsplit(chosen.url).path).rpartition("/")[2]
    if not file_name.endswith(".tgz") or file_name.startswith("."):
        raise VendoringError(f"could not download {chosen.url}: the address names no chart archive")
    try:
        data = repositories.fetch(chosen.url)
    except (OSError, ValueError) as problem:
        raise VendoringError(f"could not download {chosen.url}: {problem}") from None
    found = hashlib.sha256(data).hexdigest()
    if chosen.digest and chosen.digest.removeprefix("sha256:") != found:
        raise VendoringError(f"could not download {chosen.url}: digest is {found}, the index has {chosen.digest}")
    (scratch / file_name).write_bytes(data)
