"""Rendering charts beside the real ``helm`` binary, where that is on the path.

The charts are generated; ``FLUXKIT_BENCH_CHARTS`` may name real ones to measure as well, separated by ``:``.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.report import Figure, announce, show

__all__ = ["helm"]

_TURNS = 5

_HELPERS = """\
{{- define "NAME.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- define "NAME.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "NAME.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- define "NAME.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "NAME.selectorLabels" . }}
{{- if .Chart.AppVersion }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
{{- define "NAME.selectorLabels" -}}
app.kubernetes.io/name: {{ include "NAME.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
"""

_DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "NAME.fullname" . }}-NUMBER
  labels:
    {{- include "NAME.labels" . | nindent 4 }}
spec:
  {{- if not .Values.hpa.enabled }}
  replicas: {{ .Values.replicaCount }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "NAME.selectorLabels" . | nindent 6 }}
  template:
    metadata:
      annotations:
        checksum/config: {{ toYaml .Values.config | sha256sum }}
        {{- range $key, $value := .Values.podAnnotations }}
        {{ $key }}: {{ $value | quote }}
        {{- end }}
      labels:
        {{- include "NAME.selectorLabels" . | nindent 8 }}
    spec:
      containers:
        - name: {{ .Chart.Name }}
          image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
          {{- with .Values.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          env:
            {{- tpl (toYaml .Values.env) . | nindent 12 }}
          ports:
            - containerPort: {{ .Values.service.port | int }}
"""

_SERVICE = """\
{{- if .Values.service.enabled }}
apiVersion: v1
kind: Service
metadata:
  name: {{ template "NAME.fullname" . }}-NUMBER
  labels: {{- include "NAME.labels" . | nindent 4 }}
spec:
  type: {{ .Values.service.type }}
  ports:
    - port: {{ .Values.service.port }}
      {{- if semverCompare ">=1.20-0" .Capabilities.KubeVersion.Version }}
      appProtocol: http
      {{- end }}
  selector: {{- include "NAME.selectorLabels" . | nindent 4 }}
{{- end }}
"""

_CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ include "NAME.fullname" . }}-NUMBER
data:
  {{- range $key, $value := .Values.config }}
  {{ $key }}: {{ tpl $value $ | quote }}
  {{- end }}
"""

_RULES = """\
{{- if and .Values.rules.create (semverCompare ">=1.14.0-0" .Capabilities.KubeVersion.Version) }}
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: {{ printf "%s-%s" (include "NAME.fullname" .) "rules-NUMBER" | trunc 63 | trimSuffix "-" }}
spec:
  groups:
    - name: group-NUMBER
      rules:
RULES
{{- end }}
"""

_RULE = """\
{{- if not (.Values.rules.disabled.AlertNUMBER | default false) }}
        - alert: AlertNUMBER
          annotations:
            {{- with .Values.rules.annotations }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
            description: 'Pod {{`{{`}} $labels.namespace {{`}}`}}/{{`{{`}} $labels.pod {{`}}`}} is not well.'
          expr: sum by (namespace, pod, {{ range $.Values.rules.labels }}{{ . }},{{ end }} job) (rate(x_NUMBER[5m])) > 0
          for: {{ dig "AlertNUMBER" "for" "15m" .Values.rules.own }}
          labels:
            severity: {{ dig "AlertNUMBER" "severity" "warning" .Values.rules.own }}
            {{- with .Values.rules.extra }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
{{- end }}
"""

_VALUES = """\
replicaCount: 2
nameOverride: ""
image: {repository: example.com/app, tag: ""}
service: {enabled: true, type: ClusterIP, port: 8080}
hpa: {enabled: false}
resources: {limits: {memory: 64Mi}, requests: {cpu: 10m}}
podAnnotations: {prometheus.io/scrape: "true"}
env: [{name: RELEASE, value: "{{ .Release.Name }}"}]
config: {one: "text", two: "{{ .Values.image.repository }}", three: "{{ .Chart.Name }}"}
rules: {create: true, disabled: {}, annotations: {team: a}, labels: [cluster], own: {}, extra: {tier: infra}}
"""


async def helm() -> None:
    """(k) helm template, in process and as a process."""
    binary = shutil.which("helm")
    announce("helm template" + ("" if binary else " (no helm binary on the path to compare with)"))
    with tempfile.TemporaryDirectory(prefix="fluxkit-bench-") as scratch:
        for name, chart in _charts(Path(scratch)):
            _measure(name, chart, binary)


def _measure(name: str, chart: Path, binary: str | None) -> None:
    theirs = _median(lambda: _run([binary, "template", "release", str(chart)])) if binary else None
    flux = str(Path(sys.executable).with_name("flux"))
    process = _median(lambda: _run([flux, "helm", "template", "release", str(chart)]))
    runs = [json.loads(_run([sys.executable, "-m", "benchmarks.helm", str(chart)])) for _ in range(_TURNS)]
    figures = {
        f"{name}: whole process": process,
        "  in process, load and first rendering": statistics.median(run["first"] for run in runs),
        "  in process, then with other values": statistics.median(run["second"] for run in runs),
    }
    peer = "helm's whole process" if binary else ""
    show(*(Figure(what, value, "ms", peer, theirs) for what, value in figures.items()))


def _run(command: Sequence[str]) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout


def _median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_TURNS):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def _charts(root: Path) -> Iterator[tuple[str, Path]]:
    yield "a small chart", _chart(root / "small", 4)
    yield "rules and dashboards (2 MB of templates)", _with_rules(root / "rules")
    yield "300 templates", _chart(root / "large", 100)
    yield "20 subcharts", _umbrella(root / "umbrella")
    for path in filter(None, os.environ.get("FLUXKIT_BENCH_CHARTS", "").split(":")):
        yield Path(path).name, Path(path)


def _chart(path: Path, count: int, name: str = "app") -> Path:
    """A chart of ``3 * count`` templates beside its helpers."""
    templates = path / "templates"
    templates.mkdir(parents=True)
    (path / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: 1.0.0\nappVersion: 1.2.3\n")
    (path / "values.yaml").write_text(_VALUES)
    (templates / "_helpers.tpl").write_text(_HELPERS.replace("NAME", name))
    for number in range(count):
        for kind, text in (("deployment", _DEPLOYMENT), ("service", _SERVICE), ("config", _CONFIG)):
            (templates / f"{kind}-{number}.yaml").write_text(text.replace("NAME", name).replace("NUMBER", str(number)))
    return path


def _with_rules(path: Path) -> Path:
    _chart(path, 10)
    panel = json.dumps({"title": "Panel", "targets": [{"expr": "sum(rate(x[5m])) by (job)"}] * 20}, indent=2)
    for number in range(40):
        rules = "".join(_RULE.replace("NUMBER", f"{number}x{rule}") for rule in range(30))
        text = _RULES.replace("RULES", rules).replace("NAME", "app").replace("NUMBER", str(number))
        (path / "templates" / f"rules-{number}.yaml").write_text(text)
        dashboard = panel.replace("\n", "\n    ") * 15
        config = _CONFIG.replace("NAME", "app").replace("NUMBER", f"d{number}")
        text = f"{config}  dashboard.json: |-\n    {dashboard}{{{{`{{{{ legend }}}}`}}}}\n"
        (path / "templates" / f"dashboard-{number}.yaml").write_text(text)
    return path


def _umbrella(path: Path) -> Path:
    _chart(path, 1, "umbrella")
    for number in range(20):
        _chart(path / "charts" / f"sub{number}", 3, f"sub{number}")
    values = "".join(f"sub{number}: {{replicaCount: {number}, image: {{tag: v{number}}}}}\n" for number in range(20))
    (path / "values.yaml").write_text(f"{_VALUES}global: {{region: somewhere}}\n{values}")
    return path


def _in_process(path: str) -> dict[str, float]:
    from fluxkit.helm.chart import load
    from fluxkit.helm.render import render

    started = time.perf_counter()
    chart = load(path)
    render(chart, {}).manifest()
    first = time.perf_counter()
    render(chart, {"replicaCount": 5, "podAnnotations": {"other": "value"}}).manifest()
    second = time.perf_counter()
    return {"first": (first - started) * 1000, "second": (second - first) * 1000}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_in_process(sys.argv[1])))
