"""The linter's rules, each by the message that Helm prints."""

from pathlib import Path
from typing import Any

import pytest

from fluxkit.helm.chart import load_dir
from fluxkit.helm.lint import LintError, Options, lint
from fluxkit.helm.lint.addresses import is_email, is_request_url, is_url
from fluxkit.helm.lint.deprecations import deprecation_of
from fluxkit.helm.lint.names import name_problem
from fluxkit.helm.package import save
from fluxkit.helm.render import Capabilities, KubeVersion
from tests.helm.charts import write

GOOD = "apiVersion: v2\nname: app\nversion: 1.2.3\nicon: https://example.com/icon.png\n"
OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"


def found(
    root: Path, contents: dict[str, str | bytes], values: dict[str, Any] | None = None, **options: Any
) -> list[str]:
    files: dict[str, str | bytes] = {"Chart.yaml": GOOD, "values.yaml": "", "templates/cm.yaml": OBJECT}
    result = lint(write(root, {**files, **contents}), values or {}, Options(**options))
    return [str(message).replace(str(root), "CHART") for message in result.messages]


def test_nothing_is_said_of_a_good_chart(tmp_path: Path) -> None:
    assert found(tmp_path, {}) == []


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        (
            "name: app\n",
            [
                '[ERROR] Chart.yaml: apiVersion is required. The value must be either "v1" or "v2"',
                "[ERROR] Chart.yaml: version is required",
                "[INFO] Chart.yaml: icon is recommended",
                "[WARNING] Chart.yaml: version '' is not a valid SemVerV2",
                "[ERROR] templates/: validation: chart.metadata.version is required",
                "[ERROR] : unable to load chart\n\tvalidation: chart.metadata.version is required",
            ],
        ),
        (
            "apiVersion: v7\nname: app\nversion: v1.2\nappVersion: 1.0\n",
            [
                '[ERROR] Chart.yaml: apiVersion \'v7\' is not valid. The value must be either "v1" or "v2"',
                "[ERROR] Chart.yaml: appVersion should be of type string but it's of type float64",
                "[INFO] Chart.yaml: icon is recommended",
                "[WARNING] Chart.yaml: version 'v1.2' is not a valid SemVerV2",
            ],
        ),
        (
            GOOD.replace("https://example.com/icon.png", "nowhere") + "unknown: x\nname: app\n",
            [
                "[WARNING] Chart.yaml: failed to strictly parse chart metadata file\n\terror converting YAML to JSON: yaml: "
                'unmarshal errors:\n  line 6: key "name" already set in map',
                "[ERROR] Chart.yaml: invalid icon URL 'nowhere'",
            ],
        ),
        (
            GOOD + "unknown: x\nsources: [nowhere]\nmaintainers: [{name: a, email: b}]\n",
            [
                "[WARNING] Chart.yaml: failed to strictly parse chart metadata file\n\terror unmarshaling JSON: while "
                'decoding JSON: json: unknown field "unknown"',
                "[ERROR] Chart.yaml: invalid email 'b' for maintainer 'a'",
                "[ERROR] Chart.yaml: invalid source URL 'nowhere'",
            ],
        ),
        (
            GOOD.replace("v2", "v1") + "type: application\ndependencies: [{name: sub}]\n",
            [
                "[ERROR] Chart.yaml: chart type is not valid in apiVersion 'v1'. It is valid in apiVersion 'v2'",
                "[ERROR] Chart.yaml: dependencies are not valid in the Chart file with apiVersion 'v1'. They are valid in "
                "apiVersion 'v2'",
                "[WARNING] CHART: chart directory is missing these dependencies: sub",
            ],
        ),
    ],
)
def test_rules_about_chart_yaml(tmp_path: Path, text: str, messages: list[str]) -> None:
    assert found(tmp_path, {"Chart.yaml": text}) == messages


def test_chart_yaml_that_cannot_be_read(tmp_path: Path) -> None:
    first = found(tmp_path, {"Chart.yaml": "a: [\n"})[0]
    assert first.startswith("[ERROR] Chart.yaml: unable to parse YAML\n\terror converting YAML to JSON: yaml: line 1: ")


