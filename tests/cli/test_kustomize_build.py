import os
from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.conftest import Flux

NAME = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: {namespace}\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree" / "app"
    root.mkdir(parents=True)
    (root / "a.yaml").write_text(NAME.format(name="a", namespace="one"))
    (root.parent / "outside.yaml").write_text(NAME.format(name="b", namespace="two"))
    (root / "kustomization.yaml").write_text("resources: [a.yaml]\n")
    return root


@pytest.mark.contract("KZB-009")
def test_the_objects_are_printed(flux: Flux, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = flux("kustomize", "build", str(tree))
    assert (outcome.code, outcome.out, outcome.err) == (0, NAME.format(name="a", namespace="one"), "")
    monkeypatch.chdir(tree)
    assert flux("kustomize", "build").out == outcome.out
    two = flux("kustomize", "build", str(tree), ".")
    assert (two.code, two.out, two.err) == (1, "", "✗ specify one path to kustomization.yaml\n")


@pytest.mark.contract("KZB-008")
def test_output_to_a_file_or_to_one_file_each(flux: Flux, tree: Path, tmp_path: Path) -> None:
    flux("kustomize", "build", str(tree), "-o", str(tmp_path / "all.yaml"))
    assert (tmp_path / "all.yaml").read_text() == NAME.format(name="a", namespace="one")
    directory = tmp_path / "each"
    directory.mkdir()
    cluster = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: C:x\n"
    (tree / "cluster.yaml").write_text(cluster)
    (tree / "kustomization.yaml").write_text("resources: [a.yaml, cluster.yaml]\n")
    build = ("kustomize", "build", str(tree), "--load-restrictor=LoadRestrictionsNone", f"--output={directory}")
    assert flux(*build).code == 0
    alone = ["rbac.authorization.k8s.io_v1_clusterrole_c:x.yaml", "v1_configmap_a.yaml"]
    assert sorted(path.name for path in directory.iterdir()) == alone
    (tree / "none.yaml").write_text("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: d\n")
    (tree / "kustomization.yaml").write_text("resources: [a.yaml, cluster.yaml, ../outside.yaml, none.yaml]\n")
    assert flux(*build).code == 0
    assert sorted(path.name for path in directory.iterdir() if path.name not in alone) == [
        "default_apps_v1_deployment_d.yaml",
        "one_v1_configmap_a.yaml",
        "two_v1_configmap_b.yaml",
    ]
    assert (directory / alone[0]).read_text() == cluster
    missing = flux("kustomize", "build", str(tree), "--load-restrictor=LoadRestrictionsNone", "-o", "/nowhere/x.yaml")
    assert missing.err == "✗ cannot write /nowhere/x.yaml: No such file or directory\n"


def test_what_cannot_be_built(flux: Flux, tree: Path) -> None:
    (tree / "kustomization.yaml").write_text("resources: [../outside.yaml]\n")
    outcome = flux("kustomize", "build", str(tree))
    assert outcome.code == 1
    assert outcome.out == ""
    assert "outside.yaml" in outcome.err
    assert flux("kustomize", "build", str(tree / "a.yaml")).err == (
        f"✗ must build at directory: '{tree}/a.yaml': file is not directory\n"
    )


@pytest.mark.contract("KZB-007")
def test_illegal_values_of_flags(flux: Flux, tree: Path) -> None:
    assert flux("kustomize", "build", str(tree), "--load-restrictor=None").err == (
        "✗ illegal flag value --load-restrictor None; legal values: [LoadRestrictionsRootOnly LoadRestrictionsNone]\n"
    )
    assert flux("kustomize", "build", str(tree), "--reorder=x").err == (
        "✗ illegal flag value --reorder x; legal values: [legacy none]\n"
    )


@pytest.mark.contract("KZB-007")
def test_order_and_label_flags(flux: Flux, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "ns.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: one\n")
    (tree / "kustomization.yaml").write_text("resources: [a.yaml, ns.yaml]\n")
    sorted_first = flux("kustomize", "build", str(tree)).out
    assert sorted_first.index("Namespace") < sorted_first.index("ConfigMap")
    kept = flux("kustomize", "build", str(tree), "--reorder", "none")
    assert kept.out.index("Namespace") > kept.out.index("ConfigMap")
    assert kept.err.startswith("Flag --reorder has been deprecated, use the new 'sortOptions' field")
    labelled = flux("kustomize", "build", str(tree), "--enable-managedby-label")
    assert labelled.out.count("app.kubernetes.io/managed-by: kustomize-v5.8.1") == 2
    monkeypatch.setenv("KUSTOMIZE_ENABLE_MANAGEDBY_LABEL", "on")
    assert flux("kustomize", "build", str(tree)).out == labelled.out


def _script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + dedent(text))
    path.chmod(0o755)


