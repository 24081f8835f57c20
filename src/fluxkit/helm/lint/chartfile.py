"""Rules about Chart.yaml.

Upstream: helm/helm ``pkg/chart/v2/lint/rules/chartfile.go``.
"""

from pathlib import Path
from typing import Any, Final

from fluxkit.helm.chart import ChartError, Metadata
from fluxkit.helm.chart.decoding import read_metadata, read_metadata_strictly
from fluxkit.helm.chart.metadata import API_V1, API_V2
from fluxkit.helm.chart.yamltext import text_of_yaml
from fluxkit.helm.errors import HelmError
from fluxkit.helm.lint.addresses import is_email, is_request_url, is_url
from fluxkit.helm.lint.messages import Linter, Severity
from fluxkit.semver import Constraint, Version, VersionError
from fluxkit.template.errors import FunctionError
from fluxkit.template.quoting import quote
from fluxkit.template.sprig.readyaml import load_first
from fluxkit.template.values import type_name

__all__ = ["lint_chartfile"]

_FILE: Final = "Chart.yaml"
_RELEASED: Final = Constraint(">0.0.0-0")


def lint_chartfile(linter: Linter, directory: Path) -> None:
    path = directory / _FILE
    if path.is_dir():
        linter.report(Severity.ERROR, _FILE, "should be a file, not a directory")
    metadata = Metadata()
    try:
        text = text_of_yaml(path.read_bytes())
        read_metadata(text, metadata)
    except OSError as problem:
        action = "read" if isinstance(problem, IsADirectoryError) else "open"
        reason = f"{action} {path}: {(problem.strerror or '').lower()}"
        linter.report(Severity.ERROR, _FILE, f"unable to parse YAML\n\t{reason}")
        return
    except HelmError as problem:
        linter.report(Severity.ERROR, _FILE, f"unable to parse YAML\n\t{problem}")
        return
    strict = _strictly(text)
    linter.report(Severity.WARNING, _FILE, strict and f"failed to strictly parse chart metadata file\n\t{strict}")
    given = _as_given(text)
    for found in (
        _name(metadata),
        _api_version(metadata),
        _text_type(given, "version"),
        _version(metadata),
        _text_type(given, "appVersion"),
        _maintainers(metadata),
        next((f"invalid source URL '{source}'" for source in metadata.sources if not is_request_url(source)), None),
    ):
        linter.report(Severity.ERROR, _FILE, found)
    linter.report(Severity.INFO, _FILE, None if metadata.icon else "icon is recommended")
    bad_icon = metadata.icon and not is_request_url(metadata.icon)
    linter.report(Severity.ERROR, _FILE, f"invalid icon URL '{metadata.icon}'" if bad_icon else None)
    linter.report(Severity.ERROR, _FILE, _type(metadata))
    linter.report(Severity.ERROR, _FILE, _dependencies(metadata))
    linter.report(Severity.WARNING, _FILE, _strict_version(metadata))


def _strictly(text: str) -> str | None:
    try:
        read_metadata_strictly(text)
    except ChartError as problem:
        return str(problem)
    return None


def _as_given(text: str) -> dict[str, Any]:
    try:
        found = load_first(text)
    except FunctionError:
        return {}
    return found if isinstance(found, dict) else {}


def _text_type(given: dict[str, Any], key: str) -> str | None:
    if key not in given or isinstance(given[key], str):
        return None
    return f"{key} should be of type string but it's of type {type_name(given[key])}"


def _name(metadata: Metadata) -> str | None:
    if not metadata.name:
        return "name is required"
    return f"chart name {quote(metadata.name)} is invalid" if "/" in metadata.name and metadata.name != "/" else None


def _api_version(metadata: Metadata) -> str | None:
    choice = 'The value must be either "v1" or "v2"'
    if not metadata.api_version:
        return f"apiVersion is required. {choice}"
    known = metadata.api_version in (API_V1, API_V2)
    return None if known else f"apiVersion '{metadata.api_version}' is not valid. {choice}"


def _version(metadata: Metadata) -> str | None:
    if not metadata.version:
        return "version is required"
    try:
        refusals = _RELEASED.refusals(Version.parse(metadata.version))
    except VersionError:
        return f"version '{metadata.version}' is not a valid SemVer"
    return f"version {refusals[0]}" if refusals else None


def _strict_version(metadata: Metadata) -> str | None:
    try:
        Version.strict(metadata.version)
    except VersionError:
        return f"version '{metadata.version}' is not a valid SemVerV2"
    return None


def _maintainers(metadata: Metadata) -> str | None:
    for maintainer in metadata.maintainers:
        if maintainer is None:
            return "a maintainer entry is empty"
        if not maintainer.name:
            return "each maintainer requires a name"
        if maintainer.email and not is_email(maintainer.email):
            return f"invalid email '{maintainer.email}' for maintainer '{maintainer.name}'"
        if maintainer.url and not is_url(maintainer.url):
            return f"invalid url '{maintainer.url}' for maintainer '{maintainer.name}'"
    return None


def _type(metadata: Metadata) -> str | None:
    if not metadata.type or metadata.api_version == API_V2:
        return None
    return f"chart type is not valid in apiVersion '{metadata.api_version}'. It is valid in apiVersion 'v2'"


def _dependencies(metadata: Metadata) -> str | None:
    if not metadata.dependencies or metadata.api_version == API_V2:
        return None
    return (
        f"dependencies are not valid in the Chart file with apiVersion '{metadata.api_version}'. "
        "They are valid in apiVersion 'v2'"
    )
