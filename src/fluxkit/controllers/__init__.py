"""The reconcilers, one module per kind: thin, they wire the packages below together.

A reconciler acts on the state it reads, never on the event that woke it; interrupted anywhere and run again it
converges to the same result. What it remembers between runs (:mod:`fluxkit.controllers.memory`) only saves work: losing
it costs requests, never correctness.
"""