def _function(root: Path, specification: str) -> None:
    text = (
        "apiVersion: x.io/v1\nkind: Gen\nmetadata:\n  name: g\n  annotations:\n    config.kubernetes.io/function: |\n"
    )
    (root / "g.yaml").write_text(text + "".join(f"      {line}\n" for line in dedent(specification).splitlines()))
    (root / "kustomization.yaml").write_text("generators: [g.yaml]\n")


@pytest.mark.contract("KZB-007", "KZB-076")
def test_exec_functions(flux: Flux, tree: Path) -> None:
    _script(
        tree / "gen.sh",
        """\
        cat > seen.yaml
        cat <<END
        apiVersion: config.kubernetes.io/v1
        kind: ResourceList
        items:
        - apiVersion: v1
          kind: ConfigMap
          metadata:
            name: made
            annotations: {kustomize.config.k8s.io/needs-hash: "true"}
          data:
            args: "$* $FOO"
        END
        """,
    )
    _function(tree, "exec:\n  path: ./gen.sh\n  args: [a, b]\n  envs: [FOO=1]")
    refused = flux("kustomize", "build", str(tree))
    assert refused.err == (
        "✗ loading generator plugins: failed to load generator: external plugins disabled; "
        "unable to load external plugin 'Gen'\n"
    )
    passed_over = flux("kustomize", "build", str(tree), "--enable-alpha-plugins")
    assert (passed_over.code, passed_over.out) == (0, "")
    assert "must run with `--enable-exec`" in passed_over.err
    outcome = flux("kustomize", "build", str(tree), "--enable-alpha-plugins", "--enable-exec", "-e", "FOO=2", "-e", "X")
    assert outcome.out == (
        "apiVersion: v1\ndata:\n  args: a b 2\nkind: ConfigMap\nmetadata:\n  name: made-dtb99gmb74\n"
    ), outcome.err
    seen = (tree / "seen.yaml").read_text()
    assert "kind: ResourceList" in seen
    assert "functionConfig:" in seen
    _script(tree / "gen.sh", "exit 3\n")
    failed = flux("kustomize", "build", str(tree), "--enable-alpha-plugins", "--enable-exec")
    assert failed.err.endswith("couldn't execute function: exit status 3\n")
    _function(tree, "starlark: {path: x.star}")
    assert flux("kustomize", "build", str(tree), "--enable-alpha-plugins").err == (
        "✗ loading generator plugins: failed to load generator: loader: failed to get FunctionSpec: "
        "config.kubernetes.io/function unmarshal error: error unmarshaling JSON: while decoding JSON: json: unknown "
        'field "starlark"\n'
    )


