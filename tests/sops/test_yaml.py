"""YAML with comments, read and written as go-yaml does; the layouts are what the real sops makes of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fluxkit.sops import SopsError
from fluxkit.sops.stores import yaml
from fluxkit.sops.tree import Branch
from fluxkit.sops.values import Comment, Timestamp

LAYOUTS = [
    # what stands above, behind and below
    ("# head\n\n# of a\na: 1\n# foot\n\nb: 2\n# the end", "# head\n# of a\na: 1\n# foot\nb: 2\n# the end\n"),
    ("r:\n  a: 1 # behind\n\n  # above\n  b: 2\n", "r:\n    a: 1 # behind\n    # above\n    b: 2\n"),
    ("a:\n  # first\n  b: 1\n\n  # last\nc: 2\n", "a:\n    # first\n    b: 1\n    # last\nc: 2\n"),
    ("a:\n- x # item\n# above\n- y\n", 'a:\n    - x # item\n    # above\n    - "y"\n'),
    ("a:\n  - # dash\n    k: v\n", "a:\n    # dash\n    - k: v\n"),
    ("a: # behind a key\n  b: 1\n", "# behind a key\na:\n    b: 1\n"),
    ("r:\n  a: | # an indicator\n    x\n", "r:\n    a: | # an indicator\n        x\n"),
    ("a: 1\n# the end\n", "a: 1\n# the end\n"),
    # collections
    ("a: {}\nb: []\nc: {d: [1, {e: f}]}\n", "a: {}\nb: []\nc:\n    d:\n        - 1\n        - e: f\n"),
    ("a: &x {b: 1}\nc: *x\n", "a:\n    b: 1\nc:\n    b: 1\n"),
    ("a:\n- - 1\n  - 2\n", "a:\n    - - 1\n      - 2\n"),
    ("a: 1\n---\nb: 2\n", "a: 1\n---\nb: 2\n"),
    ("---\n# nothing\n", "# nothing\n{}\n"),
    # scalars
    ("a: 0x1F\nb: 1_000\nc: 0o17\nd: 1e3\ne: .inf\n", "a: 31\nb: 1000\nc: 15\nd: 1000\ne: .inf\n"),
    ("a: 2001-12-14\nb: yes\nc: True\nd: ~\n", 'a: 2001-12-14T00:00:00Z\nb: "yes"\nc: true\nd: null\n'),
    ("a: '1'\nb: \"a: b\"\nc: ' x'\nd: \"\\t\"\ne: ''\n", 'a: "1"\nb: \'a: b\'\nc: \' x\'\nd: "\\t"\ne: ""\n'),
    ('a: "x\\ny\\n"\nb: "x\\n\\n"\nc: " x\\ny"\n', "a: |\n    x\n    y\nb: |+\n    x\n\nc: |4-\n     x\n    y\n"),
    ("a: !!binary /w==\nb: '<<'\n", "a: !!binary /w==\nb: !!merge <<\n"),
    (f"{'k' * 129}: 1\n", f"? {'k' * 129}\n: 1\n"),
]


@pytest.mark.parametrize(("text", "written"), LAYOUTS)
def test_layouts(text: str, written: str) -> None:
    assert yaml.dump(yaml.load(text.encode())).decode() == written


def test_comments_and_types() -> None:
    (branch,) = yaml.load(b"# a\nb: 1 # c\nd: [x] # e\nf: 2001-12-14\n")
    assert branch == [
        (Comment(" a"), None),
        (Comment(" c", inline=True), None),
        ("b", 1),
        ("d", [Comment(" e"), "x"]),
        ("f", Timestamp("2001-12-14T00:00:00Z")),
    ]


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20) | st.sampled_from(
    ["yes", "1", "1.5", "null", "~", "", " ", "a\nb", "a\n", "\n", "# x", "- a", "a: b", "1:30", "\t", "0x1", "'", '"']
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXTS
LINES = st.text(st.characters(codec="ascii", exclude_categories=("Cc",)), min_size=1, max_size=10)


def branches(values: st.SearchStrategy[object]) -> st.SearchStrategy[Branch]:
    pairs = st.dictionaries(TEXTS.filter(lambda key: "\n" not in key), values, min_size=1, max_size=4)
    return pairs.map(lambda each: Branch(each.items()))


TREES = branches(st.recursive(SCALARS, lambda each: st.lists(each, max_size=3) | branches(each), max_leaves=12))


@settings(max_examples=40, deadline=None)
@given(TREES)
def test_values_survive(branch: Branch) -> None:
    (found,) = yaml.load(yaml.dump([branch]))
    assert _floats_as_numbers(found) == _floats_as_numbers(branch)


def _floats_as_numbers(value: object) -> object:
    """A float without fraction reads as an integer, as it does upstream."""
    if isinstance(value, Branch):
        return [(key, _floats_as_numbers(each)) for key, each in value]
    if isinstance(value, list):
        return [_floats_as_numbers(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["a: 1", "b:", "  c: 2", "- x", "  - y", "# z", "  # w", "", "d: | # v", "  t", "---", "]", "{"]
        )
    )
)
def test_any_text_is_read_or_refused(lines: list[str]) -> None:
    numbered = [line.replace(":", f"{number}:", 1) for number, line in enumerate(lines)]
    try:
        document = yaml.load("\n".join(numbered).encode())
    except SopsError:
        return
    written = yaml.dump(document)
    assert yaml.dump(yaml.load(written)) == yaml.dump(yaml.load(yaml.dump(yaml.load(written))))
