# ruff: noqa: E501 - the table is easier to read on one line
"""Post-rendering: documents go out as one stream and find their way back to their files."""

import copy
from collections.abc import Iterable
from typing import Any

import pytest

from fluxkit import yaml
from fluxkit.helm.render import RenderError
from fluxkit.helm.render.postrender import FILENAME_ANNOTATION, Strategy, post_renderer
from tests.helm.render.building import chart, rendered

HOOK = "kind: Pod\nmetadata: {name: h, annotations: {helm.sh/hook: test}}\n"
PLAIN = "kind: A\nmetadata: {name: a}\nb: 1\nb: 2\n---\nkind: B\nmetadata: {name: b, annotations: {x: z}}\n"


class Recorder:
    """Labels everything, adds one object, and remembers the streams it was given."""

    def __init__(self) -> None:
        self.streams: list[list[dict[str, Any]]] = []

    def __call__(self, stream: str) -> Iterable[dict[str, Any]]:
        objects = yaml.load_all(stream)
        self.streams.append(copy.deepcopy(objects))
        for each in objects:
            each["seen"] = True
        return [*objects, {"kind": "Extra", "metadata": {"name": f"e{len(self.streams)}"}}]


@pytest.mark.contract("HLM-363", "HLM-364", "HLM-365", "HLM-366")
@pytest.mark.parametrize(
    ("strategy", "streams", "extra"),
    [
        ("combined", [["A", "B", "Pod"]], {"generated-by-postrender-3.yaml"}),
        ("separate", [["Pod"], ["A", "B"]], {f"generated-by-postrender-{name}.yaml" for name in ("hooks-1", "manifests-2")}),
        ("nohooks", [["A", "B"]], {"generated-by-postrender-manifests-2.yaml"}),
    ],
)  # fmt: skip
def test_strategies(strategy: Strategy, streams: list[list[str]], extra: set[str]) -> None:
    recorder = Recorder()
    of = chart(
        {"a.yaml": PLAIN, "h.yaml": HOOK, "_p.yaml": "{{ fail `x` }}", "NOTES.txt": "not: sent", "empty.yaml": " "}
    )
    result = rendered(of, post_renderer=post_renderer(recorder, strategy))
    assert [[each["kind"] for each in stream] for stream in recorder.streams] == streams
    paths = [each["metadata"]["annotations"][FILENAME_ANNOTATION] for stream in recorder.streams for each in stream]
    assert set(paths) <= {"demo/templates/a.yaml", "demo/templates/h.yaml"}
    assert {each.path for each in result.manifests} == {"demo/templates/a.yaml", *extra}
    (hook,) = result.hooks
    assert ("seen: true" in hook.manifest) is (strategy != "nohooks")
    assert hook.path == "demo/templates/h.yaml"
    text = result.manifest()
    assert text.count("seen: true") == 2
    assert "postrender-filename" not in text
    assert "annotations:\n    x: z" in text
    assert "metadata:\n  name: a\n" in text
    assert result.notes == "not: sent"


def test_what_cannot_be_sent() -> None:
    for text, problem in (("[", "parsing demo/templates/a.yaml"), ("- a", "annotating demo/templates/a.yaml")):
        with pytest.raises(RenderError, match=f"error merging manifests: {problem}"):
            rendered(chart({"a.yaml": text}), post_renderer=post_renderer(Recorder()))
