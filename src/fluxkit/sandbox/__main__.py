"""``python -m fluxkit.sandbox --dir DIRECTORY --port PORT``: the server in the foreground."""

import argparse
import logging
import sys

from fluxkit.sandbox.service import serve
from fluxkit.sandbox.storage import StorageError


def main() -> int:
    parser = argparse.ArgumentParser(prog="fluxkit.sandbox", description="An embedded Kubernetes API server.")
    parser.add_argument("--dir", required=True, help="where data, certificates and kubeconfig live")
    parser.add_argument("--port", type=int, default=0, help="default: that of the last start, or a free one")
    parser.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        serve(arguments.dir, arguments.port, ready_fd=arguments.ready_fd)
    except (OSError, StorageError) as error:
        print(f"sandbox: {error}", file=sys.stderr)  # noqa: T201 - a command line's error
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
