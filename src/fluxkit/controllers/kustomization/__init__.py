"""Reconciling Kustomizations: one attempt after the other to make a cluster what the source says.

:mod:`~.reconciler` decides whether there is an attempt, and what its end means; :mod:`~.attempt` builds, applies,
prunes and waits for health. Around them, one module for each rule: who depends on whom, who else claims an object, what
may be pruned, what is told of it, where to go back to, and how it ends. State is the status of the object and the
cluster; :mod:`~.memory` only saves work.
"""