@pytest.mark.parametrize(
    ("contents", "values", "messages"),
    [
        (
            {"values.yaml": "- a\n"},
            {},
            "[ERROR] values.yaml: unable to parse YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type common.Values",
        ),
        (
            {"values.schema.json": '{"properties": {"a": {"type": "string"}}}', "values.yaml": "a: 1\n"},
            {},
            "[ERROR] values.yaml: - at '/a': got number, want string\n",
        ),
        (
            {"values.schema.json": '{"properties": {"a": {"type": "string"}}}', "values.yaml": "a: x\n"},
            {"a": 1.0},
            "[ERROR] values.yaml: - at '/a': got number, want string\n",
        ),
    ],
)
def test_rules_about_values(
    tmp_path: Path, contents: dict[str, str | bytes], values: dict[str, Any], messages: str
) -> None:
    assert found(tmp_path, contents, values)[0] == messages
    assert "[ERROR] values.yaml" not in "".join(
        found(tmp_path, {"values.yaml": "a: 1\n"}, {"a": 1.0}, skip_schema=True)
    )


def test_values_that_cannot_be_read(tmp_path: Path) -> None:
    assert found(tmp_path / "one", {"values.yaml": b"a: \xff\n"})[0] == (
        "[ERROR] values.yaml: unable to parse YAML: error converting YAML to JSON: yaml: invalid leading UTF-8 octet"
    )
    write(tmp_path / "two", {"Chart.yaml": GOOD, "values.yaml/x": ""})
    assert str(lint(tmp_path / "two", {}).messages[0]) == (
        f"[ERROR] values.yaml: unable to parse YAML: read {tmp_path}/two/values.yaml: is a directory"
    )


def test_a_schema_is_told_twice_as_upstream_does(tmp_path: Path) -> None:
    schema = '{"properties": {"a": {"type": "string"}}}'
    assert found(tmp_path, {"values.schema.json": schema, "values.yaml": "a: 1\n"})[1] == (
        "[ERROR] templates/: values don't meet the specifications of the schema(s) in the following chart(s):\n"
        "app:\n- at '/a': got number, want string\n"
    )


@pytest.mark.parametrize(
    ("contents", "messages"),
    [
        (
            {"templates/x.toml": "a"},
            [
                "[ERROR] templates/x.toml: file extension '.toml' not valid. Valid extensions are .yaml, .yml, .tpl, or .txt"
            ],
        ),
        (
            {"templates/x.yaml": "  a: b\nmetadata: {name: a}\n".replace("\nm", "\n  m")},
            [
                '[WARNING] templates/x.yaml: document starts with an illegal indent: "  a: b", which may cause parsing problems'
            ],
        ),
        (
            {"templates/x.yaml": OBJECT + "---\na: [\n---\n- x\n"},
            [
                "[ERROR] templates/x.yaml: unable to parse YAML: error converting YAML to JSON: yaml: line 1: did not find expected node content"
            ],
        ),
        (
            {"templates/x.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n"},
            ['[ERROR] templates/x.yaml: a Deployment must contain matchLabels or matchExpressions, and "a" does not'],
        ),
        (
            {
                "templates/x.yaml": "kind: List\nmetadata: {name: l}\nitems: [{metadata: {annotations: {helm.sh/resource-policy: keep}}}]\n"
            },
            ["[ERROR] templates/x.yaml: annotation 'helm.sh/resource-policy' within List objects are ignored"],
        ),
        (
            {"templates/x.yaml": "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: a}\n"},
            [
                "[WARNING] templates/x.yaml: batch/v1beta1 CronJob is deprecated in v1.21+, unavailable in v1.25+; use batch/v1 CronJob"
            ],
        ),
        (
            {"templates/x.yaml": '{{ required "need it" .Values.none }}{{ fail "never" }}'},
            [],
        ),
        (
            {"templates/x.yaml": "{{ .Values.a.b }}"},
            [
                '[ERROR] templates/: app/templates/x.yaml:1:10\n  executing "app/templates/x.yaml" at <.Values.a.b>:\n    nil pointer evaluating interface {}.b'
            ],
        ),
        (
            {"crds/x.yaml": "apiVersion: v1\nkind: X\n"},
            [
                "[ERROR] crds/x.yaml: apiVersion is not in 'apiextensions.k8s.io'",
                "[ERROR] crds/x.yaml: object kind is not 'CustomResourceDefinition'",
            ],
        ),
        ({"crds": "x"}, ["[ERROR] crds/: not a directory"]),
        (
            {"charts/sub/Chart.yaml": GOOD.replace("app", "sub")},
            ["[ERROR] CHART: chart metadata is missing these dependencies: sub"],
        ),
    ],
)
def test_rules_about_templates_and_the_rest(
    tmp_path: Path, contents: dict[str, str | bytes], messages: list[str]
) -> None:
    assert found(tmp_path, contents) == messages


