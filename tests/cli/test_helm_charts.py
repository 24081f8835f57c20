"""``flux helm show|lint|package|dependency`` on the command line."""

import io
from pathlib import Path

import pytest

from tests.cli.conftest import Flux
from tests.helm.charts import write

CHART = "apiVersion: v2\nname: app\nversion: 1.2.3\nicon: https://example.com/x.png\n"


@pytest.fixture
def chart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return write(
        tmp_path / "app",
        {
            "Chart.yaml": CHART + "dependencies: [{name: sub, version: 0.x, repository: 'file://../sub'}]\n",
            "values.yaml": "# comment\na: 1\n",
            "README.md": "read me",
            "templates/x.yaml": "apiVersion: v1\nkind: X\nmetadata: {name: a}\na: {{ .Values.a }}\n",
            "crds/x.yaml": "kind: CustomResourceDefinition\napiVersion: apiextensions.k8s.io/v1\n",
            "../sub/Chart.yaml": "apiVersion: v2\nname: sub\nversion: 0.2.0\n",
        },
    )


METADATA = """apiVersion: v2
dependencies:
- name: sub
  repository: file://../sub
  version: 0.x
icon: https://example.com/x.png
name: app
version: 1.2.3

"""
CRD = "---\nkind: CustomResourceDefinition\napiVersion: apiextensions.k8s.io/v1\n\n"


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("chart", METADATA),
        ("values", "# comment\na: 1\n\n"),
        ("readme", "read me\n"),
        ("crds", CRD),
        ("all", f"{METADATA}---\n# comment\na: 1\n\n---\nread me\n{CRD}"),
    ],
)
def test_show(flux: Flux, chart: Path, part: str, text: str) -> None:
    outcome = flux("helm", "show", part, str(chart))
    assert (outcome.code, outcome.out, outcome.err) == (0, text, "")
    assert flux("helm", "inspect", part, "app").out == text


def test_a_chart_that_is_not_there(flux: Flux, chart: Path) -> None:
    outcome = flux("helm", "show", "chart", "./nowhere")
    assert (outcome.code, outcome.err) == (1, '✗ path "./nowhere" not found\n')
    assert 'chart "nowhere" not found' in flux("helm", "show", "chart", "nowhere").err


def test_links_may_lead_out_of_a_chart_as_in_helm(flux: Flux, chart: Path) -> None:
    (chart / "README.txt").symlink_to(chart.parent / "sub" / "Chart.yaml")
    (chart / "README.md").unlink()
    assert "name: sub" in flux("helm", "show", "readme", "app").out


def test_lint(flux: Flux, chart: Path) -> None:
    outcome = flux("helm", "lint", "app")
    missing = f"[WARNING] {chart}: chart directory is missing these dependencies: sub"
    assert (outcome.code, outcome.out) == (0, f"==> Linting app\n{missing}\n\n1 chart(s) linted, 0 chart(s) failed\n")
    strict = flux("helm", "lint", "app", "--strict")
    assert (strict.code, strict.out) == (1, f"==> Linting app\n{missing}\n\n")
    assert strict.err == "✗ 1 chart(s) linted, 1 chart(s) failed\n"
    none = flux("helm", "lint", "sub/none", "app")
    assert "Error unable to check Chart.yaml file in chart: stat sub/none/Chart.yaml" in none.out
    assert none.err == "✗ 2 chart(s) linted, 1 chart(s) failed\n"
    assert flux("helm", "lint").code == 1


def test_lint_quietly_with_values_and_subcharts(flux: Flux, chart: Path) -> None:
    flux("helm", "dependency", "build", "app")
    assert flux("helm", "lint", "app", "--quiet").out == ""
    outcome = flux("helm", "lint", "app", "--with-subcharts", "--set", "a=b: [")
    assert "==> Linting app/charts/sub-0.2.0.tgz" in outcome.out
    assert "[ERROR] templates/x.yaml: unable to parse YAML" in outcome.out
    assert outcome.err.endswith("2 chart(s) linted, 1 chart(s) failed\n")


def test_package(flux: Flux, chart: Path) -> None:
    refused = flux("helm", "package", "app")
    assert refused.err == "✗ found in Chart.yaml, but missing in charts/ directory: sub\n"
    outcome = flux("helm", "package", "app", "-u", "--version", "2.0.0", "--app-version", "v2", "-d", "dist")
    assert (outcome.code, outcome.out) == (0, "Successfully packaged chart and saved it to: dist/app-2.0.0.tgz\n")
    assert "appVersion: v2\n" in flux("helm", "show", "chart", "dist/app-2.0.0.tgz").out
    assert flux("helm", "package", "app").out.endswith(f"{chart.parent}/app-1.2.3.tgz\n")
    assert flux("helm", "package", "app", "--version", "x").err == "✗ invalid semantic version\n"
    (chart / "occupied").write_text("")
    assert "not a directory" in flux("helm", "package", "app", "-d", "app/occupied/below").err
    assert flux("helm", "package", "gone").err == "✗ stat gone: no such file or directory\n"


def test_dependencies(flux: Flux, chart: Path) -> None:
    table = "NAME\tVERSION\tREPOSITORY   \tSTATUS{}\nsub \t0.x    \tfile://../sub\t{}\n\n"
    assert flux("helm", "dependency", "list", "app").out == table.format(" ", "missing")
    assert flux("helm", "dep", "build", "app").out == "Saving 1 charts\nDeleting outdated charts\n"
    assert flux("helm", "dep", "ls", "app").out == table.format("", "ok    ")
    write(chart, {"charts/other/Chart.yaml": "apiVersion: v2\nname: other\nversion: 1.0.0\n"})
    assert flux("helm", "dep", "ls", "app").out.endswith('WARNING: "app/charts/other" is not in Chart.yaml.\n')
    assert flux("helm", "dep", "up", "app").code == 0
    (chart / "Chart.lock").write_text("digest: x\ngenerated: 2024-01-01T00:00:00Z\n")
    assert "is out of sync with the dependencies file" in flux("helm", "dependency", "build", "app").err
    assert flux("helm", "dependency", "list", "sub").out == "WARNING: no dependencies at sub/charts\n"


def test_values_may_come_from_standard_input(flux: Flux, chart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a: 'b: ['\n")))
    outcome = flux("helm", "lint", "app", "-f", "-")
    assert "[ERROR] templates/x.yaml: unable to parse YAML" in outcome.out
    unreachable = flux("helm", "lint", "app", "-f", "http://127.0.0.1:1/values.yaml")
    assert unreachable.err.startswith("✗ failed to fetch http://127.0.0.1:1/values.yaml: ")
