"""All rules, in upstream's order, for a chart in a directory or an archive.

Upstream: helm/helm ``pkg/chart/v2/lint/lint.go``, ``pkg/action/lint.go``.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fluxkit.helm.chart import Chart, load_dir
from fluxkit.helm.chart.yamltext import text_of_yaml
from fluxkit.helm.errors import HelmError
from fluxkit.helm.lint.chartfile import lint_chartfile
from fluxkit.helm.lint.documents import heads
from fluxkit.helm.lint.messages import Linter, Message, Severity
from fluxkit.helm.lint.options import Options
from fluxkit.helm.lint.templates import lint_templates
from fluxkit.helm.package import expand
from fluxkit.helm.values import coalesce_tables, schema_violations
from fluxkit.helm.values.options import read_file
from fluxkit.template.errors import FunctionError
from fluxkit.template.sprig.json import cannot_unmarshal
from fluxkit.template.sprig.readyaml import load_first
from fluxkit.yaml.composer import copy_tree

__all__ = ["LintError", "LintResult", "lint"]


class LintError(HelmError):
    """There is no chart to examine."""


@dataclass(slots=True)
class LintResult:
    """What was found in one chart."""

    messages: list[Message]
    failed: bool
    """Whether there are errors, or warnings under ``strict``."""

    @property
    def has_warnings(self) -> bool:
        """Whether there is anything worse than information."""
        return any(message.severity > Severity.INFO for message in self.messages)


def lint(path: Path, values: Mapping[str, Any], options: Options | None = None) -> LintResult:
    """Examine the chart at ``path`` with the values that users gave. Raises LintError."""
    chosen = options or Options()
    if path.name.endswith((".tgz", ".tar.gz")):
        with tempfile.TemporaryDirectory(prefix="helm-lint") as scratch:
            try:
                directory = expand(path, Path(scratch))
            except OSError as problem:
                raise LintError(f"unable to open tarball: open {path}: {(problem.strerror or '').lower()}") from None
            except HelmError as problem:
                raise LintError(f"unable to extract tarball: {problem}") from None
            return _lint(directory, values, chosen)
    return _lint(path, values, chosen)


def _lint(directory: Path, values: Mapping[str, Any], options: Options) -> LintResult:
    chart_file = directory / "Chart.yaml"
    if not chart_file.exists():
        problem = f"stat {chart_file}: no such file or directory"
        raise LintError(f"unable to check Chart.yaml file in chart: {problem}")
    directory = directory.absolute()
    linter = Linter()
    lint_chartfile(linter, directory)
    _lint_values(linter, directory, values, options)
    lint_templates(linter, directory, values, options)
    _lint_dependencies(linter, directory)
    _lint_crds(linter, directory)
    tolerated = Severity.WARNING if options.strict else Severity.ERROR
    return LintResult(linter.messages, any(message.severity >= tolerated for message in linter.messages))


def _lint_values(linter: Linter, directory: Path, given: Mapping[str, Any], options: Options) -> None:
    name = "values.yaml"
    path = directory / name
    if not path.exists():
        linter.report(Severity.INFO, name, "file does not exist")
        return
    try:
        found = load_first(text_of_yaml(read_file(str(path))))
    except (FunctionError, HelmError) as problem:
        linter.report(Severity.ERROR, name, f"unable to parse YAML: {problem}")
        return
    if found is not None and not isinstance(found, dict):
        problem_text = cannot_unmarshal(found, "common.Values")
        wrong = f"error unmarshaling JSON: while decoding JSON: {problem_text}"
        linter.report(Severity.ERROR, name, f"unable to parse YAML: {wrong}")
        return
    schema_path = directory / "values.schema.json"
    schema = schema_path.read_bytes() if schema_path.is_file() else b""
    if schema and not options.skip_schema:
        values = coalesce_tables(coalesce_tables({}, copy_tree(dict(given))), found or {})
        linter.report(Severity.ERROR, name, schema_violations(schema, values, fetch=options.fetch_schema) or None)


def _lint_dependencies(linter: Linter, directory: Path) -> None:
    try:
        chart = load_dir(directory, root="/", check_version=False)
    except HelmError as problem:
        linter.report(Severity.ERROR, "", f"unable to load chart\n\t{problem}")
        return
    wanted = {dependency.name for dependency in chart.metadata.dependencies}
    unlisted = [subchart.name for subchart in chart.dependencies if subchart.name not in wanted]
    if unlisted:
        text = f"chart metadata is missing these dependencies: {','.join(unlisted)}"
        linter.report(Severity.ERROR, str(directory), text)
    present = {subchart.name for subchart in chart.dependencies}
    missing = [dependency.name for dependency in chart.metadata.dependencies if dependency.name not in present]
    if missing:
        text = f"chart directory is missing these dependencies: {','.join(missing)}"
        linter.report(Severity.WARNING, str(directory), text)


def _lint_crds(linter: Linter, directory: Path) -> None:
    folder = directory / "crds"
    if not folder.exists():
        return
    if not folder.is_dir():
        linter.report(Severity.ERROR, "crds/", "not a directory")
        return
    try:
        chart = load_dir(directory, root="/", check_version=False)
    except HelmError as problem:
        linter.report(Severity.ERROR, "crds/", str(problem))
        return
    _lint_definitions(linter, chart)


def _lint_definitions(linter: Linter, chart: Chart) -> None:
    for crd in chart.crds():
        for head in heads(crd.file.text):
            if isinstance(head, HelmError):
                linter.report(Severity.ERROR, crd.name, f"unable to parse YAML: {head}")
                return
            if not head.api_version.startswith("apiextensions.k8s.io"):
                linter.report(Severity.ERROR, crd.name, "apiVersion is not in 'apiextensions.k8s.io'")
            if head.kind != "CustomResourceDefinition":
                linter.report(Severity.ERROR, crd.name, "object kind is not 'CustomResourceDefinition'")
