"""Loading charts from directories: metadata, files, subcharts, and what is refused."""

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from fluxkit.helm.chart import ChartError, File, Limits, load, load_dir, load_files
from fluxkit.helm.chart.encoding import metadata_object
from tests.helm.charts import write
from tests.helm.recorded import as_recorded, cases

CHART = "apiVersion: v2\nname: app\nversion: 1.2.3\n"


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(ChartError) as caught:
        load(path, **options)
    return str(caught.value)


@pytest.mark.contract("HLM-521", "HLM-525")
def test_metadata_is_read_and_refused_as_helm_does() -> None:
    wrong = []
    for case in cases("metadata"):
        error, found = "", None
        try:
            found = as_recorded(
                metadata_object(load_files([File("Chart.yaml", case["text"].removeprefix("\ufeff").encode())]).metadata)
            )
        except ChartError as problem:
            error = str(problem)
        if (error, found) != (case["error"], case["metadata"]):
            wrong.append((case["text"], case["error"], error, found))
    assert wrong == []


@pytest.mark.contract("HLM-521")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: app\nversion: 1.0.0\n", ""),
        ("apiVersion: v2\nversion: 1.0.0\n", "chart.metadata.name is required"),
        ("apiVersion: v2\nname: app\n", "chart.metadata.version is required"),
        ("apiVersion: v2\nname: ..\nversion: 1.0.0\n", 'chart.metadata.name ".." is not allowed'),
        ("apiVersion: v2\nname: a/b\nversion: 1.0.0\n", 'chart.metadata.name "a/b" is invalid'),
        ("apiVersion: v2\nname: app\nversion: one\n", 'chart.metadata.version "one" is invalid'),
        (CHART + "type: other\n", "chart.metadata.type must be application or library"),
        (CHART + "maintainers: [null]\n", "maintainers must not contain empty or null nodes"),
        (CHART + "dependencies: [null]\n", "dependencies must not contain empty or null nodes"),
        (
            CHART + "dependencies: [{name: a, alias: b/c}]\n",
            'dependency "a" has disallowed characters in the alias',
        ),
        (
            CHART + "dependencies: [{name: a}, {name: b, alias: a}]\n",
            'more than one dependency with name or alias "a"',
        ),
    ],
)
def test_what_chart_yaml_must_say(text: str, message: str) -> None:
    if not message:
        assert load_files([File("Chart.yaml", text.encode())]).metadata.api_version == "v1"
        return
    with pytest.raises(ChartError) as caught:
        load_files([File("Chart.yaml", text.encode())])
    assert str(caught.value) == f"validation: {message}"


@pytest.mark.contract("HLM-521")
def test_texts_lose_what_cannot_be_printed() -> None:
    metadata = load_files([File("Chart.yaml", (CHART + 'description: "a\\tb\\x01\\u00a0c"\n').encode())]).metadata
    assert metadata.description == "a b c"


@pytest.mark.contract("HLM-522", "HLM-523", "HLM-584", "TPL-149")
def test_each_file_has_its_place(tmp_path: Path) -> None:
    chart = load_dir(
        write(
            tmp_path,
            {
                "Chart.yaml": b"\xef\xbb\xbf" + CHART.encode(),
                "Chart.lock": "digest: sha256:x\ngenerated: 2024-01-01T00:00:00Z\ndependencies: []\n",
                "values.yaml": "a: {b: 1}\n---\na: {c: 2}\n",
                "values.schema.json": "{}",
                "README.md": "read\r\n",
                "templates/a.yaml": b"\xef\xbb\xbfa: b\r\n",
                "templates/.hidden": "x",
                "templates/deep/_h.tpl": "x",
                "crds/one.yaml": "kind: X\n",
                "crds/two.TXT": "x",
                "charts/sub/Chart.yaml": CHART.replace("app", "sub"),
                "charts/sub/crds/three.json": "{}",
                "charts/_off/Chart.yaml": "x",
                "charts/sub.tgz.prov": "x",
            },
        )
    )
    assert chart.values == {"a": {"b": 1.0, "c": 2.0}}
    assert (chart.schema, chart.lock and chart.lock.digest) == (b"{}", "sha256:x")
    assert [file.name for file in chart.templates] == ["templates/a.yaml", "templates/deep/_h.tpl"]
    assert chart.templates[0].data == b"a: b\r\n"
    assert [file.name for file in chart.files] == ["README.md", "charts/sub.tgz.prov", "crds/one.yaml", "crds/two.TXT"]
    assert [each.filename for each in chart.crds()] == ["app/crds/one.yaml", "app/charts/sub/crds/three.json"]
    sub = chart.dependencies[0]
    assert (sub.full_path(), sub.is_root, sub.root()) == ("app/charts/sub", False, chart)


