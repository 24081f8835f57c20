"""``flux helm template``: flags, files and failures."""

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from fluxkit.cli.root import run
from tests.cli.cluster import Cluster
from tests.cli.conftest import Flux

Template = Callable[..., tuple[int, str, str]]

HOOK = "kind: Pod\nmetadata:\n  name: t\n  annotations: {helm.sh/hook: test}\n"


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    folder = tmp_path / "demo"
    for path, text in {
        "Chart.yaml": "apiVersion: v2\nname: demo\nversion: 1.0.0\n",
        "values.yaml": "replicas: 1\n",
        "templates/a.yaml": """\
            kind: Deployment
            metadata:
              name: {{ .Release.Name }}
              namespace: {{ .Release.Namespace }}
            spec:
              replicas: {{ .Values.replicas }}
              upgrade: {{ .Release.IsUpgrade }}
              kube: {{ .Capabilities.KubeVersion }}
              has: {{ .Capabilities.APIVersions.Has "x/v1" }}
            """,
        "templates/b.yaml": "kind: Service\nmetadata: {name: s}\n",
        "templates/test.yaml": HOOK,
        "templates/NOTES.txt": "notes",
        "crds/c.yaml": "kind: CustomResourceDefinition\n",
    }.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(textwrap.dedent(text))
    return folder


@pytest.fixture
def template(capsys: pytest.CaptureFixture[str]) -> Template:
    def call(*arguments: str | Path) -> tuple[int, str, str]:
        code = run(["helm", "template", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_flags_reach_the_templates(chart: Path, template: Template) -> None:
    code, out, _ = template("rel", chart)
    assert code == 0
    assert out.startswith("---\n# Source: demo/templates/b.yaml\n")
    assert "name: rel\n  namespace: default\n" in out
    assert "upgrade: false\n  kube: v1.37.0\n  has: false\n" in out
    assert out.endswith(f"---\n# Source: demo/templates/test.yaml\n{HOOK}\n")
    flags = ["-n", "space", "--is-upgrade", "--kube-version", "1.30", "-a", "x/v1,y/v1", "--set", "replicas=7"]
    code, out, _ = template(chart, *flags, "--name-template", 'n-{{ "X" | lower }}', "--no-hooks", "--include-crds")
    assert code == 0
    assert out.startswith("---\n# Source: demo/crds/c.yaml\nkind: CustomResourceDefinition\n\n---\n")
    assert "name: n-x\n  namespace: space\n" in out
    assert "replicas: 7\n  upgrade: true\n  kube: v1.30\n  has: true\n" in out
    assert "helm.sh/hook" not in out
    assert "helm.sh/hook" not in template("rel", chart, "--skip-tests")[1]


def test_only_some_templates(chart: Path, template: Template) -> None:
    assert template("rel", chart, "-s", "templates/b.yaml")[1] == (
        "---\n# Source: demo/templates/b.yaml\nkind: Service\nmetadata: {name: s}\n\n\n"
    )
    code, _, err = template("rel", chart, "-s", "templates/none.yaml")
    assert (code, err) == (1, "✗ could not find template templates/none.yaml in chart\n")


def test_files_instead_of_output(chart: Path, template: Template, tmp_path: Path) -> None:
    target = tmp_path / "out"
    code, out, _ = template("rel", chart, "--output-dir", target, "--include-crds", "--release-name")
    assert code == 0
    written = [f"wrote {target}/{path}" for path in (
        "demo/crds/c.yaml", "rel/demo/templates/b.yaml", "rel/demo/templates/a.yaml", "rel/demo/templates/test.yaml",
    )]  # fmt: skip
    assert out.splitlines() == [*written, ""]
    assert (target / "rel/demo/templates/b.yaml").read_text() == (
        "---\n# Source: demo/templates/b.yaml\nkind: Service\nmetadata: {name: s}\n\n"
    )


def test_invalid_output_is_shown_on_request(chart: Path, template: Template) -> None:
    (chart / "templates/b.yaml").write_text("a: b\n c: d\n")
    problem = "YAML parse error on demo/templates/b.yaml: error converting YAML to JSON: yaml: line 2: mapping values"
    code, out, err = template("rel", chart)
    assert (code, out) == (1, "")
    assert problem in err
    assert "Use --debug flag to render out invalid YAML" in err
    code, out, err = template("rel", chart, "--debug")
    assert code == 1
    assert "# Source: demo/templates/b.yaml\na: b\n c: d\n" in out
    assert problem in err
    assert "Use --debug" not in err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["a", "b", "c"], "expected at most two arguments, unexpected arguments: c"),
        (["rel", "CHART", "--generate-name"], "cannot set --generate-name and also specify a name"),
        (["rel", "CHART", "--name-template", "x"], "cannot set --name-template and also specify a name"),
        (["rel", "./nowhere"], 'path "./nowhere" not found'),
        (["Rel", "CHART"], 'release name check failed: release name "Rel": invalid release name'),
        (["rel", "CHART", "--kube-version", "x"], "invalid kube version 'x': could not parse \"x\" as version"),
        (
            ["rel", "CHART", "--post-renderer", "nowhere"],
            "post-renderer nowhere is no folder with a kustomization.yaml",
        ),
        (["CHART", "--name-template", "{{"], "template: name-template:1: "),
    ],
)
def test_what_cannot_work(chart: Path, template: Template, arguments: list[str], problem: str) -> None:
    code, out, err = template(*(str(chart) if each == "CHART" else each for each in arguments))
    assert (code, out) == (1, "")
    assert problem in err


