# ruff: noqa: E501 - templates are easier to read on one line
"""``.Files`` and file name patterns."""

import pytest

from fluxkit.helm.render.patterns import PatternError, glob, path_pattern
from tests.helm.render.building import text_of

FILES = {"a.txt": b"one\ntwo\n", "conf/b.yaml": b"x: 1", "conf/deep/b.yaml": b"\xff\x00", "empty": b""}


@pytest.mark.contract("TPL-140", "TPL-142", "HLM-584", "HLM-585")
@pytest.mark.parametrize(
    ("template", "text"),
    [
        ('{{ .Files.Get "a.txt" | quote }} [{{ .Files.Get "nope" }}]', '"one\\ntwo\\n" []'),
        ('{{ .Files.GetBytes "conf/b.yaml" }} {{ .Files.GetBytes "nope" | len }}', "[120 58 32 49] 0"),
        ('{{ .Files.Lines "a.txt" | toJson }} {{ .Files.Lines "nope" | toJson }} {{ .Files.Lines "empty" | toJson }}', '["one","two"] [] []'),
        ('{{ (.Files.Glob "conf/b*").AsConfig }} {{ (.Files.Glob "conf/b*").AsSecrets }}', "b.yaml: 'x: 1' b.yaml: eDogMQ=="),
        ('{{ (.Files.Glob "nope/*").AsConfig }} {{ (.Files.Glob "nope/*").AsSecrets }}', "{} {}"),
        ("{{ range $path, $_ := .Files }}{{ $path }} {{ end }}", "a.txt conf/b.yaml conf/deep/b.yaml empty "),
        ("{{ range $path, $_ := .Files.Glob `conf/**` }}{{ $path }} {{ end }}", "conf/b.yaml conf/deep/b.yaml "),
        ("{{ typeOf .Files }} {{ kindOf .Files }} {{ len .Files }} {{ .Files.nope }}", "engine.files map 4 []"),
    ],
)  # fmt: skip
def test_files(template: str, text: str) -> None:
    assert text_of(template, files=FILES) == text


@pytest.mark.contract("TPL-143")
def test_index_gives_bytes() -> None:
    assert text_of('{{ index .Files "conf/b.yaml" }}', files=FILES) == "[120 58 32 49]"


@pytest.mark.contract("TPL-141")
@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("*.yaml", ["a.yaml", ".yaml"], ["a/b.yaml", "a.yml"]),
        ("**.yaml", ["a.yaml", "a/b/c.yaml"], ["a.yml"]),
        ("**/x", ["a/x", "a/b/x", "/x"], ["x"]),
        ("a?c", ["abc"], ["a/c", "ac"]),
        ("[a-c]x", ["ax", "cx"], ["dx", "x"]),
        ("[!a-c]x", ["dx"], ["ax"]),
        ("[abc]", ["a", "c"], ["-", "d"]),
        ("[!ab]", ["c"], ["a"]),
        ("{a,b*}c", ["ac", "bc", "bxc"], ["c", "b/c"]),
        ("{a,{b,c}d}", ["a", "bd", "cd"], ["d", "b"]),
        ("a{,b}", ["a", "ab"], ["b"]),
        (r"\*\{x\}", ["*{x}"], ["a{x}"]),
        ("a,b}", ["a,b}"], ["a"]),
        ("", [""], ["a"]),
        ("[z-a]", ["anything/at all"], []),
        ("[", ["anything"], []),
        ("[]", ["anything"], []),
    ],
)
def test_globs(pattern: str, matching: list[str], other: list[str]) -> None:
    assert [text for text in matching + other if glob(pattern)(text)] == matching


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("templates/*.yaml", ["templates/a.yaml"], ["templates/b/a.yaml"]),
        ("a[^b-d]?", ["aex", "a]x"], ["abx", "ae/"]),
        (r"\*[\]]", ["*]"], ["a]"]),
        ("a{b}", ["a{b}"], ["ab"]),
    ],
)
def test_path_patterns(pattern: str, matching: list[str], other: list[str]) -> None:
    assert [text for text in matching + other if path_pattern(pattern)(text)] == matching


@pytest.mark.parametrize("pattern", ["[", "[]", "[a", "[a-]", "[-a]", "\\"])
def test_bad_path_patterns(pattern: str) -> None:
    with pytest.raises(PatternError):
        path_pattern(pattern)
