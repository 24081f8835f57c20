"""``python -m demo [--keep] [--dir DIRECTORY]``."""

import argparse
import asyncio
import sys
from pathlib import Path

from demo.narrator import DemoFailed
from demo.story import play


def main() -> int:
    parser = argparse.ArgumentParser(prog="demo", description="Play the story of fluxkit on an embedded cluster.")
    parser.add_argument("--keep", action="store_true", help="leave everything running and say what to try")
    parser.add_argument("--dir", type=Path, default=Path(".demo"), help="where the demo keeps its state")
    arguments = parser.parse_args()
    try:
        asyncio.run(play(arguments.dir.resolve(), keep=arguments.keep))
    except DemoFailed as failure:
        sys.stderr.write(f"\n✗ The demo did not hold: {failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
