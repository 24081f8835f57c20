"""Entry point of the ``flux`` command.

Nothing is imported here before it is needed: printing the version costs an interpreter start and no more.
"""

import gc
import sys
from collections.abc import Sequence

from fluxkit import __version__

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    args = list(sys.argv[1:] if arguments is None else arguments)
    if args == ["--version"]:
        print(f"flux version {__version__}")
        return
    from fluxkit.cli.root import run

    code = run(args)
    # What is left is not worth a last collection, which can take longer than the command.
    gc.freeze()
    sys.exit(code)
