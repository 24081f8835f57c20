"""Helm charts without Helm: load them, compute their values, render, check and pack them.

Promises: what ``helm`` v4 does with a chart, text for text. :mod:`fluxkit.helm.chart` reads directories and archives,
:mod:`fluxkit.helm.values` merges what users give with what charts bring, :mod:`fluxkit.helm.dependencies` decides which
subcharts take part, :mod:`fluxkit.helm.render` makes manifests of it all. Each is pure: bytes and dicts in, dicts and
texts out; given limits bound what a hostile chart can take. Around them :mod:`fluxkit.helm.show` and
:mod:`fluxkit.helm.lint` tell about charts, :mod:`fluxkit.helm.package` and :mod:`fluxkit.helm.vendoring` make archives
and gather the charts that a chart needs.

Refuses: to run anything, to reach the network while loading or rendering, and to read files outside the chart unless
told where links may lead.

Upstream: helm/helm v4 (``pkg/chart/v2``, ``pkg/chart/common/util``, ``pkg/strvals``, ``pkg/engine``).
"""

from fluxkit.helm.errors import HelmError

__all__ = ["HelmError"]
