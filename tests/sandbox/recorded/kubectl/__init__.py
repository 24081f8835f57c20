"""A session of kubectl, as people type it, and what it printed against a real cluster.

``session`` holds the commands, ``terminal`` runs them, ``kubelet`` makes Pods of a control plane without nodes run.
``outputs.json`` is what each minor version of kubectl printed against a real control plane, written by
``scripts/record_kubectl.py``.
"""
