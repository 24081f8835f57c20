"""The reconcilers: thin, they wire the packages below together.

:mod:`~fluxkit.controllers.gitrepository` and :mod:`~fluxkit.controllers.kustomization` reconcile their kinds,
:mod:`~fluxkit.controllers.building` makes objects of an unpacked source, :mod:`~fluxkit.controllers.app` puts it all
together as one process. The other modules are what kinds share: options, sources, the clusters that are applied to.

A reconciler acts on the state it reads, never on the event that woke it; interrupted anywhere and run again it
converges to the same result. What it remembers between runs only saves work: losing it costs requests, never
correctness.
"""
