"""Examining a chart as ``helm lint`` does: rules about Chart.yaml, values, templates, dependencies and definitions.

Promises: the messages of Helm v4, in its order, with their severities. Refuses nothing: whatever is wrong with a chart
becomes a message, unless there is no Chart.yaml at all.

Differs from upstream in what counts as a valid e-mail address or maintainer's URL, which is a little plainer here.

Upstream: helm/helm ``pkg/chart/v2/lint``, ``pkg/action/lint.go``.
"""

from fluxkit.helm.lint.linter import LintError, LintResult, lint
from fluxkit.helm.lint.messages import Message, Severity
from fluxkit.helm.lint.options import Options

__all__ = ["LintError", "LintResult", "Message", "Options", "Severity", "lint"]
