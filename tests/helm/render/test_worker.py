"""Rendering in a worker process: what goes in and comes out, and what happens to a chart that takes too much there."""

import pytest

from fluxkit.helm.render import RenderLimitError, TemplateFailure, render
from fluxkit.runtime.workers import WorkerMemory, WorkerPool
from tests.helm.render.building import chart

MEBIBYTE = 1 << 20
HOOK = "kind: Pod\nmetadata: {name: h, annotations: {helm.sh/hook: test}}"


async def test_results_and_errors_come_back() -> None:
    async with WorkerPool(1, preload=["fluxkit.helm.render"], memory_limit_bytes=400 * MEBIBYTE) as pool:
        of = chart({"a.yaml": "kind: A\nname: {{ .Release.Name }}{{ .Values.x }}", "h.yaml": HOOK}, {"x": 1.0})
        result = await pool.run(render, of, {"x": 2.0}, timeout=60)
        assert result.manifest() == "---\n# Source: demo/templates/a.yaml\nkind: A\nname: release-name2\n"
        assert [hook.events for hook in result.hooks] == [["test"]]
        with pytest.raises(TemplateFailure, match=r"execution error at \(demo/templates/a.yaml:1:3\): no"):
            await pool.run(render, chart({"a.yaml": '{{ fail "no" }}'}), {}, timeout=60)
        endless = '{{ define "a" }}{{ range until 1000 }}{{ template "a" . }}{{ end }}{{ end }}{{ include "a" . }}'
        with pytest.raises((RenderLimitError, TemplateFailure), match=r"maximum template depth \(5000\)"):
            await pool.run(render, chart({"a.yaml": endless}), {}, timeout=60)
        keep = '{{ $d := dict }}{{ range until 400 }}{{ $_ := set $d (toString .) (repeat 6000000 "x") }}{{ end }}'
        with pytest.raises((RenderLimitError, WorkerMemory)):
            await pool.run(render, chart({"a.yaml": keep}), {}, timeout=60)
        assert (await pool.run(render, of, {}, timeout=60)).manifests