def test_transforming_functions_see_and_replace_everything(flux: Flux, tree: Path) -> None:
    _script(tree / "t.sh", "sed -e 's/name: p-gone/name: other/' -e 's/key: x/key: changed/'\n")
    documents = [
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: kept\ndata:\n  key: x\n",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: gone\n",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: pod\nspec:\n  volumes:\n  - configMap:\n      name: kept\n",
    ]
    (tree / "all.yaml").write_text("---\n".join(documents))
    (tree / "t.yaml").write_text(
        "apiVersion: x.io/v1\nkind: T\nmetadata:\n  name: t\n  annotations:\n"
        "    config.kubernetes.io/function: '{exec: {path: ./t.sh}}'\n"
    )
    (tree / "kustomization.yaml").write_text("resources: [all.yaml]\ntransformers: [t.yaml]\nnamePrefix: p-\n")
    outcome = flux("kustomize", "build", str(tree), "--enable-alpha-plugins", "--enable-exec")
    # The reference follows the rename, which the function saw as an annotation and gave back.
    assert outcome.out == "---\n".join(
        [
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\n",
            "apiVersion: v1\ndata:\n  key: changed\nkind: ConfigMap\nmetadata:\n  name: p-kept\n",
            documents[2].replace("pod\nspec", "p-pod\nspec").replace("kept", "p-kept"),
        ]
    ), outcome.err


@pytest.mark.contract("KZB-007")
def test_container_functions(flux: Flux, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _script(tree / "bin" / "docker", 'echo "$@" > command.txt; cat > /dev/null; exit 3\n')
    monkeypatch.setenv("PATH", f"{tree}/bin{os.pathsep}{os.environ['PATH']}")
    _function(
        tree, "container:\n  image: example.com/f:1\n  network: true\n  mounts: [{type: bind, src: ./d, dst: /d}]"
    )
    assert flux("kustomize", "build", str(tree), "--enable-alpha-plugins").err == (
        "✗ couldn't execute function: network required but not enabled with --network\n"
    )
    flags = ("--enable-alpha-plugins", "--network", "--env", "X=1", "--env", "Y", "--mount", "type=bind,src=/a,dst=/x")
    outcome = flux("kustomize", "build", str(tree), *flags)
    assert outcome.err == "✗ couldn't execute function: exit status 3\n"
    assert (tree / "command.txt").read_text() == (
        "run --rm -i -a STDIN -a STDOUT -a STDERR --network host --user nobody --security-opt=no-new-privileges "
        f"--mount type=bind,source={tree}/d,target=/d,readonly --mount type=bind,source=/a,target=/x,readonly "
        "-e LOG_TO_STDERR=true -e STRUCTURED_RESULTS=true -e X=1 -e Y example.com/f:1\n"
    )
    flux("kustomize", "build", str(tree), *flags, "--as-current-user")
    assert f"--user {os.getuid()}:{os.getgid()} " in (tree / "command.txt").read_text()


def test_executable_plugins(flux: Flux, tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tree / "g.yaml").write_text(
        "apiVersion: x.io/v1\nkind: Gen\nmetadata:\n  name: g\nargsOneLiner: a 'b c'\nargsFromFile: args.txt\n"
    )
    (tree / "args.txt").write_text("  d e\n\nf\n")
    (tree / "kustomization.yaml").write_text("generators: [g.yaml]\n")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tree))
    build = ("kustomize", "build", str(tree), "--enable-alpha-plugins")
    start = "✗ loading generator plugins: failed to load generator: "
    assert flux(*build).err.startswith(f"{start}unable to find plugin root - tried: ('<no value>'; homed in $KUSTOM")
    plugin = tree / "plugins" / "x.io" / "v1" / "gen" / "Gen"
    monkeypatch.setenv("KUSTOMIZE_PLUGIN_HOME", str(tree / "plugins"))
    (tree / "plugins").mkdir()
    assert flux(*build).err == f"{start}expected file with Go object code at: {plugin}.so\n"
    _script(
        plugin,
        """\
        config=$1; shift
        printf 'apiVersion: v1\\nkind: ConfigMap\\nmetadata: {name: made}\\ndata:\\n'
        printf '  line: "%s"\\n  kind: "%s"\\n' "$*" "$(grep kind: $config)"
        """,
    )
    made = flux(*build)
    assert made.out == (
        "apiVersion: v1\ndata:\n  kind: 'kind: Gen'\n  line: a b c d e f\nkind: ConfigMap\nmetadata:\n  name: made\n"
    ), made.err
    _script(plugin, "echo wrong >&2; exit 4\n")
    failed = flux(*build).err
    assert failed.startswith("✗ wrong\n: failure in plugin configured via ")
    assert failed.endswith("; exit status 4\n")
    plugin.chmod(0o644)
    assert flux(*build).err == f"{start}unexecutable plugin at: {plugin}\n"