def test_charts_that_are_not_for_installing(chart: Path, template: Template) -> None:
    about = chart / "Chart.yaml"
    about.write_text("apiVersion: v2\nname: demo\nversion: 1.0.0\ntype: library\n")
    assert "library charts are not installable" in template("rel", chart)[2]
    about.write_text(
        "apiVersion: v2\nname: demo\nversion: 1.0.0\ndependencies: [{name: gone, version: 1, repository: 'x'}]\n"
    )
    assert "found in Chart.yaml, but missing in charts/ directory: gone" in template("rel", chart)[2]
    about.write_text("apiVersion: v2\nname: demo\nversion: 1.0.0\nkubeVersion: '>=1.99'\n")
    assert "chart requires kubeVersion: >=1.99 which is incompatible with Kubernetes v1.37.0" in template("r", chart)[2]


def test_a_kustomization_changes_what_was_rendered(chart: Path, template: Template, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(
        "namePrefix: my-\nlabels: [{pairs: {team: a}}]\nconfigMapGenerator: [{name: more, literals: [a=b]}]\n"
        "generatorOptions: {disableNameSuffixHash: true}\n"
    )
    for path in chart.glob("templates/*.yaml"):
        path.write_text("apiVersion: v1\n" + path.read_text())
    code, out, err = template("rel", chart, "--post-renderer", overlay)
    assert (code, err) == (0, "")
    assert "# Source: demo/templates/a.yaml" in out
    assert "# Source: generated-by-postrender-3.yaml\napiVersion: v1\ndata:\n  a: b\nkind: ConfigMap\n" in out
    assert "name: my-rel" in out
    assert "  name: my-t\n" in out
    assert "postrender-filename" not in out
    untouched = template("rel", chart, "--post-renderer", overlay, "--post-renderer-strategy", "nohooks")[1]
    assert "  name: t\n" in untouched
    assert "# Source: generated-by-postrender-manifests-2.yaml" in untouched


def test_a_cluster_answers_lookups_and_knows_kinds(chart: Path, flux: Flux, cluster: Cluster) -> None:
    for name in ("b.yaml", "test.yaml", "NOTES.txt"):
        (chart / "templates" / name).unlink()
    known = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "known"}, "data": {"a": "b"}}
    cluster.server.ok("POST", f"/api/v1/namespaces/{cluster.namespace}/configmaps", known)
    template = chart / "templates" / "a.yaml"
    template.write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n"
        '  found: {{ (lookup "v1" "ConfigMap" .Release.Namespace "known").data.a }}\n'
        '  none: {{ lookup "v1" "ConfigMap" .Release.Namespace "unknown" | len | quote }}\n'
        '  names: {{ range (lookup "v1" "ConfigMap" .Release.Namespace "").items }}{{ .metadata.name }} {{ end }}\n'
        '  has: "{{ .Capabilities.APIVersions.Has "apps/v1/Deployment" }} {{ .Capabilities.APIVersions.Has "x/v1" }}"\n'
    )
    asked = ["helm", "template", "rel", str(chart), "-n", cluster.namespace]
    assert "nil pointer evaluating" in flux(*asked).err
    outcome = flux(*asked, "--validate")
    assert (outcome.code, outcome.err) == (0, "")
    assert '  found: b\n  none: "0"\n' in outcome.out
    assert "known" in outcome.out.partition("names:")[2].splitlines()[0]
    assert 'has: "true false"' in outcome.out
    template.write_text("apiVersion: x.example.com/v1\nkind: Unknown\nmetadata: {name: u}\n")
    outcome = flux(*asked, "--validate")
    assert outcome.code == 1
    assert 'no matches for kind "Unknown" in version "x.example.com/v1"' in outcome.err