@pytest.mark.contract("HLM-522")
def test_v1_charts_keep_their_dependencies_in_a_file_of_their_own() -> None:
    requirements = "dependencies: [{name: sub, version: 1.x}]\n"
    chart = load_files(
        [
            File("requirements.yaml", requirements.encode()),
            File("requirements.lock", b"digest: x\n"),
            File("Chart.yaml", CHART.replace("v2", "v1").encode()),
        ]
    )
    assert [each.name for each in chart.metadata.dependencies] == ["sub"]
    assert chart.lock is not None
    assert [file.name for file in chart.files] == ["requirements.yaml", "requirements.lock"]


def test_v2_charts_are_told_that_they_should_not(caplog: pytest.LogCaptureFixture) -> None:
    chart = load_files([File("Chart.yaml", CHART.encode()), File("requirements.yaml", b"dependencies: []\n")])
    assert chart.files == []
    assert caplog.record_tuples[0][1] == logging.WARNING
    assert "We recommend migrating dependencies to Chart.yaml" in caplog.text


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"Chart.yaml": "a: [\n"}, "cannot load Chart.yaml: error converting YAML to JSON: yaml: line 1: "),
        ({"Chart.yaml": "apiVersion: v9\nname: a\nversion: 1.0.0\n"}, "unsupported chart version"),
        ({"Chart.yaml": CHART, "values.yaml": "- a\n"}, "cannot load values.yaml: cannot unmarshal yaml document: "),
        ({"Chart.yaml": CHART, "Chart.lock": "generated: x\n"}, "cannot load Chart.lock: error unmarshaling JSON: "),
        (
            {"Chart.yaml": CHART, "charts/README.md": "x"},
            "error unpacking subchart README.md in app: Chart.yaml file is",
        ),
        ({"Chart.yaml": CHART, "charts/x.tgz": "x"}, "error unpacking subchart x.tgz in app: gzip: invalid header"),
        (
            {"Chart.yaml": CHART, "charts/x.tgz/a": "x"},
            "error unpacking subchart tar in app: expected x.tgz, got x.tgz/a",
        ),
        ({"Chart.yaml": CHART, ".helmignore": "a/**\n"}, "double-star (**) syntax is not supported"),
        ({"Chart.yaml": CHART, ".helmignore": "a[\n"}, "syntax error in pattern"),
    ],
)
def test_charts_that_are_refused(tmp_path: Path, contents: dict[str, str | bytes], message: str) -> None:
    assert refusal(write(tmp_path, contents)).startswith(message)