def test_a_kind_is_deprecated_from_a_version_on(tmp_path: Path) -> None:
    old = Capabilities().at(KubeVersion.parse("1.20.0"))
    contents: dict[str, str | bytes] = {
        "templates/x.yaml": "apiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: a}\n"
    }
    assert found(tmp_path, contents, capabilities=old) == []
    assert deprecation_of("v1", "ComponentStatus", 1, 30) == "v1 ComponentStatus is deprecated in v1.19+"
    assert deprecation_of("example.com/v1", "CronJob", 1, 30) is None


def test_what_is_missing_is_information(tmp_path: Path) -> None:
    result = lint(write(tmp_path, {"Chart.yaml": GOOD}), {})
    assert [str(message) for message in result.messages] == [
        "[INFO] values.yaml: file does not exist",
        "[WARNING] templates/: directory does not exist",
    ]
    assert (result.failed, result.has_warnings) == (False, True)
    assert lint(tmp_path, {}, Options(strict=True)).failed


def test_archives_are_examined_and_what_is_no_chart_is_refused(tmp_path: Path) -> None:
    chart = write(tmp_path / "app", {"Chart.yaml": GOOD, "values.yaml": "", "templates/x.yaml": OBJECT})
    archive = save(load_dir(chart), tmp_path)
    assert lint(archive, {}).messages == []
    with pytest.raises(
        LintError, match=r"unable to check Chart.yaml file in chart: stat .*: no such file or directory"
    ):
        lint(tmp_path / "templates", {})
    (tmp_path / "bad.tgz").write_bytes(b"x")
    with pytest.raises(LintError, match="unable to extract tarball: gzip: invalid header"):
        lint(tmp_path / "bad.tgz", {})


@pytest.mark.parametrize(
    ("kind", "name", "problem"),
    [
        ("Pod", "a.b-c", None),
        ("Pod", "A", "a lowercase RFC 1123 subdomain must consist of lower case"),
        ("Pod", "", "a lowercase RFC 1123 subdomain must consist of lower case"),
        ("Service", "1a", "a DNS-1035 label must consist of lower case"),
        ("Namespace", "a.b", "a lowercase RFC 1123 label must consist of lower case"),
        ("Namespace", "a" * 64, "must be no more than 63 bytes"),
        ("ClusterRole", "system:x", None),
        ("Role", "a/b", "may not contain '/'"),
        ("CertificateSigningRequest", "A B", None),
        ("Custom", "A", "a lowercase RFC 1123 subdomain"),
    ],
)
def test_names(kind: str, name: str, problem: str | None) -> None:
    found_problem = name_problem(kind, name)
    assert (found_problem is None) if problem is None else (problem in (found_problem or ""))


@pytest.mark.parametrize("text", ["a@b.co", "first.last+tag@sub.example.com", "é@example.com"])
def test_addresses_that_are_fine(text: str) -> None:
    assert is_email(text)


@pytest.mark.parametrize("text", ["a", "a@b", "@b.co", "a b@c.de", "a@.co", "a..b@c.de"])
def test_addresses_that_are_not(text: str) -> None:
    assert not is_email(text)


def test_urls() -> None:
    assert [is_url(text) for text in ("https://example.com/x?y", "example.com", "x", "http://", ".x.y", "a b.c")] == [
        *(True, True, False, False, False, False)
    ]
    assert [is_request_url(text) for text in ("https://x/y#z", "/x", "x", "", "mailto:a", "http://[x")] == [
        *(True, False, False, False, False, False)
    ]
