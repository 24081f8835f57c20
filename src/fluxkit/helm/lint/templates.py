"""Rules about the templates: they render, and what they render to looks like Kubernetes objects.

Upstream: helm/helm ``pkg/chart/v2/lint/rules/template.go``.
"""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from fluxkit.helm.chart import Chart, load_dir
from fluxkit.helm.chart.model import extension
from fluxkit.helm.dependencies import process
from fluxkit.helm.errors import HelmError
from fluxkit.helm.lint.deprecations import deprecation_of
from fluxkit.helm.lint.documents import Head, heads
from fluxkit.helm.lint.messages import Linter, Severity
from fluxkit.helm.lint.names import name_problem
from fluxkit.helm.lint.options import Options
from fluxkit.helm.render.capabilities import Capabilities
from fluxkit.helm.render.engine import Mode, execute
from fluxkit.helm.render.scope import sources
from fluxkit.helm.values import coalesce_values, validate_against_schema
from fluxkit.template.errors import FunctionError
from fluxkit.template.quoting import quote
from fluxkit.template.sprig.readyaml import load_first

__all__ = ["lint_templates"]

_FOLDER: Final = "templates/"
_EXTENSIONS: Final = (".yaml", ".yml", ".tpl", ".txt")
_SELECTED: Final = frozenset(("Deployment", "ReplicaSet", "DaemonSet", "StatefulSet"))
_KEEP: Final = "helm.sh/resource-policy"
_log = logging.getLogger(__name__)


def lint_templates(linter: Linter, directory: Path, values: Mapping[str, Any], options: Options) -> None:
    folder = directory / "templates"
    if not folder.exists():
        linter.report(Severity.WARNING, _FOLDER, "directory does not exist")
        return
    if not folder.is_dir():
        linter.report(Severity.ERROR, _FOLDER, "not a directory")
        return
    try:
        chart = load_dir(directory, root="/", check_version=False)
    except HelmError as problem:
        linter.report(Severity.ERROR, _FOLDER, str(problem))
        return
    try:
        chart = process(chart, values)
        coalesced = coalesce_values(chart, values)
    except HelmError:
        return  # as upstream: installing tells
    try:
        # Upstream coalesces a second time, which takes away what was nulled only now.
        coalesced = coalesce_values(chart, coalesced)
        if not options.skip_schema:
            validate_against_schema(chart, coalesced, fetch=options.fetch_schema)
        rendered = _rendered(chart, coalesced, options)
    except HelmError as problem:
        linter.report(Severity.ERROR, _FOLDER, str(problem))
        return
    _lint_files(linter, chart, rendered, options.capabilities)


def _rendered(chart: Chart, values: dict[str, Any], options: Options) -> Mapping[str, str]:
    release = {
        "Name": "test-release",
        "Namespace": options.namespace,
        "IsUpgrade": False,
        "IsInstall": False,
        "Revision": 0,
        "Service": "Helm",
    }
    rendered, warnings = execute(sources(chart, values, release, options.capabilities), mode=Mode(lint=True))
    for warning in warnings:
        _log.warning("%s", warning)
    return rendered


def _lint_files(linter: Linter, chart: Chart, rendered: Mapping[str, str], capabilities: Capabilities) -> None:
    for file in chart.templates:
        ending = extension(file.name)
        if ending not in _EXTENSIONS:
            text = f"file extension '{ending}' not valid. Valid extensions are .yaml, .yml, .tpl, or .txt"
            linter.report(Severity.ERROR, file.name, text)
        if ending.lower() not in (".yaml", ".yml"):
            continue
        content = rendered.get(f"{chart.name}/{file.name}", "")
        if not content.strip():
            continue
        linter.report(Severity.WARNING, file.name, _indent_problem(content))
        for head in heads(content):
            if isinstance(head, HelmError):
                linter.report(Severity.ERROR, file.name, f"unable to parse YAML: {head}")
                return
            for severity, problem in _object_problems(head, content, capabilities):
                linter.report(severity, file.name, problem)


def _object_problems(head: Head, content: str, capabilities: Capabilities) -> Iterator[tuple[Severity, str]]:
    wrong = name_problem(head.kind, head.name)
    if wrong:
        rule = "object name does not conform to Kubernetes naming requirements"
        yield Severity.WARNING, f"{rule}: {quote(head.name)}: {wrong}"
    version = capabilities.kube_version
    if head.api_version and head.kind:
        deprecated = deprecation_of(head.api_version, head.kind, int(version.major), int(version.minor))
        if deprecated:
            yield Severity.WARNING, deprecated
    if head.kind in _SELECTED and "matchLabels" not in content and "matchExpressions" not in content:
        rule = f"a {head.kind} must contain matchLabels or matchExpressions"
        yield Severity.ERROR, f"{rule}, and {quote(head.name)} does not"
    if head.kind == "List" and _keeps_items(content):
        yield Severity.ERROR, f"annotation '{_KEEP}' within List objects are ignored"


def _indent_problem(content: str) -> str | None:
    first = next((line for line in content.split("\n") if line.strip()), "").removesuffix("\r")
    if not first.startswith((" ", "\t")):
        return None
    return f"document starts with an illegal indent: {quote(first)}, which may cause parsing problems"


def _keeps_items(content: str) -> bool:
    try:
        found = load_first(content)
    except FunctionError:
        return False
    items = found.get("items") if isinstance(found, dict) else None
    return any(
        isinstance(item, dict) and _KEEP in ((item.get("metadata") or {}).get("annotations") or {})
        for item in items or ()
    )