def test_a_folder_without_chart_yaml_is_no_chart(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (
        f"unable to detect chart at {tmp_path}: open {tmp_path}/Chart.yaml: no such file or directory"
    )


def test_an_alias_bomb_in_chart_yaml_is_refused() -> None:
    text = CHART + "x0: &x0 [a, a, a, a, a, a, a, a, a]\n"
    for number in range(1, 9):
        text += f"x{number}: &x{number} [{', '.join([f'*x{number - 1}'] * 9)}]\n"
    with pytest.raises(ChartError, match="excessive aliasing"):
        load_files([File("Chart.yaml", text.encode())])


# --- links and limits ------------------------------------------------------------------------------------------------


@pytest.mark.contract("HLM-520")
def test_links_lead_no_further_than_allowed(tmp_path: Path) -> None:
    chart = write(tmp_path / "chart", {"Chart.yaml": CHART, "own.txt": "own"})
    write(tmp_path / "shared", {"file.txt": "shared", "folder/x.yaml": "x"})
    (chart / "inside.txt").symlink_to("own.txt")
    assert [file.data for file in load(chart).files] == [b"own", b"own"]
    (chart / "outside.txt").symlink_to(tmp_path / "shared" / "file.txt")
    assert refusal(chart) == f"cannot load {chart}/outside.txt: the link leads out of {chart}"
    (chart / "templates").symlink_to(tmp_path / "shared" / "folder")
    followed = load(chart, root=tmp_path)
    assert [file.name for file in followed.templates] == ["templates/x.yaml"]
    assert {file.name: file.data for file in followed.files}["outside.txt"] == b"shared"


def test_links_in_circles_and_to_nowhere_are_refused(tmp_path: Path) -> None:
    chart = write(tmp_path, {"Chart.yaml": CHART})
    (chart / "templates").symlink_to(chart)
    assert "the link leads to a folder that it is in" in refusal(chart)
    (chart / "templates").unlink()
    (chart / "gone").symlink_to("nowhere")
    assert refusal(chart).startswith(f"error evaluating symlink {chart}/gone: ")


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    chart = write(tmp_path, {"Chart.yaml": CHART})
    os.mkfifo(chart / "pipe")
    assert refusal(chart) == f"cannot load irregular file {chart}/pipe as it has file mode type bits set"


@pytest.mark.contract("HLM-520")
def test_large_files_and_charts_are_refused_unread(tmp_path: Path) -> None:
    chart = write(tmp_path, {"Chart.yaml": CHART})
    with (chart / "big").open("wb") as file:
        file.truncate(5 * 1024 * 1024 + 1)
    assert refusal(chart) == 'chart file "big" is larger than the maximum file size 5242880'
    assert refusal(chart, limits=Limits(file_size=1 << 30, chart_size=1 << 20)) == (
        "decompressed chart is larger than the maximum size 1048576"
    )
    assert refusal(chart, limits=Limits(files=1, file_size=1 << 30)) == "chart has more than 1 files"


def test_charts_within_charts_without_end_are_refused() -> None:
    nested = [File("charts/a/" * depth + "Chart.yaml", CHART.encode()) for depth in range(100)]
    with pytest.raises(ChartError, match="charts are nested too deeply"):
        load_files(nested)


# --- .helmignore -----------------------------------------------------------------------------------------------------


@pytest.mark.contract("HLM-523")
@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        ("", ["a.txt", "dir/a.txt", "dir/deep/b.txt", "b.bak"]),
        ("a.txt\n", ["dir/deep/b.txt", "b.bak"]),
        ("/a.txt\n", ["dir/a.txt", "dir/deep/b.txt", "b.bak"]),
        ("dir/\n", ["a.txt", "b.bak"]),
        ("dir/*.txt\n", ["a.txt", "dir/deep/b.txt", "b.bak"]),
        ("# a.txt\n\n  *.bak  \r\n", ["a.txt", "dir/a.txt", "dir/deep/b.txt"]),
        ("[ab].*\n", []),
        ("[!a]*\n", ["dir/deep/b.txt", "b.bak"]),
        ("?.txt\n", ["b.bak"]),
        ("\ufeffa.txt\n", ["dir/deep/b.txt", "b.bak"]),
        ("\\*.bak\n", ["a.txt", "dir/a.txt", "dir/deep/b.txt", "b.bak"]),
    ],
)
def test_ignored_files(tmp_path: Path, rules: str, kept: list[str]) -> None:
    names = ["a.txt", "dir/a.txt", "dir/deep/b.txt", "b.bak"]
    chart = write(tmp_path, {"Chart.yaml": CHART, ".helmignore": rules, **dict.fromkeys(names, "x")})
    found = {file.name for file in load(chart).files} - {".helmignore"}
    assert found == set(kept)


@pytest.mark.contract("HLM-523")
def test_a_negative_rule_leaves_out_whatever_does_not_match(tmp_path: Path) -> None:
    chart = write(tmp_path, {"Chart.yaml": CHART, ".helmignore": "!*.y*ml\n", "a.txt": "x", "b.yaml": "x"})
    assert [file.name for file in load(chart).files] == ["b.yaml"]
