"""The ``flux`` command: what a person types, and what they are told in return.

The verbs, flags, tables, progress lines, messages and exit codes are upstream's (fluxcd/flux2 cmd/flux), so that
scripts, articles and habits carry over. Data goes to standard output, progress and errors to standard error.

One module per verb. A verb is imported only when it is typed, and what a verb needs (the Kubernetes client, YAML, the
models) only when it runs: ``flux --version`` must stay far below a tenth of a second. Verbs hold no logic that a
controller could need; they ask the API server and wrap the packages below.

Beyond upstream: waiting is done by watching instead of polling, errors say what to do next, ``flux controllers`` runs
the controllers in the foreground of any machine, and ``flux sandbox`` runs a Kubernetes API without a cluster.
"""

from fluxkit.cli.main import main

__all__ = ["main"]