CHART = {
    "Chart.yaml": "apiVersion: v2\nname: c\nversion: 1.0.0\n",
    "values.yaml": "word: default\nlist: [1]\nmap: {a: 1, b: 2}\n",
    "templates/cm.yaml": """\
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: {{ .Release.Name }}-cm
          namespace: {{ .Release.Namespace }}
        data:
          word: {{ .Values.word }}
          list: {{ .Values.list | toJson | quote }}
          map: {{ .Values.map | toJson | quote }}
          kube: {{ .Capabilities.KubeVersion.Version }}
          has: {{ .Capabilities.APIVersions.Has "x.io/v1" | quote }}
        """,
    "templates/hook.yaml": """\
        apiVersion: v1
        kind: Pod
        metadata:
          name: hook
          annotations: {helm.sh/hook: test}
        """,
    "crds/crd.yaml": """\
        apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata:
          name: foos.x.io
        """,
}


@pytest.mark.contract("KZB-007", "KZB-024", "KZB-083", "KZB-177")
def test_charts(flux: Flux, tree: Path) -> None:
    for name, text in CHART.items():
        path = tree / "charts" / "c" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    (tree / "more.yaml").write_text("word: more\n")
    (tree / "kustomization.yaml").write_text(
        dedent("""\
        resources: [a.yaml]
        namespace: new
        sortOptions: {order: fifo}
        configMapGenerator: [{name: made, options: {disableNameSuffixHash: true}}]
        helmCharts:
        - name: c
          releaseName: r
          namespace: own
          valuesInline: {word: inline, list: null, map: {b: 3}}
          kubeVersion: 1.30.1
          skipTests: true
        """)
    )
    assert flux("kustomize", "build", str(tree)).err == (
        "✗ trouble configuring builtin HelmChartInflationGenerator with config: `\nkubeVersion: 1.30.1\nname: c\n"
        "namespace: own\nreleaseName: r\nskipTests: true\nvaluesInline:\n  list: null\n  map:\n    b: 3\n"
        "  word: inline\n`: must specify --enable-helm\n"
    )
    outcome = flux("kustomize", "build", str(tree), "--enable-helm", "--helm-api-versions", "x.io/v1")
    assert outcome.out == dedent("""\
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: a
          namespace: new
        ---
        apiVersion: v1
        kind: ConfigMap
        metadata:
          name: made
          namespace: new
        ---
        apiVersion: v1
        data:
          has: "true"
          kube: v1.30.1
          list: '[1]'
          map: '{"a":1,"b":3}'
          word: inline
        kind: ConfigMap
        metadata:
          name: r-cm
          namespace: own
        """)
    (tree / "kustomization.yaml").write_text(
        "helmCharts: [{name: c, valuesMerge: merge, valuesInline: {word: inline, new: 1}, includeCRDs: true, "
        "additionalValuesFiles: [more.yaml]}]\nhelmGlobals: {chartHome: charts}\n"
    )
    merged = flux("kustomize", "build", str(tree), "--enable-helm", "--helm-kube-version", "1.31.0").out
    assert "word: more" in merged
    assert "kube: v1.31.0" in merged
    assert "name: release-name-cm" in merged
    assert "kind: CustomResourceDefinition" in merged
    assert "name: hook" in merged
    (tree / "kustomization.yaml").write_text("helmCharts: [{name: missing}]\n")
    assert flux("kustomize", "build", str(tree), "--enable-helm").err == (
        f"✗ no repo specified for pull, no chart found at '{tree}/charts/missing'\n"
    )
    (tree / "kustomization.yaml").write_text("helmCharts: [{name: c, valuesMerge: x}]\n")
    assert flux("kustomize", "build", str(tree), "--enable-helm").err.endswith(
        "valuesMerge must be one of [merge override replace]\n"
    )
