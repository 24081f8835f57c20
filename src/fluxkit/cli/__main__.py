"""``python -m fluxkit.cli``: the same as ``flux``, without an installed script."""

from fluxkit.cli.main import main

main()
